"""Colours, noise, and the patterns printed on cloth. Lengths in metres."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from clothing.surface import Map, Surface

Colour = NDArray[np.float64]


def hex_colour(code: str) -> Colour:
    """SRGB in [0, 1] of a code such as `ff8000`."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def blend(under: Map, over: Map | Colour, cover: Map) -> Map:
    """Put a colour over another where `cover` is one, mix where it is between."""
    return under + (over - under) * np.asarray(cover, np.float64)[..., None]


def ramp(start: float, end: float, values: Map) -> Map:
    """Smooth step from 0 at `start` to 1 at `end`; `start` may be the larger one."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def noise(points: Map, scale: float, seed: int, octaves: int = 3) -> Map:
    """Value noise in [0, 1] at 3D points; `scale` is the size of its largest blots, m."""
    lattice = np.random.default_rng(seed).random((64, 64, 64))
    total, sum_of_weights = np.zeros(points.shape[:-1]), 0.0
    for octave in range(octaves):
        # the shift keeps the octaves' lattices from lining up at the origin
        places = (points / scale * 2**octave + 7.3 * octave).reshape(-1, 3).T
        layer = map_coordinates(lattice, places, order=1, mode="grid-wrap")
        total += 0.5**octave * layer.reshape(total.shape)
        sum_of_weights += 0.5**octave
    return total / sum_of_weights


def _wave(values: Map, period: float) -> Map:
    """Triangle wave between 0 and 1."""
    return np.abs((values / period) % 1 - 0.5) * 2


def _plain(surface: Surface, cloth: Map, second: Colour) -> Map:
    return cloth


def _stripes(surface: Surface, cloth: Map, second: Colour) -> Map:
    """Rings around the torso and, on the sleeves, around the arms."""
    x, y, _ = np.moveaxis(surface.position, -1, 0)
    arms = surface.weight_of_both("shoulder", "elbow", "wrist", "hand")
    sleeve = arms * (np.abs(x) > surface.joints["left_shoulder"][0] + 0.03)
    rings = ramp(0.45, 0.5, _wave(y, 0.07)) * (1 - sleeve)
    return blend(cloth, second, rings + ramp(0.45, 0.5, _wave(np.abs(x), 0.07)) * sleeve)


def _plaid(surface: Surface, cloth: Map, second: Colour) -> Map:
    x, y, _ = np.moveaxis(surface.position, -1, 0)
    cloth = blend(cloth, second, 0.5 * ramp(0.55, 0.65, _wave(y, 0.06)))
    cloth = blend(cloth, second * 0.6, 0.5 * ramp(0.55, 0.65, _wave(x, 0.06)))
    thread = (np.abs((y / 0.06) % 1 - 0.25) < 0.03) | (np.abs((x / 0.06) % 1 - 0.25) < 0.03)
    return blend(cloth, np.array([1, 1, 0.9]), thread * 0.6)


def _logo(surface: Surface, cloth: Map, second: Colour) -> Map:
    """A chequered square on the chest and a ring on the back."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    up = y - (surface.joints["spine3"][1] + 0.03)
    box = np.maximum(np.abs(x) / 0.1, np.abs(up) / 0.075)
    front = z > 0
    cloth = blend(cloth, second, (box < 1) & front)
    chequer = (np.floor(x / 0.025) + np.floor(up / 0.025)) % 2 == 0
    cloth = blend(cloth, hex_colour("c22b2b"), chequer & (box < 0.85) & front)
    return blend(cloth, second, (np.abs(np.hypot(x, up) - 0.07) < 0.018) & ~front)


def _dots(surface: Surface, cloth: Map, second: Colour) -> Map:
    """Dots on a staggered grid, seen along whichever axis the surface faces."""
    period = 0.05
    x, y, z = np.moveaxis(surface.position / period, -1, 0)
    up = (y + 0.5 * (np.floor(x) % 2)) % 1 - 0.5
    facing_front = np.abs(surface.normal[..., 2]) > 0.6
    radius = np.hypot(np.where(facing_front, x % 1 - 0.5, z % 1 - 0.5), up)
    return blend(cloth, second, ramp(0.28, 0.24, radius))


def _hoodie(surface: Surface, cloth: Map, second: Colour) -> Map:
    """A zip and a darker kangaroo pocket."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    cloth = blend(cloth, second, (np.abs(x) < 0.008) & (z > 0))
    hem = surface.joints["pelvis"][1] + 0.11
    pocket = (y < hem + 0.12) & (y > hem + 0.01) & (np.abs(x) < 0.14) & (z > 0.03)
    return cloth * (1 - 0.25 * pocket[..., None])


SHIRT_PATTERNS: dict[str, Callable[[Surface, Map, Colour], Map]] = {
    "plain": _plain,
    "stripes": _stripes,
    "plaid": _plaid,
    "logo": _logo,
    "dots": _dots,
    "hoodie": _hoodie,
}


def denim(surface: Surface, cloth: Map, second: Colour, seed: int) -> Map:
    """Faded vertical threads."""
    threads = noise(surface.position * [3, 0.3, 3], 0.01, seed + 7, octaves=2)
    fading = noise(surface.position, 0.18, seed + 2)
    return cloth * (0.8 + 0.35 * threads + 0.12 * fading)[..., None]


def side_stripe(surface: Surface, cloth: Map, second: Colour, seed: int) -> Map:
    """A band down the outer side of each leg."""
    x, _, z = np.moveaxis(surface.position, -1, 0)
    hip = surface.joints["left_hip"]
    outside = np.abs(x) > hip[0] + 0.02
    return blend(cloth, second, (np.abs(z - hip[2] + 0.01) < 0.012) & outside)


def camouflage(surface: Surface, cloth: Map, second: Colour, seed: int) -> Map:
    """Two kinds of blots."""
    cloth = blend(cloth, second, ramp(0.5, 0.52, noise(surface.position, 0.09, seed + 8, 2)))
    dark = ramp(0.5, 0.52, noise(surface.position, 0.07, seed + 9, 2))
    return blend(cloth, hex_colour("20261a"), dark)


def no_pattern(surface: Surface, cloth: Map, second: Colour, seed: int) -> Map:
    """Cloth as it is."""
    return cloth


TROUSER_PATTERNS: dict[str, Callable[[Surface, Map, Colour, int], Map]] = {
    "plain": no_pattern,
    "denim": denim,
    "side_stripe": side_stripe,
    "camouflage": camouflage,
}
