"""Several people in photos and clips: found before the fits, so that each can be followed."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from datamodules.files.video import spread_frames
from datamodules.photos.clip import ClipPhotos
from hfb.init.detect.blazepose import BlazePose
from hfb.init.people.finding import find_moving_people
from hfb.init.people.following import People, follow
from hfb.init.people.lone import people_without_background
from hfb.init.people.taking import (
    Choice,
    chosen_person,
    own_name,
    people_network,
    people_samples,
    wanted,
    without_others,
)
from hfb.structures import BlurSample

__all__ = ["Choice", "clips_of_people", "people_samples", "people_without_background"]

_logger = logging.getLogger("hfb")

_LOOKED_AT = 9
"""Frames in which several people are looked for before all photos are."""


def clips_of_people(
    clip: ClipPhotos, choice: Choice, network: BlazePose | None = None
) -> list[ClipPhotos]:
    """A clip for each person that is wanted; it is said who they are.

    Args:
        clip: its photos.
        choice: who is wanted.
        network: finds people; by default the shipped one, without which nobody is looked for unless
            somebody is chosen.

    Returns:
        The clip itself where there are no several people at a time.

    Raises:
        InputError: if there is no person of that number.
        AssetNotFoundError: if the networks are missing and somebody is chosen.
    """
    network = network or people_network(choice)
    if network is None or (choice is None and not _shows_several(clip, network)):
        return [clip]
    found = (
        (sample.blurry[0], find_moving_people(network, sample.blurry[0], sample.background))
        for sample in clip
    )
    people = follow(found)
    numbers = wanted(people, choice, str(clip.video))
    return [_of_person(clip, people, number, choice) for number in numbers] or [clip]


def _shows_several(clip: ClipPhotos, network: BlazePose) -> bool:
    """Whether some frame spread over the clip shows more than one person."""
    frames = clip.frames
    if len(frames) <= _LOOKED_AT:
        images = [sample.blurry[0] for sample in clip]
    else:
        spread = spread_frames(clip.video, _LOOKED_AT)
        images = [torch.from_numpy(frame).permute(2, 0, 1).float() / 255 for frame in spread]
    scene = clip.template.background
    return any(len(find_moving_people(network, image, scene).people) > 1 for image in images)


def _of_person(clip: ClipPhotos, people: People, number: int, choice: Choice) -> ClipPhotos:
    """The photos that a person is in, without the others."""
    span = people.span(number)
    template = replace(
        clip.template,
        sample_id=own_name(clip.template.sample_id, number, choice),
        chosen=chosen_person(people, number, choice),
    )
    if len(span) < len(clip):
        count = clip.settings.average
        _logger.warning(
            "%s: person %d is in its frames %d to %d alone",
            clip.video,
            number,
            clip.frames[span.start * count],
            clip.frames[span.stop * count - 1],
        )

    def prepare(sample: BlurSample) -> BlurSample:
        assert sample.part is not None, "a photo of a clip says which one it is"
        return without_others(sample, people, number, [span.start + sample.part.number])

    return clip.piece(span, template, prepare)
