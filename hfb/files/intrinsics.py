"""Camera matrices: one judgement for every file and caller that gives one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hfb.errors import InputError
from hfb.files.numbers import numbers_of
from hfb.structures import Camera

FOCAL_LIMITS = (0.1, 100.0)
"""Wider than any fish-eye and longer than any telescope, in sides of the image."""
CENTRE_LIMIT = 10.0
"""How far the optical axis may miss the image, in its sides: crops keep their camera's axis."""
SKEW_LIMIT = 1e-3
"""Largest skew, as a share of the focal length, that no pixel can see."""
_EXPECTED = "[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in px"


def camera_of_matrix(value: Any, height: int, width: int, what: str) -> Camera:
    """The camera of a matrix of numbers.

    Args:
        value: K, as `numbers_of` takes it.
        height: rows of the image.
        width: columns of the image.
        what: where K stands, for errors: "the camera file K.json".

    Raises:
        InputError: if K cannot be the camera of an image of this size; says why.
    """
    matrix = check_intrinsics(value, height, width, what)
    return Camera(
        focal=torch.tensor([matrix[0, 0], matrix[1, 1]], dtype=torch.float32),
        principal_point=torch.tensor([matrix[0, 2], matrix[1, 2]], dtype=torch.float32),
        height=height,
        width=width,
    )


def check_intrinsics(value: Any, height: int, width: int, what: str) -> NDArray[np.float64]:
    """K as (3, 3) numbers, if a camera of an image of this size can have it.

    Args:
        value: K, as `numbers_of` takes it.
        height: rows of the image.
        width: columns of the image.
        what: where K stands, for errors.

    Raises:
        InputError: as `camera_of_matrix`.
    """
    try:
        matrix = numbers_of(value, "K", what)
    except InputError as error:
        raise InputError(f"{error}; expected {_EXPECTED}") from error
    if matrix.shape != (3, 3):
        raise InputError(f"{what}: K has the shape {matrix.shape}; expected {_EXPECTED}")
    reason = _fault(matrix, float(max(height, width)))
    if reason:
        raise InputError(
            f"{what}: K cannot belong to an image of {width} x {height} px: {reason}; "
            f"expected {_EXPECTED}"
        )
    return matrix


def _fault(matrix: NDArray[np.float64], side: float) -> str:
    """What is wrong with a matrix, if anything is."""
    (fx, skew, cx), (below, fy, cy) = matrix[:2].tolist()
    if not np.allclose(matrix[2], [0.0, 0.0, 1.0], rtol=0.0, atol=1e-6):
        is_turned = np.allclose(matrix[:2, 2], 0.0) and matrix[2, 2] == 1.0
        turned = " (it is transposed)" if is_turned else ""
        return f"its last row is {matrix[2].tolist()}, not [0, 0, 1]{turned}"
    if fx <= 0.0 or fy <= 0.0:
        return f"focal lengths {fx:g} and {fy:g} px are not positive"
    low, high = FOCAL_LIMITS
    if not (low <= fx / side <= high and low <= fy / side <= high):
        return f"focal lengths {fx:g} and {fy:g} px"
    if max(abs(skew), abs(below)) > SKEW_LIMIT * min(fx, fy):
        return (
            f"it is skewed ({skew:g} and {below:g} px beside the diagonal), which is not modelled"
        )
    if max(abs(cx), abs(cy)) > CENTRE_LIMIT * side:
        return f"principal point {cx:g}, {cy:g} px"
    return ""
