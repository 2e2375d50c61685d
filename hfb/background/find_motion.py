"""The motion of a camera, found in two pictures in whatever light and whoever is in them.

Not in the paper, whose camera stands still. Corners of the scene are followed from one picture to
the other (Lucas and Kanade) in images whose local brightness and contrast are made equal, so that
exposure and tone do not matter; most of them must agree on one shift, turn and scale, and the
person, who moves in other ways, is outvoted.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from hfb.background.camera_motion import CameraMotion

_WORKING_SIDE = 960
"""Longer side at which corners are followed, px."""
_CONTRAST_PX, _LEAST_CONTRAST = 8.0, 3.0
"""Of the equal brightness: radius, px; and the contrast of 255 that noise may have."""
_MOST_CORNERS, _QUALITY, _APART_PX = 3000, 0.01, 6.0
_WINDOW_PX, _LEVELS = 21, 4
_BACK_PX = 0.5
"""How far from where it began a corner may end that is followed there and back."""
_AGREE_PX = 1.0
_GRID, _MOST_IN_CELL, _FEWEST_IN_CELL = 8, 12, 3
"""Parts of the picture along each side, and corners in each that vote: a checked shirt has many."""
_MIN_CORNERS, _MIN_CELLS, _MIN_SHARE = 30, 8, 0.55
"""Corners that must agree, parts of the picture where most of them do, and their share of all."""
_MIN_WIDE, _MIN_HIGH = 6, 4
"""From the first to the last of these parts: a person seldom is so wide."""
_MATCH_RATIO = 0.75
_NUM_ROUNDS = 5
STILL_PX = 0.3
"""Shift of any corner of the picture below which the camera has not moved, working px."""


def find_motion(
    first: UInt8[np.ndarray, "H W 3"], second: UInt8[np.ndarray, "H W 3"]
) -> CameraMotion | None:
    """The motion of the camera from one picture to another.

    Args:
        first: sRGB; the scene.
        second: of the same size; the same scene, with others in it.

    Returns:
        None where it cannot be told: too few corners, or no motion that most of them share.
    """
    height, width = first.shape[:2]
    factor = min(1.0, _WORKING_SIDE / max(height, width))
    one, other = (_equal_contrast(image, factor) for image in (first, second))
    corners = cv2.goodFeaturesToTrack(one, _MOST_CORNERS, _QUALITY, _APART_PX)
    if corners is None:
        return None
    start = _spread_out(corners[:, 0], one.shape)
    found = _followed(one, other, start, np.eye(2, 3))
    guess = _guess(one, other) if found is None else None
    if guess is not None:
        found = _followed(one, other, start, guess)
    if found is None:
        return None
    matrix, count, share = found
    # Pixel centres lie at +.5, OpenCV's at whole numbers.
    middle = np.array([0.5, 0.5])
    own = matrix[:, :2]
    shift = (matrix[:, 2] + middle - own @ middle) / factor
    full = np.concatenate([own, shift[:, None]], 1)
    return CameraMotion(full, (width, height), STILL_PX / factor, count, share)


def _equal_contrast(image: np.ndarray, factor: float) -> UInt8[np.ndarray, "h w"]:
    """Grey, reduced, each place as bright and as rich in contrast as any other."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if factor < 1.0:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    rest = grey.astype(np.float32)
    rest -= cv2.GaussianBlur(rest, (0, 0), _CONTRAST_PX)
    contrast = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), _CONTRAST_PX))
    return (128.0 + 42.0 * rest / (contrast + _LEAST_CONTRAST)).clip(0, 255).astype(np.uint8)


def _cells(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which part of the picture each point is in."""
    columns, rows = (points * _GRID / np.array([shape[1], shape[0]])).astype(int).T
    return columns.clip(0, _GRID - 1) + _GRID * rows.clip(0, _GRID - 1)


def _spread_out(corners: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The best corners of each part of the picture; they come best first."""
    cells = _cells(corners, shape)
    order = np.argsort(cells, kind="stable")
    first = np.searchsorted(cells[order], np.arange(_GRID**2))
    rank = np.arange(len(order)) - first[cells[order]]
    return corners[np.sort(order[rank < _MOST_IN_CELL])]


def _followed(
    one: np.ndarray, other: np.ndarray, start: np.ndarray, guess: np.ndarray
) -> tuple[np.ndarray, int, float] | None:
    """Motion on which the corners agree, how many and which share; None if too few do."""
    size, flags = (_WINDOW_PX, _WINDOW_PX), cv2.OPTFLOW_USE_INITIAL_FLOW
    first = (start @ guess[:, :2].T + guess[:, 2]).astype(np.float32)
    end, ok, _ = cv2.calcOpticalFlowPyrLK(
        one, other, start, first.copy(), winSize=size, maxLevel=_LEVELS, flags=flags
    )
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
        other, one, end, start.copy(), winSize=size, maxLevel=_LEVELS, flags=flags
    )
    kept = (ok[:, 0] > 0) & (ok_back[:, 0] > 0)
    kept &= np.linalg.norm(back - start, axis=1) < _BACK_PX
    if int(kept.sum()) < _MIN_CORNERS:
        return None
    return _agreed(start[kept], end[kept], one.shape)


def _agreed(
    start: np.ndarray, end: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, int, float] | None:
    """One shift, turn and scale by the vote of the corners, then least squares of who agrees."""
    matrix, _ = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX, maxIters=2000
    )
    if matrix is None:
        return None
    for _ in range(_NUM_ROUNDS):
        rest = np.linalg.norm(start @ matrix[:, :2].T + matrix[:, 2] - end, axis=1)
        agrees = rest < _AGREE_PX
        if int(agrees.sum()) < _MIN_CORNERS:
            return None
        scale = max(0.05, 4.0 * float(np.median(rest[agrees])))
        weight = np.square(1.0 - np.square(np.minimum(rest / scale, 1.0)))
        matrix = _similarity(start, end, weight)
    cells = _cells(start, shape)
    total = np.bincount(cells, minlength=_GRID**2)
    counts = total >= _FEWEST_IN_CELL
    agreeing = counts & (np.bincount(cells[agrees], minlength=_GRID**2) > 0.5 * total)
    rows, columns = np.divmod(np.flatnonzero(agreeing), _GRID)
    share = float(agreeing.sum() / max(1, counts.sum()))
    if share < _MIN_SHARE or len(rows) < _MIN_CELLS:
        return None
    if np.ptp(columns) < _MIN_WIDE - 1 or np.ptp(rows) < _MIN_HIGH - 1:
        return None
    return matrix, int(agrees.sum()), share


def _similarity(start: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted least squares: shift, turn and scale."""
    total = weight.sum()
    middle, moved = (weight @ start) / total, (weight @ end) / total
    x, y = (start - middle).T
    u, v = (end - moved).T
    size = weight @ (x * x + y * y)
    a, b = (weight @ (x * u + y * v)) / size, (weight @ (x * v - y * u)) / size
    turn = np.array([[a, -b], [b, a]])
    return np.concatenate([turn, (moved - turn @ middle)[:, None]], 1)


def _guess(one: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """A motion too large to be followed: by what the corners look like."""
    finder = cv2.ORB.create(1500)
    (places, looks), (others, other_looks) = (
        finder.detectAndCompute(image, None) for image in (one, other)
    )
    if looks is None or other_looks is None or len(other_looks) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(looks, other_looks, 2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _MATCH_RATIO * p[1].distance]
    if len(good) < _MIN_CORNERS:
        return None
    start = np.array([places[match.queryIdx].pt for match in good], np.float32)
    end = np.array([others[match.trainIdx].pt for match in good], np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC)
    return None if matrix is None else np.asarray(matrix)
