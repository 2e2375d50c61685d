"""Colours of walls, floors, furniture, plants: functions of two surface coordinates in metres.

A material is drawn once (its colours, sizes and noise) and then asked for the albedo of any points.
Nothing is read from files.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Array = NDArray[np.floating]
Material = Callable[[Array, Array], Array]
"""Surface coordinates (P,) and (P,) in m -> linear RGB albedo (P, 3)."""

_NOISE_SIZE = 512


@dataclass(frozen=True)
class Noise:
    """Periodic random fields shared by the materials of one image, mean 0, deviation 1.

    Attributes:
        soft: cloudy, spectrum 1/f².
        rough: grainy, spectrum 1/f.
    """

    soft: Array
    rough: Array

    @staticmethod
    def draw(rng: np.random.Generator) -> Noise:
        """New fields."""
        return Noise(soft=_field(rng, 1.6), rough=_field(rng, 0.7))


def _field(rng: np.random.Generator, exponent: float) -> Array:
    """Gaussian noise with amplitude spectrum f^-exponent, periodic."""
    spectrum = np.fft.rfft2(rng.normal(size=(_NOISE_SIZE, _NOISE_SIZE)))
    fy, fx = np.fft.fftfreq(_NOISE_SIZE)[:, None], np.fft.rfftfreq(_NOISE_SIZE)[None]
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(spectrum * frequency**-exponent, s=(_NOISE_SIZE, _NOISE_SIZE))
    return (field / field.std()).astype(np.float32)


def sample(field: Array, u: Array, v: Array, period: float) -> Array:
    """Values (P,) of a field that repeats every `period` metres."""
    scale = _NOISE_SIZE / period
    return map_coordinates(field, [v * scale, u * scale], order=1, mode="grid-wrap")


def cell_random(i: Array, j: Array, salt: float) -> Array:
    """A random number in [0, 1) for each integer cell (i, j)."""
    # float64 whatever comes in: the fraction of a large number is all that is kept.
    phase = np.asarray(i, np.float64) * 127.1 + np.asarray(j, np.float64) * 311.7
    value = np.sin(phase + salt * 74.7) * 43758.5453
    return (value - np.floor(value)).astype(np.float32)


def colour(
    rng: np.random.Generator,
    hue: tuple[float, float] = (0.0, 1.0),
    saturation: tuple[float, float] = (0.05, 0.5),
    value: tuple[float, float] = (0.2, 0.8),
) -> Array:
    """A random linear RGB colour; `value` is the sRGB brightness."""
    rgb = colorsys.hsv_to_rgb(
        float(rng.uniform(*hue)) % 1.0, float(rng.uniform(*saturation)), float(rng.uniform(*value))
    )
    return np.array(rgb, dtype=np.float32) ** 2.2


def _mixed(first: Array, second: Array, share: Array) -> Array:
    return first + (second - first) * np.clip(share, 0.0, 1.0)[:, None]


def plaster(rng: np.random.Generator, noise: Noise) -> Material:
    """Painted wall: one colour, stains, a little grain."""
    base = colour(rng, saturation=(0.02, 0.35), value=(0.45, 0.9))
    stain, grain = rng.uniform(0.02, 0.10), rng.uniform(0.01, 0.05)

    def albedo(u: Array, v: Array) -> Array:
        shade = 1 + stain * sample(noise.soft, u, v, 5.0) + grain * sample(noise.rough, u, v, 1.3)
        return base * np.clip(shade, 0.4, 1.5)[:, None]

    return albedo


def concrete(rng: np.random.Generator, noise: Noise) -> Material:
    """Concrete, asphalt, sand or carpet: speckle on a cloudy tone."""
    base = colour(rng, hue=(0.04, 0.2), saturation=(0.0, 0.28), value=(0.25, 0.7))
    cloud, speckle = rng.uniform(0.05, 0.18), rng.uniform(0.08, 0.3)
    grain = rng.uniform(0.5, 1.5)

    def albedo(u: Array, v: Array) -> Array:
        shade = 1 + cloud * sample(noise.soft, u, v, 6.0)
        shade = shade + speckle * sample(noise.rough, u, v, grain)
        return base * np.clip(shade, 0.25, 1.8)[:, None]

    return albedo


def grid(rng: np.random.Generator, noise: Noise, kind: str | None = None) -> Material:
    """Bricks, tiles or planks: rectangles with joints, each of a slightly different tone."""
    kinds = {
        "brick": (0.24, 0.075, 0.012, (0.0, 0.08), (0.3, 0.65), (0.35, 0.65), 0.5),
        "tile": (rng.uniform(0.2, 0.6), 0.0, 0.008, (0.0, 1.0), (0.02, 0.3), (0.4, 0.85), 0.0),
        "plank": (rng.uniform(0.9, 1.6), rng.uniform(0.09, 0.2), 0.004, (0.05, 0.11),
                  (0.3, 0.65), (0.3, 0.7), 0.37),
        "stone": (rng.uniform(0.35, 0.6), rng.uniform(0.2, 0.35), 0.015, (0.05, 0.15),
                  (0.05, 0.3), (0.35, 0.65), 0.5),
    }  # fmt: skip
    kind = kind or str(rng.choice(sorted(kinds)))
    width, height, joint, hue, saturation, value, offset = kinds[kind]
    height = height or width
    base = colour(rng, hue, saturation, value)
    gap = base * 0.35 if kind == "plank" else colour(rng, (0.05, 0.15), (0.0, 0.2), (0.4, 0.75))
    spread, salt = rng.uniform(0.1, 0.45), float(rng.uniform(0, 100))
    checker = float(rng.uniform(0.3, 0.8)) if kind == "tile" and rng.random() < 0.4 else 0.0
    stretch = 8.0 if kind == "plank" else 1.0

    def albedo(u: Array, v: Array) -> Array:
        row = np.floor(v / height)
        shifted = u / width + offset * row
        column = np.floor(shifted)
        tone = 1 + spread * (cell_random(column, row, salt) - 0.5)
        tone = tone * (1 - checker * ((column + row) % 2))
        grain = sample(noise.rough, u / stretch + 7.7 * column, v + 3.3 * row, 0.7)
        cloud = sample(noise.soft, u, v, 4.0)
        face = base * np.clip(tone * (1 + 0.08 * grain + 0.05 * cloud), 0.1, 2.0)[:, None]
        edge_u = np.minimum(shifted - column, 1 - shifted + column) * width
        edge_v = np.minimum(v / height - row, 1 - v / height + row) * height
        return _mixed(gap, face, (np.minimum(edge_u, edge_v) - joint / 2) / 0.006)

    return albedo


def foliage(rng: np.random.Generator, noise: Noise) -> Material:
    """Leaves or grass: dark gaps, light tips."""
    dark = colour(rng, (0.18, 0.34), (0.3, 0.6), (0.10, 0.25))
    light = colour(rng, (0.14, 0.30), (0.25, 0.55), (0.42, 0.68))
    size = rng.uniform(0.6, 1.5)

    def albedo(u: Array, v: Array) -> Array:
        leaves = sample(noise.rough, u, v, size)
        clumps = sample(noise.soft, u, v, 4.0)
        return _mixed(dark, light, 0.45 + 0.34 * leaves + 0.12 * clumps)

    return albedo


def stripes(rng: np.random.Generator, noise: Noise) -> Material:
    """Curtains, wallpaper, book spines, slats: bands of random widths and colours."""
    palette = np.stack([colour(rng, saturation=(0.05, 0.5), value=(0.2, 0.8)) for _ in range(5)])
    width, salt = float(rng.choice([0.035, 0.06, 0.12, 0.25])), float(rng.uniform(0, 100))
    shelf = float(rng.choice([0.33, 50.0]))

    def albedo(u: Array, v: Array) -> Array:
        row = np.floor(v / shelf)
        wobble = 0.35 * sample(noise.soft, u, row * 1.7, 3.0)
        column = np.floor(u / width + wobble)
        pick = (cell_random(column, row, salt) * len(palette)).astype(np.int64)
        tone = 0.75 + 0.4 * cell_random(column, row + 9, salt)
        board = np.abs(v / shelf - row - 0.5) > 0.46
        tone = np.where(board & (shelf < 1), 0.3, tone)
        return palette[pick] * (tone * (1 + 0.06 * sample(noise.rough, u, v, 1.0)))[:, None]

    return albedo


def painting(rng: np.random.Generator, noise: Noise) -> Material:
    """Pictures and posters: patches of strong colours inside a frame colour."""
    palette = np.stack([colour(rng, saturation=(0.1, 0.7), value=(0.15, 0.9)) for _ in range(4)])
    shift, size = rng.uniform(0, 50, 2), rng.uniform(1.0, 4.0)

    def albedo(u: Array, v: Array) -> Array:
        value = sample(noise.soft, u + shift[0], v + shift[1], size)
        second = sample(noise.soft, v + shift[1], u - shift[0], size / 2)
        first = _mixed(palette[0], palette[1], 0.5 + value * 1.5)
        return _mixed(first, _mixed(palette[2], palette[3], 0.5 + value), second * 2)

    return albedo


def facade(rng: np.random.Generator, noise: Noise) -> Material:
    """A building's front: rows of windows in a wall."""
    wall = (plaster, grid)[rng.integers(2)](rng, noise)
    width, height = rng.uniform(1.6, 3.0), rng.uniform(2.6, 3.4)
    share_u, share_v = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.6)
    glass = colour(rng, (0.5, 0.65), (0.1, 0.4), (0.15, 0.5))
    salt = float(rng.uniform(0, 100))

    def albedo(u: Array, v: Array) -> Array:
        column, row = np.floor(u / width), np.floor(v / height)
        inside_u = np.abs(u / width - column - 0.5) / share_u * 2
        inside_v = np.abs(v / height - row - 0.5) / share_v * 2
        tone = 0.5 + cell_random(column, row, salt) + 0.2 * sample(noise.soft, u, v, 7.0)
        pane = glass * np.clip(tone, 0.2, 2.0)[:, None]
        depth = np.maximum(inside_u, inside_v)
        framed = np.where(((depth > 0.9) & (depth < 1.0))[:, None], 0.6, pane)
        return np.where((depth < 1.0)[:, None], framed, wall(u, v))

    return albedo
