"""What a refinement works on: crops at the working resolution, one a photo and starting pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.batch import Batch
from hfb.body import SmplBody
from hfb.errors import ShapeError
from hfb.geometry import project
from hfb.init.register.correspondence import CHANNEL_NAMES
from hfb.matte import crop_camera, crop_image, crop_valid, find_region, paste_crop
from hfb.matte.region import CropBox
from hfb.refine.sequence.boundaries import Sequences
from hfb.structures import BlurSample, BodyParams, Camera, InitialEstimate, SeenLandmarks

ALPHA_FLOOR = 0.05
"""Matte below which a pixel does not count as the person's when the crop is laid out."""

MOST_CUT = 0.1
"""Share of the body outside the photo from which the frame counts as cutting it."""


@dataclass(frozen=True)
class RefineProblem(Batch):
    """A batch of P problems; those of different sequences never influence each other.

    Attributes:
        names: one a problem, for logs.
        image: blurry crop, sRGB in [0, 1].
        background: clean crop, sRGB in [0, 1].
        alpha: matte of the crop.
        valid: weight of each pixel in comparisons: 1 inside the photo, 0 where the crop reaches
            over its edge, or the background is not known and not covered by the person.
        camera: cameras of the crops.
        start: static starting pose of each problem, camera frame.
        matte_is_given: True where the matte came with the photo and is not to be touched.
        joint_sigma: uncertainty of each joint of the start, rad; NaN where unknown; None: nowhere
            known.
        landmarks: where a detector saw the person, px of the crop; trust NaN where it is not known;
            None: nowhere known.
        sequences: which problems are consecutive photos of one person; None: none are.
        probability: how likely the start is right among those of its photo; None: nowhere known.
    """

    names: tuple[str, ...]
    image: Float[Tensor, "P 3 S S"]
    background: Float[Tensor, "P 3 S S"]
    alpha: Float[Tensor, "P 1 S S"]
    valid: Float[Tensor, "P 1 S S"]
    camera: Camera
    start: BodyParams
    matte_is_given: tuple[bool, ...]
    joint_sigma: Float[Tensor, "P J"] | None = None
    landmarks: SeenLandmarks | None = None
    sequences: Sequences | None = None
    probability: Float[Tensor, " P"] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def alone(self) -> RefineProblem:
        """The same problems as photos that have nothing to do with one another."""
        return replace(self, sequences=None)


def build_problem(
    sample: BlurSample,
    estimate: InitialEstimate,
    alpha: Float[Tensor, "1 H W"],
    image_size: int,
    margin: float,
    num_starts: int | Literal["auto"] = 1,
) -> RefineProblem:
    """Cut one sample to the person's region; one problem a starting pose.

    Args:
        sample: the photo with its background; its first frame is used.
        estimate: starting poses, best first; their `transl` belongs to `estimate.camera`.
        alpha: matte of the whole photo.
        image_size: side of the crop, px.
        margin: space around the person, as a share of the crop.
        num_starts: how many starting poses to take, fewer if the estimate has fewer; "auto": those
            that it holds likely, one where it does not say.
    """
    height, width = alpha.shape[-2:]
    box = find_region(alpha[0] > ALPHA_FLOOR, margin)
    inside = crop_valid(height, width, box, image_size)
    own_alpha = crop_image(alpha, box, image_size, is_colour=False) * inside
    valid = inside
    if sample.background_known is not None:
        known = crop_image(sample.background_known, box, image_size, is_colour=False)
        # What the person covers does not depend on the background.
        valid = torch.maximum(inside * known, own_alpha)
    if sample.others is not None:
        # The person may go on behind others, or in front of them: nobody can see.
        valid = valid * (1.0 - crop_image(sample.others[0], box, image_size, is_colour=False))
    count = _num_likely(estimate) if num_starts == "auto" else min(num_starts, len(estimate))
    chosen = estimate.index(slice(count))
    camera = crop_camera(estimate.camera, box, image_size)
    # Of several photos some may come with a known vertical.
    camera = replace(camera, up=camera.vertical)

    def repeat(tensor: Tensor) -> Tensor:
        return tensor.expand(count, *tensor.shape).contiguous()

    return RefineProblem(
        names=tuple(f"{sample.sample_id}/{k}" for k in range(count)),
        image=repeat(crop_image(sample.blurry[0], box, image_size)),
        background=repeat(crop_image(sample.background, box, image_size)),
        # Where the crop reaches over the edge of the photo nothing is known.
        alpha=repeat(own_alpha),
        valid=repeat(valid),
        camera=Camera.stack([camera] * count),
        start=chosen.all_params(),
        matte_is_given=(sample.alpha is not None,) * count,
        joint_sigma=chosen.joint_sigma,
        landmarks=_in_crop(chosen, box, image_size),
        probability=chosen.probability,
    )


def _num_likely(estimate: InitialEstimate) -> int:
    """How many of the first hypotheses are worth a try."""
    if estimate.probability is None:
        return 1
    return max(int((estimate.probability > 0.0).cumprod(0).sum()), 1)


def _in_crop(estimate: InitialEstimate, box: CropBox, image_size: int) -> SeenLandmarks | None:
    """The landmarks of an estimate in pixels of the crop."""
    seen = estimate.landmarks
    if seen is None:
        return None
    corner = seen.xy.new_tensor([box.x0, box.y0])
    return replace(seen, xy=(seen.xy - corner) * (image_size / box.size))


def full_matte(
    problem: RefineProblem, first_alpha: Float[Tensor, "1 H W"], margin: float
) -> Float[Tensor, "1 H W"]:
    """The matte of a problem in its photo, from which the fit may have moved away.

    Args:
        problem: one problem.
        first_alpha: the matte of the whole photo that the crop was laid out by.
        margin: as it was given to `build_problem`.
    """
    box = find_region(first_alpha[0] > ALPHA_FLOOR, margin)
    return paste_crop(problem.alpha[0], box, *first_alpha.shape[-2:]).clamp(0, 1)


def join_problems(problems: Sequence[RefineProblem]) -> RefineProblem:
    """Stack problems of the same crop size into one batch.

    Raises:
        ShapeError: if there are none or their crop sizes differ.
    """
    if not problems:
        raise ShapeError("join_problems: got no problem to refine")
    sizes = {problem.image.shape[-1] for problem in problems}
    if len(sizes) > 1:
        raise ShapeError(f"join_problems: crops of different sides {sorted(sizes)}")
    if any(problem.joint_sigma is not None for problem in problems):
        problems = [_with_sigma(problem) for problem in problems]
    if any(problem.landmarks is not None for problem in problems):
        problems = [_with_landmarks(problem) for problem in problems]
    if any(problem.probability is not None for problem in problems):
        problems = [_with_probability(problem) for problem in problems]
    return RefineProblem.cat([problem.alone() for problem in problems])


def _with_sigma(problem: RefineProblem) -> RefineProblem:
    """The problem with uncertainties, NaN where it knows none."""
    if problem.joint_sigma is not None:
        return problem
    unknown = torch.full_like(problem.start.pose_rotmat[..., 0, 0], torch.nan)
    return replace(problem, joint_sigma=unknown)


def _with_landmarks(problem: RefineProblem) -> RefineProblem:
    """The problem with landmarks, none of which is known where it has none."""
    if problem.landmarks is not None:
        return problem
    trust = problem.image.new_full((len(problem), len(CHANNEL_NAMES)), torch.nan)
    xy = problem.image.new_zeros(*trust.shape, 2)
    return replace(problem, landmarks=SeenLandmarks(xy, trust))


def _with_probability(problem: RefineProblem) -> RefineProblem:
    """The problem with probabilities, all starts alike where none are known."""
    if problem.probability is not None:
        return problem
    return replace(problem, probability=problem.image.new_ones(len(problem)))


@torch.no_grad()
def is_cut(problem: RefineProblem, body: SmplBody) -> Bool[Tensor, " P"]:
    """Whether more than a tenth of each starting pose lies where the photo shows nothing.

    Args:
        problem: the photos and their starts.
        body: the body model.
    """
    size = problem.image.shape[-1]
    xy = project(body(problem.start).verts, problem.camera)
    is_inside = ((xy >= 0) & (xy < size)).all(-1)
    column, row = xy.long().clamp(0, size - 1).unbind(-1)
    rows = torch.arange(len(problem), device=xy.device)[:, None]
    is_seen = is_inside & (problem.valid[rows, 0, row, column] > 0.5)
    return is_seen.double().mean(-1) < 1.0 - MOST_CUT
