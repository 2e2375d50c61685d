"""Where people are in the frames of a clip: generous masks drawn from the detector's landmarks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hfb.errors import HfbError
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import Roi, roi_from_points
from hfb.init.detect.landmarks import Landmarks

_logger = logging.getLogger("hfb")

FindPeople = Callable[[np.ndarray, Sequence[Roi], float], list[np.ndarray]]
"""From an image (H, W, 3), uint8 sRGB, upright squares of it and the least score of the detector
to a mask (H, W) a person."""

LIKELY, SURE = 0.5, 0.75
"""Scores of the detector: people score .9 and more, chairs and shadows up to .7."""

LIMB_WIDTH, HEAD_RADIUS = 0.17, 0.11
"""Of the masks, in heights of the person: wide enough for clothes, hair and a shadow's edge."""

_MIN_PRESENCE = 0.5
_MAX_PEOPLE = 4
"""People looked for in each square: the detector's best."""
_ROI_PER_HEIGHT = 1.25
"""Side of the landmark network's square in heights of a standing person."""
_SAME_PERSON = 0.35
"""Distance of two squares' centres, in sides, up to which they hold the same person."""

_BONES = (
    (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24), (23, 25),
    (25, 27), (24, 26), (26, 28), (0, 11), (0, 12), (11, 24), (12, 23), (15, 19), (16, 20),
    (27, 31), (28, 32),
)  # fmt: skip


def people_finder() -> FindPeople | None:
    """The detector and landmark network as a finder; None, logged, where they are missing."""
    try:
        network = BlazePose()
    except HfbError as error:
        _logger.info("people are not looked for in the clip: %s", error)
        return None
    return lambda image, windows, score: find_people(network, image, windows, score)


def find_people(
    network: BlazePose,
    image: UInt8[np.ndarray, "H W 3"],
    windows: Sequence[Roi],
    min_score: float = LIKELY,
) -> list[Bool[np.ndarray, "H W"]]:
    """A mask for each person in some squares of an image.

    Args:
        network: detector and landmark network.
        image: sRGB.
        windows: upright squares to look in; they may overlap.
        min_score: of the detector, from which it is believed.
    """
    rois: list[Roi] = []
    for window in windows:
        for person in network.detect(image, window, min_score)[:_MAX_PEOPLE]:
            roi = roi_from_points(person.hip, person.top)
            if not any(_is_same(roi, other) for other in rois):
                rois.append(roi)
    masks = []
    for roi in rois:
        found = network.landmarks(image, roi)
        # Where the network would look next fits the person better than the detector's square.
        again = network.landmarks(image, found.next_roi)
        best = max(found, again, key=lambda landmarks: landmarks.score)
        if best.score > _MIN_PRESENCE:
            masks.append(person_mask(best, image.shape[:2]))
    return masks


def _is_same(one: Roi, other: Roi) -> bool:
    distance = float(np.hypot(one[0] - other[0], one[1] - other[1]))
    return distance < _SAME_PERSON * max(one[2], other[2])


def person_mask(landmarks: Landmarks, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Everything near a person: bones drawn as thick as limbs in loose clothes, the head as a disc.

    Args:
        landmarks: of the person.
        shape: rows and columns of the image.
    """
    return drawn_body(landmarks.xy, landmarks.next_roi[2] / _ROI_PER_HEIGHT, shape)


def drawn_body(
    xy: Float[np.ndarray, "33 2"], height: float, shape: tuple[int, int]
) -> Bool[np.ndarray, "H W"]:
    """The same from its numbers.

    Args:
        xy: landmarks, px.
        height: of the person standing, px.
        shape: rows and columns of the image.
    """
    mask = np.zeros(shape, np.uint8)
    points = np.clip(xy, -4096, 4096).round().astype(int)
    width = max(1, round(LIMB_WIDTH * height))
    for start, end in _BONES:
        cv2.line(mask, points[start].tolist(), points[end].tolist(), 1, width)
    cv2.circle(mask, points[0].tolist(), max(1, round(HEAD_RADIUS * height)), 1, -1)
    return mask > 0
