"""Painting an outfit onto the surface, layer over layer: skin, face, hair, trousers, shirt, shoes.

Places are given relative to joints and landmarks, so they follow the body; the numbers were chosen
by eye on the free body's mean shape. Lengths in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clothing.patterns import SHIRT_PATTERNS, TROUSER_PATTERNS, blend, hex_colour, noise, ramp
from clothing.surface import Map, Surface

# A garment's edge is this wide, so that it is not jagged.
_EDGE = 0.003


@dataclass(frozen=True)
class Outfit:
    """What someone wears; colours are hex codes.

    Attributes:
        seed: of all noise.
        skin: colour.
        hair: colour, of the eyebrows too.
        shirt: main colour.
        shirt_second: colour of its pattern.
        shirt_pattern: a key of SHIRT_PATTERNS.
        sleeve: how far it reaches down the arm.
        trousers: main colour.
        trousers_second: colour of its pattern.
        trousers_pattern: a key of TROUSER_PATTERNS.
        trousers_length: how far they reach down the leg.
        shoe: colour.
        sock: colour, or none.
        hair_drop: how much further than short hair it falls at the back, m.
    """

    seed: int
    skin: str
    hair: str
    shirt: str
    trousers: str
    shoe: str
    shirt_second: str = "ffffff"
    shirt_pattern: str = "plain"
    sleeve: Literal["none", "short", "long"] = "short"
    trousers_second: str = "333333"
    trousers_pattern: str = "plain"
    trousers_length: Literal["short", "knee", "long"] = "long"
    sock: str | None = None
    hair_drop: float = 0.0


def paint_outfit(surface: Surface, outfit: Outfit) -> Map:
    """Colour every covered texel.

    Args:
        surface: maps of the body.
        outfit: what it wears.

    Returns:
        (H, W, 3) sRGB in [0, 1]; zero where no face is.
    """
    soft = noise(surface.position, 0.05, outfit.seed)  # cloth and skin are never of one colour
    colour = _skin(surface, outfit, soft)
    colour = _face(surface, outfit, colour)
    colour = _hair(surface, outfit, colour, soft)
    colour, trousers = _trousers(surface, outfit, colour, soft)
    colour = _shirt(surface, outfit, colour, soft)
    colour = _socks(surface, outfit, colour, soft, trousers)
    colour = _shoes(surface, outfit, colour, soft)
    return np.clip(colour, 0, 1) * surface.covered[..., None]


def _skin(surface: Surface, outfit: Outfit, soft: Map) -> Map:
    pores = noise(surface.position, 0.012, outfit.seed + 1, octaves=2)
    colour = hex_colour(outfit.skin) * (0.93 + 0.10 * soft + 0.05 * pores)[..., None]
    redness = np.clip(surface.weight_of_both("hand", "wrist") * 0.5, 0, 1)
    return colour * (1 - redness[..., None] * np.array([0, 0.06, 0.06]))


def _face(surface: Surface, outfit: Outfit, colour: Map) -> Map:
    """Eyes, eyebrows and lips, as ellipses about the landmarks."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    head = surface.weight_of("head")
    for eye in (surface.landmarks["leye"], surface.landmarks["reye"]):
        right, up = x - eye[0], y - eye[1]
        ahead = (z > eye[2] - 0.03) & (head > 0.8)
        white = ramp(1.15, 0.85, (right / 0.0155) ** 2 + (up / 0.0065) ** 2) * ahead
        colour = blend(colour, hex_colour("f2efe9"), white)
        iris = ramp(1.2, 0.8, (right**2 + up**2) / 0.0055**2) * white
        colour = blend(colour, hex_colour("3a2a1c"), iris)
        arch = up - 0.021 + 0.25 * (np.abs(x) - abs(eye[0])) ** 2 / 0.02
        brow = ramp(1.2, 0.8, (right / 0.023) ** 2 + (arch / 0.0048) ** 2) * ahead
        colour = blend(colour, hex_colour(outfit.hair) * 0.8, 0.85 * brow)
    nose = surface.landmarks["nose"]
    lips = ramp(1.25, 0.75, (x / 0.025) ** 2 + ((y - nose[1] + 0.0315) / 0.009) ** 2)
    lips = lips * (z > nose[2] - 0.05) * (head > 0.5)
    tint = hex_colour("a8524c") * (hex_colour(outfit.skin).mean() + 0.35)
    return blend(colour, tint, 0.75 * lips)


def _hair(surface: Surface, outfit: Outfit, colour: Map, soft: Map) -> Map:
    """The scalp behind a hairline that falls from the forehead to the nape; ears stay free."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    nose, ear = surface.landmarks["nose"], surface.landmarks["lear"]
    drop = ramp(nose[2] - 0.045, nose[2] - 0.15, z)
    hairline = surface.landmarks["leye"][1] + 0.055 - (0.145 + outfit.hair_drop) * drop
    hairline = hairline + 0.01 * (soft - 0.5)
    offset = (surface.position * [0, 1, 1] + np.abs(x)[..., None] * [1, 0, 0]) - ear * [
        np.sign(ear[0]), 1, 1,
    ]  # fmt: skip
    ears = ((offset / [0.02, 0.04, 0.035]) ** 2).sum(-1) < 1
    cover = ramp(-0.004, 0.004, y - hairline) * (surface.weight_of("neck", "head") > 0.5) * ~ears
    strands = noise(surface.position * [6, 0.6, 6], 0.05, outfit.seed + 5)
    return blend(colour, hex_colour(outfit.hair) * (0.75 + 0.5 * strands)[..., None], cover)


def _waist(surface: Surface) -> float:
    return float(surface.joints["pelvis"][1]) + 0.11


def _trousers(surface: Surface, outfit: Outfit, colour: Map, soft: Map) -> tuple[Map, Map]:
    """With a belt; also returns where the trousers are."""
    y = surface.position[..., 1]
    joints = surface.joints
    hem = {
        "long": joints["left_ankle"][1] + 0.06,
        "knee": joints["left_knee"][1] + 0.03,
        "short": joints["left_hip"][1] - 0.12,
    }[outfit.trousers_length]
    waist = _waist(surface)
    arms = surface.weight_of_both("shoulder", "elbow", "wrist", "hand")
    cover = ramp(hem - _EDGE, hem + _EDGE, y + 0.004 * (soft - 0.5))
    cover = cover * ramp(waist + _EDGE, waist - _EDGE, y) * (arms < 0.3)
    cloth = np.ones_like(colour) * hex_colour(outfit.trousers)
    pattern = TROUSER_PATTERNS[outfit.trousers_pattern]
    cloth = pattern(surface, cloth, hex_colour(outfit.trousers_second), outfit.seed)
    colour = blend(colour, cloth * (0.88 + 0.2 * soft)[..., None], cover)
    return blend(colour, hex_colour("2a1d14"), cover * (y > waist - 0.028)), cover


def _shirt(surface: Surface, outfit: Outfit, colour: Map, soft: Map) -> Map:
    """With a neckline that is lower in front; it hangs over the belt by a centimetre."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    joints = surface.joints
    shoulder, wrist = joints["left_shoulder"][0], joints["left_wrist"][0]
    cuff = {"none": shoulder + 0.02, "short": shoulder + 0.15, "long": wrist - 0.015}
    edge = cuff[outfit.sleeve]
    neckline = joints["neck"][1] + 0.01 - 0.05 * ramp(0.0, 0.1, z)
    # the neckline rises towards the shoulders
    below_neck = ramp(0.005, -0.005, y - 0.25 * np.clip(np.abs(x) - 0.05, 0, 0.1) - neckline)
    legs = surface.weight_of_both("hip", "knee", "ankle", "foot")
    cover = (y > _waist(surface) - 0.01) * ramp(edge + _EDGE, edge - _EDGE, np.abs(x))
    cover = cover * below_neck * (legs < 0.9) * (surface.weight_of("head") < 0.5)
    cloth = np.ones_like(colour) * hex_colour(outfit.shirt)
    cloth = SHIRT_PATTERNS[outfit.shirt_pattern](surface, cloth, hex_colour(outfit.shirt_second))
    folds = noise(surface.position, 0.18, outfit.seed + 2)
    shade = 0.84 + 0.26 * soft + 0.06 * (folds - 0.5)
    return blend(colour, cloth * shade[..., None], cover)


def _socks(surface: Surface, outfit: Outfit, colour: Map, soft: Map, trousers: Map) -> Map:
    if outfit.sock is None:
        return colour
    up = surface.position[..., 1] - surface.joints["left_ankle"][1]
    cover = (up < 0.09) & (up >= -0.02) & (trousers < 0.5)
    return blend(colour, hex_colour(outfit.sock) * (0.9 + 0.15 * soft)[..., None], cover)


def _shoes(surface: Surface, outfit: Outfit, colour: Map, soft: Map) -> Map:
    """With soles in the opposite brightness, and laces."""
    x, y, z = np.moveaxis(surface.position, -1, 0)
    ankle, foot = surface.joints["left_ankle"], surface.joints["left_foot"]
    legs = surface.weight_of_both("hip", "knee", "ankle", "foot")
    # the shaft is cut lower behind the ankle
    collar = y - 0.10 * np.clip(ankle[2] - z, 0, 0.05) - ankle[1]
    cover = ramp(0.012, 0.006, collar) * (legs > 0.5)
    leather = hex_colour(outfit.shoe) * (0.9 + 0.15 * soft)[..., None]
    sole = hex_colour("e8e6e0" if hex_colour(outfit.shoe).mean() < 0.7 else "555555")
    leather = blend(leather, sole, y < surface.floor + 0.018)
    across = np.abs(np.abs(x) - foot[0]) < 0.018
    rows = (np.abs(((z - 0.02) / 0.02) % 1 - 0.5) < 0.2) & (z > 0) & (z < 0.09)
    laces = across & rows & (surface.normal[..., 1] > 0.3)
    return blend(colour, blend(leather, 1 - hex_colour(outfit.shoe) * 0.8, laces), cover)
