"""What the page shows of one photo: the input, the re-blur, sharp sub-frames, where joints are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.evaluate.pose_sequences import PoseSequence
from hfb.geometry import project
from hfb.matte import CropBox, crop_camera, crop_image, crop_valid, find_region
from hfb.motion import subframe_times
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import ALPHA_FLOOR
from hfb.refine.result import Refinement, render_views
from hfb.report.page.packing import picture
from hfb.report.write_baseline import object_views
from hfb.structures import BlurSample, BodyParams

PICTURE_SIZE = 360
MARGIN = 0.2
MOST_FRAMES = 16
"""Sub-frames of a photo."""
MOST_PICTURES = 48
"""Sub-frames of all photos of a sample: each is 5 to 10 kB."""


@dataclass(frozen=True)
class PhotoView:
    """One photo on the page; pictures are addresses of themselves.

    Attributes:
        photo: the input, cropped to the person.
        reblurred: the estimate blurred again, the same crop.
        frames: sharp sub-frames, the same crop.
        times: of each sub-frame, s.
        box: left edge, upper edge and side of the crop, px of the photo.
        inside: left edge, upper edge, width and height of the part of the crop that lies in the
            photo, px of the picture; the pictures show this part only.
        joints: px of the crop at the size of the picture; None where a method has none.
        joints_3d: in the camera frame, m.
        pose_rotmat: root first.
        root: place of the root joint, camera frame, m.
        start_joints: of the starting pose, camera frame, m.
    """

    photo: str
    reblurred: str
    frames: tuple[str, ...]
    times: tuple[float, ...]
    box: tuple[int, int, int]
    inside: tuple[int, int, int, int]
    joints: Float[Tensor, "N J 2"] | None = None
    joints_3d: Float[Tensor, "N J 3"] | None = None
    pose_rotmat: Float[Tensor, "N J 3 3"] | None = None
    root: Float[Tensor, "N 3"] | None = None
    start_joints: Float[Tensor, "J 3"] | None = None


def frames_of_photos(num_photos: int) -> int:
    """How many sub-frames of each photo the page shows.

    Args:
        num_photos: on the page.
    """
    return max(2, min(MOST_FRAMES, MOST_PICTURES // num_photos))


def region_of(alphas: list[Float[Tensor, "1 H W"]]) -> CropBox:
    """The square around the person in all photos.

    Args:
        alphas: mattes.
    """
    return find_region(torch.stack(alphas).amax(0)[0] > ALPHA_FLOOR, MARGIN)


@torch.no_grad()
def view_of_photo(
    item: InitialisedFrame,
    refinement: Refinement,
    fitter: Fitter,
    count: int,
    box: CropBox | None = None,
) -> PhotoView:
    """Draw one photo.

    Args:
        item: the photo with its matte.
        refinement: what was found.
        fitter: the tools of the run.
        count: of sub-frames; where a method gives poses at certain times, those.
        box: what to cut out; by default the square around the person.
    """
    box = box or region_of([item.alpha])
    if isinstance(refinement, PoseSequence):
        count = refinement.num_subframes
    camera = crop_camera(refinement.camera, box, PICTURE_SIZE)
    background = crop_image(item.sample.background, box, PICTURE_SIZE)
    height, width = item.alpha.shape[-2:]
    x, y, w, h = inside = _part_inside(crop_valid(height, width, box, PICTURE_SIZE))
    body, shares = fitter.body, subframe_times(count)
    views = render_views(refinement, body, camera, background, fitter.render_settings, count)
    pose, transl = refinement.poses(shares)
    joints = body.joints(BodyParams(refinement.betas, pose, transl))
    opening, closing = item.sample.exposure[0].tolist()
    if refinement.gap is not None:  # where only openings are known, closings are the next ones
        closing -= refinement.gap.share * (closing - opening)

    def shown(image: Float[Tensor, "3 h w"]) -> str:
        return picture(image[:, y : y + h, x : x + w])

    return PhotoView(
        photo=shown(crop_image(item.sample.blurry[0], box, PICTURE_SIZE)),
        reblurred=shown(views.reblurred),
        frames=tuple(shown(frame) for frame in views.subframes),
        times=tuple(opening + share * (closing - opening) for share in shares.tolist()),
        box=(box.x0, box.y0, box.size),
        inside=inside,
        joints=project(joints, camera),
        joints_3d=joints,
        pose_rotmat=pose,
        root=joints[:, 0],
        start_joints=body.joints(item.estimate.params()),
    )


@torch.no_grad()
def view_of_object(estimate: ObjectEstimate, sample: BlurSample) -> PhotoView:
    """Draw the first photo of a method without joints.

    Args:
        estimate: what it found.
        sample: the photo.
    """
    shares = subframe_times(MOST_FRAMES)
    views = object_views(estimate, shares)
    opening, closing = sample.exposure[0].tolist()
    box = estimate.problem.box
    return PhotoView(
        photo=picture(views.photo),
        reblurred=picture(views.reblurred),
        frames=tuple(picture(frame) for frame in views.subframes),
        times=tuple(opening + share * (closing - opening) for share in shares.tolist()),
        box=(box.x0, box.y0, box.size),
        inside=(0, 0, views.photo.shape[-1], views.photo.shape[-2]),
    )


def _part_inside(is_inside: Float[Tensor, "1 R R"]) -> tuple[int, int, int, int]:
    """Left edge, upper edge, width and height of the part of a crop that lies in the photo."""
    rows, columns = torch.nonzero(is_inside[0] > 0.5, as_tuple=True)
    (y0, y1), (x0, x1) = ((int(v.min()), int(v.max()) + 1) for v in (rows, columns))
    return x0, y0, x1 - x0, y1 - y0
