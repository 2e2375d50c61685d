"""Colour primaries: matrices from one RGB space to sRGB's, in linear light."""

from __future__ import annotations

import numpy as np

D65 = (0.3127, 0.3290)
# CIE xy of red, green and blue; sRGB's are BT.709's.
BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def rgb_to_xyz(primaries: Primaries) -> np.ndarray:
    """CIE XYZ (Y of white is 1) of linear RGB whose white is D65.

    Args:
        primaries: CIE xy of red, green and blue.

    Returns:
        (3, 3), for column vectors.
    """
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in (*primaries, D65)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def matrix_to_srgb(primaries: Primaries) -> np.ndarray:
    """Linear sRGB of linear RGB with other primaries and the same white.

    Args:
        primaries: CIE xy of red, green and blue.

    Returns:
        (3, 3), for column vectors; colours beyond sRGB's come out below 0 or above 1.
    """
    return np.linalg.solve(rgb_to_xyz(BT709), rgb_to_xyz(primaries))
