"""One of several people alone: which, by what rule, and what is done about the others.

The others are painted over with the background, so that neither detector nor matte sees them, and
where they were nothing is compared: the person may be behind them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool

from hfb.errors import HfbError, InputError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.people.finding import find_moving_people
from hfb.init.people.following import People, follow
from hfb.init.people.picture import numbered_picture
from hfb.structures import BlurSample, ChosenPerson

_logger = logging.getLogger("hfb")

Choice = int | Literal["all"] | None
"""A person's number, everybody, or whoever moves most."""

_MOST_NAMED = 6


def people_samples(
    sample: BlurSample, choice: Choice, name: str, network: BlazePose | None = None
) -> list[BlurSample]:
    """A sample for each person that is wanted; it is said who they are.

    Args:
        sample: one photo or consecutive ones, with a background.
        choice: who is wanted.
        name: of the photos, for what is said.
        network: finds people; by default the shipped one, without which nobody is looked for unless
            somebody is chosen.

    Returns:
        The sample itself where there are no several people.

    Raises:
        InputError: if there is no person of that number.
        AssetNotFoundError: if the networks are missing and somebody is chosen.
    """
    network = network or people_network(choice)
    if network is None:
        return [sample]
    found = ((p, find_moving_people(network, p, sample.background)) for p in sample.blurry)
    people = follow(found)
    numbers = wanted(people, choice, name)
    if not numbers:
        return [sample]
    return [_of_person(sample, people, number, choice) for number in numbers]


def people_network(choice: Choice) -> BlazePose | None:
    """What finds people; None, logged, where it is missing and nobody is chosen.

    Args:
        choice: who is wanted.

    Raises:
        AssetNotFoundError: if it is missing and somebody is chosen.
    """
    try:
        return BlazePose()
    except HfbError as error:
        if choice is not None:
            raise
        _logger.info("several people are not looked for: %s", error)
        return None


def wanted(people: People, choice: Choice, name: str) -> list[int]:
    """The numbers of those who are to be fitted; it is said who they are.

    Args:
        people: who was found.
        choice: who is wanted.
        name: of the photos.

    Returns:
        Nobody's where the photos may be taken as they are: there is one person at a time.

    Raises:
        InputError: if there is no person of that number.
    """
    count = len(people)
    if isinstance(choice, int) and choice > max(count, 1):
        found = "1 person was" if count == 1 else f"{count or 'no'} people were"
        raise InputError(
            f"{name}: person {choice} was asked for (--data.person), but {found} found"
            + (f": {in_words(people)}" if count else "")
        )
    if count < 2 or (choice is None and people.most_at_once < 2):
        return []
    _logger.warning("%s: %s", name, said(people, choice))
    if choice == "all":
        return list(range(1, count + 1))
    return [1 if choice is None else choice]


def said(people: People, choice: Choice) -> str:
    """Who there is, by what rule they are numbered, and who is taken.

    Args:
        people: at least two.
        choice: who is wanted.
    """
    listed = f"{len(people)} people, numbered by {people.rule}: {in_words(people)}"
    if choice == "all":
        return f"{listed}; each is fitted"
    if choice is not None:
        return f"{listed}; person {choice} is taken"
    return f"{listed}; person 1 is taken (--data.person 2 takes the next, --data.person all each)"


def in_words(people: People) -> str:
    """The people by number: where in the picture, and how large.

    Args:
        people: at least one.
    """
    places = [seen[people.shown if people.shown in seen else min(seen)] for seen in people.seen]
    from_left = sorted(range(len(places)), key=lambda k: places[k].centre[0])
    parts = []
    for number, person in enumerate(places):
        _, top, _, bottom = person.box
        side = _side(from_left.index(number), len(places))
        parts.append(f"{number + 1} ({side}, {bottom - top:.0f} px tall)")
    rest = len(parts) - _MOST_NAMED
    return ", ".join(parts[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _side(rank: int, count: int) -> str:
    """Where somebody is among the others, counted from the left."""
    if count <= 3:
        return ("left", "middle", "right")[round(2 * rank / max(1, count - 1))]
    return f"number {rank + 1} from the left"


def own_name(sample_id: str, number: int, choice: Choice) -> str:
    """What a sample about one of several people is called.

    Args:
        sample_id: of the photos.
        number: of the person.
        choice: whoever is taken unasked gets no other name.
    """
    return sample_id if choice is None else f"{sample_id}_person{number}"


def chosen_person(people: People, number: int, choice: Choice) -> ChosenPerson:
    """The note that a sample carries.

    Args:
        people: all of them.
        number: of the one it is about.
        choice: who is wanted.
    """
    picture = numbered_picture(people, number)
    return ChosenPerson(number, len(people), said(people, choice), picture)


def without_others(
    sample: BlurSample, people: People, number: int, photos: Sequence[int]
) -> BlurSample:
    """The photos with all but one person painted over.

    Args:
        sample: photos.
        people: everybody.
        number: of the one who stays.
        photos: which of the followed photos those of the sample are.
    """
    height, width = sample.blurry.shape[-2:]
    masks = [_others(people, number, photo, height, width) for photo in photos]
    others = torch.from_numpy(np.stack(masks))[:, None]
    painted = torch.where(others, sample.background, sample.blurry)
    return replace(sample, blurry=painted, others=others.float())


def _of_person(sample: BlurSample, people: People, number: int, choice: Choice) -> BlurSample:
    """The sample about one person: the photos that they are in, without the others."""
    span = people.span(number)
    own = sample.index(slice(span.start, span.stop))
    if len(span) < len(sample.blurry):
        _logger.warning(
            "%s: person %d is in photos %d to %d of %d alone",
            sample.sample_id, number, span[0] + 1, span[-1] + 1, len(sample.blurry),
        )  # fmt: skip
    own = without_others(own, people, number, span)
    name = own_name(sample.sample_id, number, choice)
    return replace(own, sample_id=name, chosen=chosen_person(people, number, choice))


def _others(
    people: People, number: int, photo: int, height: int, width: int
) -> Bool[np.ndarray, "H W"]:
    """Where the others are."""
    territory = people.territory(photo)
    others = ((territory != 0) & (territory != number)).astype(np.uint8)
    return cv2.resize(others, (width, height), interpolation=cv2.INTER_NEAREST) > 0
