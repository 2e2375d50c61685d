"""The skeleton's paths through the exposure, drawn over an image."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.viz.shading import time_colours

# OpenCV takes fixed-point coordinates: this many fractional bits
SHIFT = 4
LEGIBLE_SIDE = 512  # px
MAX_COORDINATE = 2**14  # beyond it nothing is visible and OpenCV's integers overflow


def draw_joint_paths(
    image: Float[Tensor, "3 H W"],
    joints: Float[Tensor, "N J 2"],
    parents: tuple[int, ...],
    skeletons: tuple[int, ...] | None = None,
    dim: float = 0.5,
) -> Float[Tensor, "3 H2 W2"]:
    """Draw the path of every joint, coloured by time, and the skeleton at some times.

    Blue is early, yellow late. The image below is dimmed so that the lines stand out, and small
    images are enlarged so that they stay apart.

    Args:
        image: sRGB in [0, 1].
        joints: projected joints at N times, px, centre of the first pixel at (0.5, 0.5).
        parents: parent of each joint; negative for the root.
        skeletons: times at which the bones are drawn; None is first, middle and last.
        dim: how much of the image's brightness is taken away, in [0, 1].

    Returns:
        sRGB in [0, 1], the size of the image times a whole number.

    Raises:
        ShapeError: if there are not as many parents as joints.
    """
    if joints.shape[1] != len(parents):
        raise ShapeError(f"{joints.shape[1]} joints, but {len(parents)} parents")
    scale = max(1, round(LEGIBLE_SIDE / min(image.shape[-2:])))
    canvas = _canvas((1 - dim) * image, scale)
    last = len(joints) - 1
    colours = [tuple(round(255 * c) for c in colour) for colour in time_colours(last + 1).tolist()]
    points = _fixed_point(joints * scale)
    thickness = max(1, round(min(canvas.shape[:2]) / 250))
    for k in sorted({0, last // 2, last} if skeletons is None else set(skeletons)):
        _draw_bones(canvas, points[k], parents, colours[k], thickness)
    for k in range(last):
        for start, end in zip(points[k], points[k + 1], strict=True):
            _line(canvas, start, end, colours[k], 2 * thickness)
    for point in points[last]:
        radius = 2 * thickness << SHIFT
        cv2.circle(canvas, _pair(point), radius, colours[last], -1, cv2.LINE_AA, SHIFT)
    return torch.from_numpy(canvas).permute(2, 0, 1).contiguous().to(image) / 255


def _canvas(image: Float[Tensor, "3 H W"], scale: int) -> np.ndarray:
    """An enlarged uint8 copy that OpenCV may draw on."""
    array = image.detach().cpu().float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    size = (scale * image.shape[2], scale * image.shape[1])
    return cv2.resize(array.contiguous().numpy(), size, interpolation=cv2.INTER_CUBIC)


def _fixed_point(joints: Tensor) -> np.ndarray:
    """OpenCV's integers, whose pixel centres lie at whole numbers."""
    values = joints.detach().cpu().double().nan_to_num() - 0.5
    values = values.clamp(-MAX_COORDINATE, MAX_COORDINATE)
    return (values * 2**SHIFT).round().numpy().astype(np.int64)


def _draw_bones(
    canvas: np.ndarray,
    points: np.ndarray,
    parents: tuple[int, ...],
    colour: tuple[int, ...],
    thickness: int,
) -> None:
    for child, parent in enumerate(parents):
        if parent >= 0:
            _line(canvas, points[parent], points[child], colour, thickness)


def _line(
    canvas: np.ndarray, start: np.ndarray, end: np.ndarray, colour: tuple[int, ...], thickness: int
) -> None:
    cv2.line(canvas, _pair(start), _pair(end), colour, thickness, cv2.LINE_AA, SHIFT)


def _pair(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])
