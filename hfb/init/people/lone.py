"""Several people in a photo without a background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.without_background import (
    Region,
    pixels_of,
    squares_of_people,
    without_background,
)
from hfb.init.people.finding import Person
from hfb.init.people.following import People, packed_picture
from hfb.init.people.taking import Choice, chosen_person, own_name, wanted
from hfb.structures import BlurSample

_INSIDE = 0.5
"""Probability from which a pixel is drawn as somebody's."""
_RULE = "how large they are"


def people_without_background(
    sample: BlurSample,
    choice: Choice,
    name: str,
    region: Region | None = None,
    network: BlazePose | None = None,
) -> list[BlurSample]:
    """A sample for each person that is wanted, each with a scene that is made up.

    Nobody can see who of them moves: they are numbered by size.

    Args:
        sample: one photo; if it has a matte, that says who is meant.
        choice: who is wanted.
        name: of the photo, for what is said.
        region: left, top, right, bottom of where the person is.
        network: detector and landmark network; by default the shipped ones.

    Raises:
        NoPersonError: if nobody is found.
        InputError: if there is no person of that number.
        AssetNotFoundError: if the networks are missing.
    """
    if sample.alpha is not None:
        return [without_background(sample, name, region)]
    network = network or BlazePose()
    people = _people(network, sample, region)
    numbers = wanted(people, choice, name) if len(people) or choice not in (None, "all") else []
    if not numbers:
        return [without_background(sample, name, region, network)]
    return [
        replace(
            without_background(sample, name, region, network, number),
            sample_id=own_name(sample.sample_id, number, choice),
            chosen=chosen_person(people, number, choice),
        )
        for number in numbers
    ]


def _people(network: BlazePose, sample: BlurSample, region: Region | None) -> People:
    """Everybody in the photo, the largest first."""
    pixels = pixels_of(sample.blurry[0])
    rois = squares_of_people(network, pixels, region)
    masks = np.stack(
        [np.full(pixels.shape[:2], _INSIDE), *(network.mask(pixels, roi) for roi in rois)]
    )
    territory = masks.argmax(0).astype(np.uint8)
    seen = []
    for number, (x, y, side, _) in enumerate(rois, 1):
        half = side / 2.5
        box = (x - half, y - half, x + half, y + half)
        area = float(np.count_nonzero(territory == number))
        seen.append({0: Person(area, box, np.zeros(6))})
    return People(
        tuple(seen), sample.blurry[0], 0, pixels.shape[:2], (packed_picture(territory),), _RULE
    )
