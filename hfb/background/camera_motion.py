"""How a camera moved between two pictures of one scene, and how the one looks from the other.

Not in the paper, whose camera stands still. A motion is a shift, a turn and a scale of the whole
picture: what a tripod that was touched, a hand or a focus ring does to things far away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

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

    def then(self, other: CameraMotion) -> CameraMotion:
        """This motion and another one after it."""
        whole = np.concatenate([self.matrix, [[0.0, 0.0, 1.0]]])
        return replace(other, matrix=other.matrix @ whole)

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
    matrix = _opencv(motion.matrix)
    warped = cv2.warpAffine(
        array, matrix, motion.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(np.ones(array.shape[:2], np.float32), matrix, motion.size)
    scene = torch.from_numpy(np.atleast_3d(warped)).permute(2, 0, 1).contiguous().clamp(0, 1)
    return scene, torch.from_numpy(inside > 0.999)[None].float()


def seen_before(
    image: UInt8[np.ndarray, "H W 3"], motion: CameraMotion
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """The second picture of a motion as the camera would have shown it before.

    Args:
        image: after the motion, sRGB.
        motion: of the camera, from another picture to this one.

    Returns:
        The picture; where it is known.
    """
    matrix = _opencv(motion.matrix)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(
        image, matrix, motion.size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(
        np.ones(image.shape[:2], np.float32), matrix, motion.size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    return warped.astype(np.uint8), inside > 0.999


def _opencv(matrix: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """The same between pixels whose centres lie at whole numbers, as OpenCV's do."""
    own, shift, middle = matrix[:, :2], matrix[:, 2], np.array([0.5, 0.5])
    return np.concatenate([own, (shift - middle + own @ middle)[:, None]], 1)


def as_pixels(image: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """An image as the numbers of a file.

    Args:
        image: sRGB in [0, 1].
    """
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
