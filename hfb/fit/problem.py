"""What a refinement works on: crops at the working resolution, one a photo and starting pose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.fit.sequence.boundaries import Sequences
from hfb.matte import crop_camera, crop_image, crop_valid, find_region, paste_crop
from hfb.structures import BlurSample, BodyParams, Camera, InitialEstimate

ALPHA_FLOOR = 0.05
"""Matte below which a pixel does not count as the person's when the crop is laid out."""


@dataclass(frozen=True)
class RefineProblem:
    """A batch of P problems; those of different sequences never influence each other.

    Attributes:
        names: one a problem, for logs.
        image: blurry crop, sRGB in [0, 1].
        background: clean crop, sRGB in [0, 1].
        alpha: matte of the crop.
        valid: 1 inside the photo, 0 where the crop reaches over its edge.
        camera: cameras of the crops.
        start: static starting pose of each problem, camera frame.
        matte_is_given: True where the matte came with the photo and is not to be touched.
        joint_sigma: uncertainty of each joint of the start, rad; NaN where unknown; None: nowhere
            known.
        sequences: which problems are consecutive photos of one person; None: none are.
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
    sequences: Sequences | None = None

    def __len__(self) -> int:
        return len(self.names)

    def select(self, index: Tensor) -> RefineProblem:
        """The problems at `index`, in that order, without their neighbours."""
        camera = Camera(
            self.camera.focal[index],
            self.camera.principal_point[index],
            self.camera.height,
            self.camera.width,
        )
        start = BodyParams(
            self.start.betas[index], self.start.pose_rotmat[index], self.start.transl[index]
        )
        return RefineProblem(
            names=tuple(self.names[i] for i in index.tolist()),
            image=self.image[index],
            background=self.background[index],
            alpha=self.alpha[index],
            valid=self.valid[index],
            camera=camera,
            start=start,
            matte_is_given=tuple(self.matte_is_given[i] for i in index.tolist()),
            joint_sigma=None if self.joint_sigma is None else self.joint_sigma[index],
        )

    def sequences_of(self, index: Tensor) -> Sequences | None:
        """The sequences of `select(index)` where it leaves one problem a photo."""
        return self.sequences.select(index) if self.sequences is not None else None

    def alone(self) -> RefineProblem:
        """The same problems as photos that have nothing to do with one another."""
        return replace(self, sequences=None)


def build_problem(
    sample: BlurSample,
    estimate: InitialEstimate,
    alpha: Float[Tensor, "1 H W"],
    image_size: int,
    margin: float,
    num_starts: int = 1,
) -> RefineProblem:
    """Cut one sample to the person's region; one problem a starting pose.

    Args:
        sample: the photo with its background; its first frame is used.
        estimate: starting poses, best first; their `transl` belongs to `estimate.camera`.
        alpha: matte of the whole photo.
        image_size: side of the crop, px.
        margin: space around the person, as a share of the crop.
        num_starts: how many starting poses to take; fewer if the estimate has fewer.
    """
    height, width = alpha.shape[-2:]
    box = find_region(alpha[0] > ALPHA_FLOOR, margin)
    image = crop_image(sample.blurry[0], box, image_size)
    background = crop_image(sample.background, box, image_size)
    matte = crop_image(alpha, box, image_size, is_colour=False)
    valid = crop_valid(height, width, box, image_size)
    camera = crop_camera(estimate.camera, box, image_size)
    count = min(num_starts, len(estimate))

    def repeat(tensor: Tensor) -> Tensor:
        return tensor.expand(count, *tensor.shape).contiguous()

    return RefineProblem(
        names=tuple(f"{sample.sample_id}/{k}" for k in range(count)),
        image=repeat(image),
        background=repeat(background),
        # Where the crop reaches over the edge of the photo nothing is known.
        alpha=repeat(matte * valid),
        valid=repeat(valid),
        camera=Camera(repeat(camera.focal), repeat(camera.principal_point), image_size, image_size),
        start=BodyParams(
            estimate.betas[:count], estimate.pose_rotmat[:count], estimate.transl[:count]
        ),
        matte_is_given=(sample.alpha is not None,) * count,
        joint_sigma=None if estimate.joint_sigma is None else estimate.joint_sigma[:count],
    )


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


def join_problems(problems: list[RefineProblem]) -> RefineProblem:
    """Stack problems of the same crop size into one batch.

    Raises:
        ShapeError: if there are none or their crop sizes differ.
    """
    if not problems:
        raise ShapeError("join_problems: got no problem to refine")
    sizes = {problem.image.shape[-1] for problem in problems}
    if len(sizes) > 1:
        raise ShapeError(f"join_problems: crops of different sides {sorted(sizes)}")

    def join(name: str) -> Tensor:
        return torch.cat([getattr(problem, name) for problem in problems])

    cameras = [problem.camera for problem in problems]
    starts = [problem.start for problem in problems]
    return RefineProblem(
        names=tuple(name for problem in problems for name in problem.names),
        image=join("image"),
        background=join("background"),
        alpha=join("alpha"),
        valid=join("valid"),
        camera=Camera(
            torch.cat([camera.focal for camera in cameras]),
            torch.cat([camera.principal_point for camera in cameras]),
            cameras[0].height,
            cameras[0].width,
        ),
        start=BodyParams(
            torch.cat([start.betas for start in starts]),
            torch.cat([start.pose_rotmat for start in starts]),
            torch.cat([start.transl for start in starts]),
        ),
        matte_is_given=tuple(given for problem in problems for given in problem.matte_is_given),
        joint_sigma=_joined_sigma(problems),
    )


def _joined_sigma(problems: list[RefineProblem]) -> Float[Tensor, "P J"] | None:
    """Uncertainties of all problems, NaN for those that know none; None if none does."""
    if all(problem.joint_sigma is None for problem in problems):
        return None
    parts = []
    for problem in problems:
        unknown = torch.full_like(problem.start.pose_rotmat[..., 0, 0], torch.nan)
        parts.append(unknown if problem.joint_sigma is None else problem.joint_sigma)
    return torch.cat(parts)
