"""Several people in photos and clips: found before the fits, so that each can be followed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from datamodules.files.video import spread_frames
from datamodules.photos.clip import ClipPhotos
from datamodules.photos.regions import Region
from datamodules.photos.samples import lone_photo_of, only_region, with_background
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

__all__ = ["Choice", "clips_of_people", "people_samples", "samples_of_photo"]

_logger = logging.getLogger("hfb")

_LOOKED_AT = 9
"""Frames in which several people are looked for before all photos are."""


def samples_of_photo(
    image: str | Path, region: Region | None, choice: Choice, **beside: Any
) -> list[BlurSample]:
    """Read a photo and what belongs to it: a sample for each person that is wanted.

    Args:
        image: the photo.
        region: the part to look at, px; None: everywhere.
        choice: who is wanted; where a region, a matte or a starting pose says it, nobody is looked
            for.
        beside: the other arguments of `sample_from_image`.

    Raises:
        InputError: if a file cannot be used, or there is no person of that number.
        NoPersonError: if there is no background, and nobody is found without one.
        AssetNotFoundError: if the networks are missing and somebody is chosen.
    """
    background = beside.pop("background", None)
    photo = lone_photo_of(image, **beside)
    if background is None:
        samples = people_without_background(photo, choice, str(image), region)
    else:
        samples = [with_background(photo, image, background)]
    if region is not None:
        return [only_region(sample, region) for sample in samples]
    is_told = beside.get("alpha") is not None or beside.get("estimate") is not None
    if is_told or background is None:
        return samples
    return people_samples(samples[0], choice, str(image))


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
