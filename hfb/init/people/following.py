"""Who is who in consecutive photos: people are followed and numbered.

From photo to photo each person is looked for where their motion leads, in their colours; of all
ways to pair up those known and those found the cheapest is taken.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hfb.init.people.finding import PeopleInPhoto, Person

_REACH, _MORE_REACH, _FARTHEST = 1.0, 0.25, 2.5
"""How far somebody may be from where they are expected, in sizes: in the next photo, more for each
photo they were not seen in, at most."""
_COLOURS = 3.0
"""What a difference of colours (root mean square, sRGB) costs, in sizes."""
_DEAREST = 1.6
_FEWEST_SHARE = 0.05
"""Of the photos that somebody must be in."""
_LEAST_AREA = 0.06
"""Mean area of a person in that of the largest, below which they are none."""


Packed = tuple[bytes, tuple[int, ...]]
"""A picture of small whole numbers, compressed, and its shape."""


@dataclass
class _Track:
    """A person as far as they have been followed."""

    seen: dict[int, tuple[int, Person]] = field(default_factory=dict)
    """By the number of the photo: which of its people it is."""

    def expected(self, photo: int) -> Float[np.ndarray, " 2"]:
        """Where they are if they go on as they went."""
        last = max(self.seen)
        place = np.array(self.seen[last][1].centre)
        if last - 1 not in self.seen:
            return place
        step = place - np.array(self.seen[last - 1][1].centre)
        return place + step * min(photo - last, 2)

    def cost(self, photo: int, person: Person) -> float:
        """Of taking somebody in a photo for them; infinite where it cannot be."""
        last = max(self.seen)
        known = self.seen[last][1]
        apart = np.linalg.norm(np.array(person.centre) - self.expected(photo))
        distance = float(apart) / max(known.extent, person.extent)
        colours = float(np.sqrt(np.mean((known.colours - person.colours) ** 2)))
        reach = min(_REACH + _MORE_REACH * (photo - last - 1), _FARTHEST)
        total = distance / reach + _COLOURS * colours
        return total if distance < reach and total < _DEAREST else np.inf

    @property
    def area(self) -> float:
        """Over all photos, px."""
        return sum(person.area for _, person in self.seen.values())


@dataclass(frozen=True)
class People:
    """The people of consecutive photos, or of a single one, by number.

    Attributes:
        seen: of each person, by the number of the photo, where they are.
        picture: one of the photos that show most of them, sRGB in [0, 1].
        shown: its number.
        size: height and width of the photos, px.
        territories: of each photo, packed.
        rule: what they are numbered by, in words.
    """

    seen: tuple[dict[int, Person], ...]
    picture: Float[Tensor, "3 H W"]
    shown: int
    size: tuple[int, int]
    territories: tuple[Packed, ...]
    rule: str = "how much of the picture moves with them"

    def __len__(self) -> int:
        """How many there are."""
        return len(self.seen)

    @property
    def most_at_once(self) -> int:
        """How many a photo shows at most."""
        return max(
            (sum(k in own for own in self.seen) for k in range(len(self.territories))), default=0
        )

    def span(self, number: int) -> range:
        """The photos from the first to the last one that a person is in.

        Args:
            number: of the person, from 1.
        """
        photos = self.seen[number - 1]
        return range(min(photos), max(photos) + 1)

    def territory(self, photo: int) -> UInt8[np.ndarray, "h w"]:
        """Whose each place of a photo is: 0 nobody's, else the person's number.

        Args:
            photo: its number.
        """
        packed, shape = self.territories[photo]
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)


def follow(photos: Iterable[tuple[Float[Tensor, "3 H W"], PeopleInPhoto]]) -> People:
    """Follow people from photo to photo.

    They are numbered by how much of the picture moves with them, over all photos: 1 is who moves
    most.

    Args:
        photos: in the order of time, at least one, with who was found in each.
    """
    tracks: list[_Track] = []
    packed: list[Packed] = []
    most, shown, picture = -1.0, 0, torch.zeros(3, 1, 1)
    for photo, (image, found) in enumerate(photos):
        _link(tracks, photo, found)
        packed.append(packed_picture(found.territory))
        # More people come first, then larger ones.
        area = sum(person.area for person in found.people) / (image.shape[-1] * image.shape[-2])
        if len(found.people) + min(area, 0.99) > most:
            most, shown, picture = len(found.people) + min(area, 0.99), photo, image
    kept = _kept(tracks, len(packed))
    return People(
        tuple({k: person for k, (_, person) in track.seen.items()} for track in kept),
        picture,
        shown,
        (picture.shape[-2], picture.shape[-1]),
        tuple(_numbered(one, k, kept) for k, one in enumerate(packed)),
    )


def _link(tracks: list[_Track], photo: int, found: PeopleInPhoto) -> None:
    """Add the people of the next photo to their tracks, or to new ones."""
    costs = np.array([[t.cost(photo, person) for person in found.people] for t in tracks])
    taken = set()
    if costs.size:
        # What cannot be costs more than leaving all others alone.
        rows, columns = linear_sum_assignment(np.where(np.isinf(costs), 1e3, costs))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if np.isfinite(costs[row, column]):
                tracks[row].seen[photo] = (column, found.people[column])
                taken.add(column)
    for index, person in enumerate(found.people):
        if index not in taken:
            tracks.append(_Track({photo: (index, person)}))


def _kept(tracks: list[_Track], num_photos: int) -> list[_Track]:
    """Without what was there for a moment only or is too small; who moves most comes first."""
    fewest = max(min(2, num_photos), int(np.ceil(_FEWEST_SHARE * num_photos)))
    long = [track for track in tracks if len(track.seen) >= fewest]
    means = [track.area / len(track.seen) for track in long]
    large = [
        track for track, mean in zip(long, means, strict=True) if mean > _LEAST_AREA * max(means)
    ]
    return sorted(large, key=lambda track: -track.area)


def packed_picture(territory: UInt8[np.ndarray, "h w"]) -> Packed:
    """A territory as `People` keeps it.

    Args:
        territory: by number.
    """
    return zlib.compress(territory.tobytes(), 1), territory.shape


def _numbered(packed: Packed, photo: int, tracks: list[_Track]) -> Packed:
    """A territory with the numbers of the people in place of the order they were found in."""
    numbers = np.zeros(256, np.uint8)
    for number, track in enumerate(tracks, 1):
        if photo in track.seen:
            numbers[track.seen[photo][0] + 1] = number
    found = np.frombuffer(zlib.decompress(packed[0]), np.uint8)
    return zlib.compress(numbers[found].tobytes(), 1), packed[1]
