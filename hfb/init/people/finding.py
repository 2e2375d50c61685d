"""Who moves in a photo, and which of the moving pixels are whose.

Not in the paper, which has one person. People are looked for where the photo differs from its
background; those that are found are painted over with the background, and what is left is looked at
again, so that somebody beside a more conspicuous person is found, too. Each moving pixel then goes
to the nearest body of those it hangs together with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Roi, roi_from_points
from hfb.init.detect.landmarks import Landmarks
from hfb.init.detect.search import draw_body
from hfb.init.detect.windows import windows_along
from hfb.init.people.owners import RIM, Body, disc, owners, territory_of
from hfb.matte import moving_pixels

_SIDE = 1280
"""Longer side at which people are looked for, px."""
_LIKELY, _MIN_PRESENCE = 0.5, 0.5
"""Of the detector and of the landmark network, from which there is a person."""
_ROUNDS = 3
_MOVING_SHARE = 0.35
"""Of a body's drawing that must differ from the background."""
_SAME_SHARE = 0.5
"""Of the smaller of two drawings that lies in the other, from which they are one person."""
_SMALLEST = 24
"""Extent of what may be a person, px of the picture that motion is found on."""
_LEFT_SHARE = 0.2
"""Extent of a part that is looked at again, in those of the smallest person found."""
_OWN_SHARE, _LEAST_AREA = 0.3, 0.06
"""Pixels of a person's own, in those of their drawing and of the largest person, below which there
is none."""
_PART_AREA = 0.35
"""The same in those of the largest person for somebody whose box meets theirs: a ghost of feet or
of a head in a photo of nine frames is read as a body, and has up to 0.27."""
_ALIKE = 0.25
"""Difference of two squares in place and side, in sides, up to which one of them is read."""
_SIDES = (1.3, 2.0)
"""Sides of the squares in which a part is looked at as a whole, in its longer ones."""


@dataclass(frozen=True)
class Person:
    """One of the people in a photo.

    Attributes:
        area: what of the photo moves with them, px.
        box: left, top, right, bottom, px.
        colours: mean sRGB of their upper and lower half.
    """

    area: float
    box: tuple[float, float, float, float]
    colours: Float[np.ndarray, " 6"]

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, px."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def extent(self) -> float:
        """Longer side of the box, px."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


@dataclass(frozen=True)
class PeopleInPhoto:
    """The people of a photo.

    Attributes:
        people: who was found.
        territory: on a picture of at most 512 px: 0 nobody's, k + 1 the k-th person's.
    """

    people: tuple[Person, ...]
    territory: UInt8[np.ndarray, "h w"]


def find_moving_people(
    network: BlazePose, image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]
) -> PeopleInPhoto:
    """Who moves in a photo.

    People who cover each other for the most part are taken for one.

    Args:
        network: detector and landmark network.
        image: blurry photo, sRGB in [0, 1].
        background: the scene without people, sRGB.

    Returns:
        The people, in no order that means anything.

    Raises:
        ShapeError: if the two images differ in size.
    """
    moves, _ = moving_pixels(image, background)
    bodies = _bodies(network, _pixels(image), _pixels(background), moves)
    owner = owners(bodies, moves)
    areas = [int(np.count_nonzero(owner == k + 1)) for k in range(len(bodies))]
    kept = [body for k, body in enumerate(bodies) if _is_person(k, bodies, areas)]
    if len(kept) < len(bodies):
        bodies = kept
        owner = owners(bodies, moves)
    scale = image.shape[-1] / moves.shape[1]
    small = cv2.resize(_pixels(image), moves.shape[::-1], interpolation=cv2.INTER_AREA)
    people = tuple(_person(owner == k + 1, small, scale) for k in range(len(bodies)))
    return PeopleInPhoto(people, territory_of(bodies, owner))


def _is_person(k: int, bodies: Sequence[Body], areas: Sequence[int]) -> bool:
    """Whether a body has enough pixels of its own; more where it may be part of a larger one."""
    largest = int(np.argmax(areas))
    share = _PART_AREA if _touches(bodies[k], bodies[largest]) else _LEAST_AREA
    least = max(_OWN_SHARE * np.count_nonzero(bodies[k].drawn), share * areas[largest])
    return k == largest or bool(areas[k] > least)


def _touches(one: Body, other: Body) -> bool:
    """Whether the boxes round two drawings meet."""
    boxes = [cv2.boundingRect(body.drawn.astype(np.uint8)) for body in (one, other)]
    (x, y, width, height), (left, top, across, down) = boxes
    return x <= left + across and left <= x + width and y <= top + down and top <= y + height


def _pixels(image: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "h w 3"]:
    """What the networks read, reduced where it is large."""
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    array = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    factor = _SIDE / max(array.shape[:2])
    if factor >= 1.0:
        return array
    return cv2.resize(array, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _bodies(
    network: BlazePose,
    image: UInt8[np.ndarray, "H W 3"],
    background: UInt8[np.ndarray, "H W 3"],
    moves: Bool[np.ndarray, "h w"],
) -> list[Body]:
    """Drawings of all people, the surest of each round first."""
    scale = image.shape[1] / moves.shape[1]
    bodies: list[Body] = []
    left = moves.copy()
    for number in range(_ROUNDS):
        parts = _parts(left, bodies)
        rois = _regions(network, image, parts, scale, is_first=number == 0)
        found = [_body(_landmarks(network, image, roi), scale, moves.shape) for roi in rois]
        new: list[Body] = []
        for body in sorted((one for one in found if one is not None), key=lambda b: -b.score):
            is_new = not any(_is_same(body, other) for other in [*bodies, *new])
            if is_new and left[body.drawn].mean() > _MOVING_SHARE:
                new.append(body)
        if not new:
            break
        bodies += new
        for body in new:
            left &= cv2.dilate(body.drawn.astype(np.uint8), disc(2 * RIM * body.height)) == 0
        gone = cv2.resize((moves & ~left).astype(np.uint8), image.shape[1::-1]) > 0
        image = np.where(gone[..., None], background, image)
    return bodies


def _parts(
    left: Bool[np.ndarray, "h w"], bodies: Sequence[Body]
) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, width, height) of what may be people."""
    near = max(3, round(0.02 * max(left.shape)))
    joined = cv2.dilate(left.astype(np.uint8), np.ones((near, near), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    smallest = min((body.height for body in bodies), default=0.0)
    least = max(_SMALLEST, _LEFT_SHARE * smallest)
    boxes = stats[1:count, :4].tolist()
    return [(x, y, w, h) for x, y, w, h in boxes if max(w, h) > least]


def _regions(
    network: BlazePose,
    image: UInt8[np.ndarray, "H W 3"],
    parts: Sequence[tuple[int, int, int, int]],
    scale: float,
    is_first: bool,
) -> list[Roi]:
    """Squares in which the detector sees somebody.

    What it does not see is nobody: the landmark network alone takes a swinging arm for a person.
    """
    height, width = image.shape[:2]
    rois: list[Roi] = []
    if is_first and parts:
        rois = _detected(network, image, (width / 2, height / 2, float(max(width, height)), 0.0))
    for x, y, part_width, part_height in parts:
        box = np.array([x, y, part_width, part_height]) * scale
        rois += [
            roi
            for window in windows_along(*box.tolist(), sides=_SIDES)
            for roi in _detected(network, image, window)
        ]
    return _different(rois)


def _different(rois: Sequence[Roi]) -> list[Roi]:
    """Without those that the landmark network would read alike."""
    kept: list[Roi] = []
    for roi in rois:
        apart = [
            np.hypot(roi[0] - other[0], roi[1] - other[1]) + abs(roi[2] - other[2])
            for other in kept
        ]
        if min(apart, default=np.inf) > _ALIKE * roi[2]:
            kept.append(roi)
    return kept


def _detected(network: BlazePose, image: UInt8[np.ndarray, "H W 3"], window: Roi) -> list[Roi]:
    people = network.detect(image, window, _LIKELY)
    return [roi_from_points(person.hip, person.top) for person in people]


def _landmarks(network: BlazePose, image: UInt8[np.ndarray, "H W 3"], roi: Roi) -> Landmarks:
    """Read twice: where the network would look next fits the person better."""
    found = network.landmarks(image, roi)
    again = network.landmarks(image, found.next_roi)
    return max(found, again, key=lambda landmarks: landmarks.score)


def _body(landmarks: Landmarks, scale: float, shape: tuple[int, ...]) -> Body | None:
    if landmarks.score < _MIN_PRESENCE:
        return None
    drawn = draw_body(landmarks.xy / scale, (shape[0], shape[1]))
    rows, columns = np.nonzero(drawn)
    if len(rows) == 0:
        return None
    return Body(drawn, float(max(np.ptp(rows), np.ptp(columns)) + 1), landmarks.score)


def _is_same(one: Body, other: Body) -> bool:
    both = np.count_nonzero(one.drawn & other.drawn)
    return bool(both > _SAME_SHARE * min(np.count_nonzero(b.drawn) for b in (one, other)))


def _person(
    own: Bool[np.ndarray, "h w"], small: UInt8[np.ndarray, "h w 3"], scale: float
) -> Person:
    rows, columns = np.nonzero(own)
    left, right = np.percentile(columns, [0.5, 99.5])
    top, bottom = np.percentile(rows, [0.5, 99.5])
    middle = np.median(rows)
    colours = [small[own & half].mean(0) / 255 for half in _halves(own.shape, middle)]
    box = scale * np.array([left, top, right + 1, bottom + 1])
    area = scale * scale * len(rows)
    return Person(area, (box[0], box[1], box[2], box[3]), np.concatenate(colours))


def _halves(shape: tuple[int, ...], middle: float) -> list[Bool[np.ndarray, "h w"]]:
    above = np.broadcast_to(np.arange(shape[0])[:, None] <= middle, shape)
    below = np.broadcast_to(np.arange(shape[0])[:, None] >= middle, shape)
    return [above, below]
