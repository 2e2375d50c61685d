"""The photos of a sample: refined together, started and measured one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hfb.errors import InputError
from hfb.fit.initialise import InitialisedFrame
from hfb.fit.problem import RefineProblem, build_problem, join_problems
from hfb.fit.sequence.boundaries import Sequences, check_exposures
from hfb.fit.settings import RefineSettings
from hfb.structures import BlurSample, Target


@dataclass(frozen=True)
class InitialisedSequence:
    """A sample with all that the refinement of its photos needs.

    Attributes:
        sample: with all its photos.
        photos: in the order of time, each with its starting poses and matte.
    """

    sample: BlurSample
    photos: tuple[InitialisedFrame, ...]

    def __len__(self) -> int:
        return len(self.photos)


def frames_of(sample: BlurSample) -> list[BlurSample]:
    """Each photo of a sample as a sample of its own; a single photo stays what it is.

    Args:
        sample: one photo, or consecutive ones in the order of time.

    Raises:
        InputError: if there is no photo, the numbers of photos, mattes and exposures differ, or
            exposures overlap.
    """
    count = len(sample.blurry)
    if count == 1:
        return [sample]
    name = sample.sample_id
    if count == 0:
        raise InputError(f"{name}: holds no photo")
    if len(sample.exposure) != count:
        raise InputError(f"{name}: {count} photos, but {len(sample.exposure)} exposures")
    if sample.alpha is not None and len(sample.alpha) != count:
        raise InputError(f"{name}: {count} photos, but {len(sample.alpha)} mattes")
    if sample.target is not None and len(sample.target.joints) != count:
        raise InputError(f"{name}: {count} photos, but truth for {len(sample.target.joints)}")
    if sample.estimate is not None:
        raise InputError(f"{name}: a starting pose in memory serves one photo; give a file")
    check_exposures(name, sample.exposure)
    return [
        replace(
            sample,
            sample_id=f"{name}_photo{k}",
            blurry=sample.blurry[k : k + 1],
            alpha=None if sample.alpha is None else sample.alpha[k : k + 1],
            exposure=sample.exposure[k : k + 1],
            target=None if sample.target is None else _target_of(sample.target, k),
        )
        for k in range(count)
    ]


def _target_of(target: Target, k: int) -> Target:
    def one(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[k : k + 1]

    return replace(
        target,
        joints=target.joints[k : k + 1],
        times=target.times[k : k + 1],
        pose_rotmat=one(target.pose_rotmat),
        transl=one(target.transl),
        silhouettes=one(target.silhouettes),
    )


def join_frames(
    started: list[InitialisedSequence], settings: RefineSettings
) -> tuple[RefineProblem, Tensor, Tensor]:
    """The joint problem of several samples.

    Args:
        started: single photos only, or sequences only.
        settings: the recipe.

    Returns:
        All starts of all photos; the number of the photo that each belongs to; the number of the
        sample that each photo belongs to.
    """
    photos = [photo for sample in started for photo in sample.photos]
    problems = [
        build_problem(
            photo.sample,
            photo.estimate,
            photo.alpha,
            settings.image_size,
            settings.crop_margin,
            settings.num_starts,
        )
        for photo in photos
    ]
    owner = torch.repeat_interleave(
        torch.arange(len(started)), torch.tensor([len(sample) for sample in started])
    )
    counts = torch.tensor([len(problem) for problem in problems])
    group = torch.repeat_interleave(torch.arange(len(problems)), counts)
    joint = join_problems(problems)
    if len(photos) > len(started):
        exposure = torch.cat([photo.sample.exposure for photo in photos]).to(joint.image)
        is_timed = all(sample.sample.exposure_is_known for sample in started)
        joint = replace(joint, sequences=Sequences(owner[group], exposure[group], is_timed))
    return joint, group, owner
