"""The photos of a sample: refined together, started and measured one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import RefineProblem, build_problem, join_problems
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.boundaries import PreviousWindow, Sequences, check_exposures
from hfb.refine.sequence.viterbi import select_consistent_hypotheses
from hfb.structures import BlurSample


@dataclass(frozen=True)
class InitialisedSequence:
    """A sample with all that the refinement of its photos needs.

    Attributes:
        sample: with all its photos.
        photos: in the order of time, each with its starting poses and matte.
        before: the photo before the first, where it has been refined already.
    """

    sample: BlurSample
    photos: tuple[InitialisedFrame, ...]
    before: PreviousWindow | None = None

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def is_single(self) -> bool:
        """Whether there is one photo only, with no other before it."""
        return len(self.photos) == 1 and self.before is None


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
        replace(sample.index(slice(k, k + 1)), sample_id=f"{name}_photo{k}") for k in range(count)
    ]


def with_consistent_starts(started: InitialisedSequence, body: SmplBody) -> InitialisedSequence:
    """The photos with those starting poses first that agree with their neighbours'.

    Args:
        started: a sample; where its first photo follows a refined one, its start is settled.
        body: the body model.
    """
    if len(started) == 1:
        return started
    exposure = torch.cat([photo.sample.exposure for photo in started.photos])
    estimates = select_consistent_hypotheses(
        [photo.estimate for photo in started.photos],
        exposure,
        body,
        is_settled=started.before is not None,
    )
    photos = zip(started.photos, estimates, strict=True)
    return replace(started, photos=tuple(replace(photo, estimate=e) for photo, e in photos))


def join_frames(
    started: Sequence[InitialisedSequence], settings: RefineSettings
) -> tuple[RefineProblem, Tensor]:
    """The joint problem of several samples.

    Args:
        started: single photos only, or sequences only.
        settings: the recipe.

    Returns:
        All starts of all photos; the number of the photo that each belongs to.
    """
    photos = [photo for sample in started for photo in sample.photos]
    is_single = all(sample.is_single for sample in started)
    num_starts = settings.num_starts
    if num_starts == "auto" and not is_single:
        num_starts = 1  # neighbours have chosen already
    problems = [
        build_problem(
            photo.sample,
            photo.estimate,
            photo.alpha,
            settings.image_size,
            settings.crop_margin,
            num_starts,
        )
        for photo in photos
    ]
    counts = torch.tensor([len(problem) for problem in problems])
    group = torch.repeat_interleave(torch.arange(len(problems)), counts)
    joint = join_problems(problems)
    if is_single:
        return joint, group
    return replace(joint, sequences=_sequences(started, joint).index(group)), group


def _sequences(started: Sequence[InitialisedSequence], joint: RefineProblem) -> Sequences:
    """Which photos belong together.

    Times run from each sample's beginning: float32 could not tell them apart far into a clip.
    """
    lengths = torch.tensor([len(sample) for sample in started])
    owner = torch.repeat_interleave(torch.arange(len(started)), lengths)
    exposure, before = [], None
    for sample in started:
        own = torch.cat([photo.sample.exposure for photo in sample.photos])
        exposure.append(own - own[0, 0])
        if sample.before is not None:
            before = replace(sample.before, exposure=(sample.before.exposure - own[0, 0]).float())
    is_timed = all(p.sample.exposure_is_known for sample in started for p in sample.photos)
    return Sequences(owner, torch.cat(exposure).to(joint.image), is_timed, before)
