"""How a camera moved between two pictures of one scene, in whatever light and whoever is in it.

Not in the paper, which takes photo and background from one clip of a camera that stands still.
Corners of the scene are followed from one picture to the other (Lucas and Kanade) in images whose
local brightness and contrast are made equal, so that exposure and tone do not matter; most of them
must agree on one shift, turn and scale, and the person, who moves in other ways, is outvoted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

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
_LARGEST_SHIFT, _LARGEST_TURN_DEG, _LARGEST_SCALE = 0.03, 2.0, 0.02
"""Of the width; what is undone at most."""


@dataclass(frozen=True)
class CameraMotion:
    """Where a picture shows what another one shows.

    Attributes:
        matrix: from pixels of the first picture to pixels of the second.
        size: width and height, px.
        still_px: shift below which nothing moved.
        num_corners: how many corners of the scene agree.
        share: of the parts of the picture, in how many most corners agree.
    """

    matrix: Float[np.ndarray, "2 3"]
    size: tuple[int, int]
    still_px: float
    num_corners: int
    share: float

    @property
    def shift_px(self) -> tuple[float, float]:
        """Of the picture's middle, to the right and down, px."""
        middle = np.array(self.size) / 2
        dx, dy = (self.matrix[:, :2] @ middle + self.matrix[:, 2] - middle).tolist()
        return dx, dy

    @property
    def turn_deg(self) -> float:
        """Clockwise."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def scale(self) -> float:
        """How much larger things are."""
        return float(np.hypot(*self.matrix[:, 0]))

    @property
    def largest_px(self) -> float:
        """Shift of that corner of the picture which moves most, px."""
        width, height = self.size
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
        moved = corners @ self.matrix[:, :2].T + self.matrix[:, 2]
        return float(np.linalg.norm(moved - corners, axis=1).max())

    @property
    def is_still(self) -> bool:
        """Whether this is no motion at all, or one that cannot be told from none."""
        return self.largest_px < self.still_px

    @property
    def is_small(self) -> bool:
        """Whether it can be undone: pictures of the same side of things, nearly all in both."""
        return (
            float(np.hypot(*self.shift_px)) <= _LARGEST_SHIFT * self.size[0]
            and abs(self.turn_deg) <= _LARGEST_TURN_DEG
            and abs(self.scale - 1.0) <= _LARGEST_SCALE
        )

    def __str__(self) -> str:
        words = f"{float(np.hypot(*self.shift_px)):.1f} px"
        if abs(self.turn_deg) >= 0.05:
            words += f" and {abs(self.turn_deg):.1f} degrees"
        if abs(self.scale - 1.0) >= 0.002:
            words += f", with things {self.scale:.3f} times as large"
        return words


def limits_in_words(width: int) -> str:
    """What is undone at most.

    Args:
        width: of the picture, px.
    """
    return (
        f"{100 * _LARGEST_SHIFT:.0f} % of the width ({_LARGEST_SHIFT * width:.0f} px), "
        f"{_LARGEST_TURN_DEG:.0f} degrees and {100 * _LARGEST_SCALE:.0f} % of the size"
    )


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


def seen_after(
    image: Float[Tensor, "C H W"], motion: CameraMotion
) -> tuple[Float[Tensor, "C H W"], Float[Tensor, "1 H W"]]:
    """A picture as the camera shows it after a motion.

    Args:
        image: before the motion.
        motion: of the camera, from this picture to another.

    Returns:
        The picture; 1 where it is known, 0 where it was outside the given one.
    """
    array = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    own, shift = motion.matrix[:, :2], motion.matrix[:, 2]
    middle = np.array([0.5, 0.5])
    matrix = np.concatenate([own, (shift - middle + own @ middle)[:, None]], 1)
    warped = cv2.warpAffine(
        array, matrix, motion.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(np.ones(array.shape[:2], np.float32), matrix, motion.size)
    scene = torch.from_numpy(np.atleast_3d(warped)).permute(2, 0, 1).contiguous().clamp(0, 1)
    return scene, torch.from_numpy(inside > 0.999)[None].float()


def as_pixels(image: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """An image as the numbers of a file.

    Args:
        image: sRGB in [0, 1].
    """
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


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
