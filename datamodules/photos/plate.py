"""The scene of a clip without its people: what a fit takes for the background.

A median over the clip keeps a ghost of whoever stays in one place for half of it. Where people are
found in the frames, the median is taken over those frames alone in which a place is free of them.
What is never free is filled in from around, and marked as not known.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from datamodules.files.video import (
    median_background,
    median_of_frames,
    read_video_frames,
    spread_frames,
)
from datamodules.photos.people import LIKELY, SURE, FindPeople, people_finder
from datamodules.photos.steady import steadied
from hfb.errors import InputError
from hfb.files.images import read_image
from hfb.init.detect.decoding import Roi
from hfb.init.detect.windows import windows_along

_logger = logging.getLogger("hfb")

PEOPLE_FRAMES = 25
"""Frames that people are looked for in: some 0.2 s each."""

MIN_FREE = 2
"""Frames in which a place must be free: in a single one, part of a limb is missed too easily."""

_MOTION_SIDE = 320
"""Longer side at which motion is looked for, px."""
_MOTION = 0.1
"""Change of a place over the clip, in sRGB, from which something moves there; codecs leave .03."""
_RARE = 0.05
"""Share of the frames at either end of a place's values that does not count as change."""
_SMALLEST = 32
"""Extent of a moving part, px, below which nobody would be found in it."""
_MOVING_SHARE = 0.15
"""Share of a person's mask that must move some time: less, and they are part of the scene."""
_MINOR = 0.25
"""Extent of a moving part, in those of the largest, below which it is a shadow or a curtain."""
_INPAINT_RADIUS = 5
_TOLD_UNKNOWN = 0.002
"""Share of the picture that was never free from which it is said."""


@dataclass(frozen=True)
class Plate:
    """A clean scene.

    Attributes:
        scene: sRGB in [0, 1].
        origin: where it is from, in words.
        known: 1 where the scene was seen, 0 where it is filled in; None: it was seen everywhere.
    """

    scene: Float[Tensor, "3 H W"]
    origin: str
    known: Float[Tensor, "1 H W"] | None = None


def video_background(
    video: str | Path, image: str | Path | None, frame: int | None, num_frames: int
) -> Plate:
    """The clean scene of a clip.

    Args:
        video: the clip.
        image: image of the scene, comes first.
        frame: number of a frame without the person; with neither, the scene is made from frames of
            the whole clip.
        num_frames: length of the clip.

    Raises:
        InputError: if a file cannot be used or the frame lies outside the clip.
    """
    if image is not None:
        return Plate(read_image(image), str(image))
    if frame is None:
        return clip_plate(video)
    if not 0 <= frame < num_frames:
        raise outside_clip(video, f"background_frame {frame}", num_frames)
    array = next(read_video_frames(video, range(frame, frame + 1)))
    return Plate(_as_image(array), f"frame {frame} of {video}")


def outside_clip(video: str | Path, what: str, num_frames: int) -> InputError:
    """The error of frames that a clip does not have.

    Args:
        video: the clip.
        what: was asked for.
        num_frames: length of the clip.
    """
    return InputError(
        f"{what} lie outside the video {video}, which has {num_frames} frames: 0 … {num_frames - 1}"
    )


def clip_plate(video: str | Path, find: FindPeople | None = None) -> Plate:
    """The scene without people, from frames spread over the clip.

    Somebody who never moves stays: they belong to the scene as furniture does. A person that is
    left in the scene, and places that were never free, are said in a warning.

    Args:
        video: the clip.
        find: finds people; by default the initialiser's networks. Where these are missing, the
            plain median of the frames is taken.

    Raises:
        InputError: as `spread_frames`, or if the camera moves farther than can be undone.
    """
    frames, outside = steadied(spread_frames(video, PEOPLE_FRAMES), video)
    moves = moving_places(frames)
    windows = windows_of(moves)
    find = find or (people_finder() if windows else None)
    if outside is None and (find is None or not windows):
        return Plate(median_background(video), f"the median of {video}")
    find = find or _nobody
    people = np.zeros(frames.shape[:3], bool) if outside is None else outside
    for frame, mask in zip(frames, people, strict=True):
        mask |= _moving_people(frame, find, windows, moves, LIKELY)
    scene, known = masked_median(frames, people)
    origin = f"frames of {video} without the people in them"
    if _moving_people(scene, find, windows, moves, SURE).any():
        _logger.warning(
            "the background made from %s still shows a person, who hardly moved: give an image of "
            "the empty scene (--data.background) or the number of an empty frame "
            "(--data.background_frame)",
            video,
        )
    unknown = 1.0 - float(known.mean())
    if unknown > _TOLD_UNKNOWN:
        _logger.warning(
            "%.1f %% of the background of %s were never seen without a person: they are filled in "
            "from around and compared only where the person covers them",
            100 * unknown,
            video,
        )
    share = None if known.all() else torch.from_numpy(known[None]).float()
    return Plate(_as_image(scene), origin, share)


def _nobody(image: np.ndarray, windows: Sequence[Roi], score: float) -> list[np.ndarray]:
    """What finds people where the networks are missing."""
    return []


def moving_places(frames: UInt8[np.ndarray, "N H W 3"]) -> Bool[np.ndarray, "H W"]:
    """Where the clip changes by more than noise, and in more than a few frames.

    Args:
        frames: of the clip.
    """
    height, width = frames.shape[1:3]
    scale = min(1.0, _MOTION_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
    order = np.sort(small, axis=0)
    # Of few frames the outermost count.
    rare = int(_RARE * len(frames))
    change = (order[-1 - rare].astype(int) - order[rare]).max(-1) > 255 * _MOTION
    clean = cv2.morphologyEx(change.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.resize(clean, (width, height), interpolation=cv2.INTER_NEAREST) > 0


def windows_of(moves: Bool[np.ndarray, "H W"]) -> list[Roi]:
    """Upright squares in which to look for people: round each moving part, and along long ones.

    Args:
        moves: where the clip moves.
    """
    near = max(3, round(0.04 * max(moves.shape)))
    joined = cv2.dilate(moves.astype(np.uint8), np.ones((near, near), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    windows: list[Roi] = []
    largest = max((max(width, height) for _, _, width, height, _ in stats[1:count]), default=0)
    for x, y, width, height, _ in stats[1:count]:
        if max(width, height) < max(_SMALLEST, _MINOR * largest):
            continue
        windows += windows_along(float(x), float(y), float(width), float(height))
    return windows


def _moving_people(
    image: UInt8[np.ndarray, "H W 3"],
    find: FindPeople,
    windows: list[Roi],
    moves: Bool[np.ndarray, "H W"],
    score: float,
) -> Bool[np.ndarray, "H W"]:
    """Mask of those people in an image who move at some time of the clip."""
    mask = np.zeros(image.shape[:2], bool)
    for person in find(image, windows, score):
        if person.any() and float(moves[person].mean()) > _MOVING_SHARE:
            mask |= person
    return mask


def masked_median(
    frames: UInt8[np.ndarray, "N H W 3"], people: Bool[np.ndarray, "N H W"]
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Median over those frames in which a place is free; filled in where none, or too few, are.

    The lower median is taken: one of the values, so that it is the same in any monotone curve.

    Args:
        frames: of the clip.
        people: what is not free.

    Returns:
        The scene, sRGB; where it is known.
    """
    scene = median_of_frames(frames)
    free = len(frames) - people.sum(0)
    known = free >= min(MIN_FREE, len(frames))
    for row in np.flatnonzero(people.any((0, 2))):
        columns = np.flatnonzero(people[:, row].any(0) & known[row])
        values = frames[:, row, columns].astype(np.int16)
        values[people[:, row, columns]] = 256  # sorted behind all values that count
        middle = (free[row, columns] - 1) // 2
        scene[row, columns] = np.sort(values, axis=0)[middle, np.arange(len(columns))]
    return _filled(scene, ~known), known


def _filled(
    scene: UInt8[np.ndarray, "H W 3"], holes: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    if not holes.any():
        return scene
    return cv2.inpaint(scene, holes.astype(np.uint8), _INPAINT_RADIUS, cv2.INPAINT_TELEA)


def _as_image(array: UInt8[np.ndarray, "H W 3"]) -> Float[Tensor, "3 H W"]:
    return torch.from_numpy(array).permute(2, 0, 1).contiguous().float() / 255
