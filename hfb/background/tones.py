"""The tone curve between a photo and its background: exposure, white balance, gamma.

Not in the paper, which takes both from one clip. A camera on automatic exposes the scene with and
without the person differently, and every pixel then looks as if somebody moved before it. Of each
colour one smooth monotone curve is found that most of the picture shares; the person, of whom
nothing is known but that they cover less than half of it, has another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hfb.formation import linear_to_srgb, srgb_to_linear

# Means over blocks, about so many a picture: noise and what is left of a shift average out.
_NUM_BLOCKS = 4096
_MIN_BLOCKS = 200
# Blocks that are darker (noise, black level) or brighter (clipped) tell nothing; linear light.
_DARKEST, _BRIGHTEST = 0.004, 0.9
# All that follows in natural logarithms of light. A picture of one brightness has no structure on
# which a curve could be told from something else; on a wide range of them it has a slope, too.
_MIN_CONTRAST, _MIN_RANGE = 0.02, 0.7
_STEEPEST, _SLOPE_STEP = 0.6, 0.02
SAME_RATIO = 0.04
"""Ratios so near to each other are the same."""
_ROUND_LINE = 0.12
"""How far from the straight curve the bends of the same curve are looked for."""
_NUM_LEVELS, _MIN_IN_LEVEL, _MIN_SHARE_IN_LEVEL = 10, 25, 0.5
_NUM_ROUNDS = 3
_DARK = 1e-4
_CLIPPED, _SURELY_LESS = 0.995, 0.98


@dataclass(frozen=True)
class ToneCurve:
    """How the light of a photo compares with its background's where nobody stands.

    Attributes:
        levels: logarithms of the background's linear light, ascending; of red, green and blue.
        ratios: logarithm of photo over background at these levels.
        share: part of the picture, of each colour at least, that the curve explains.
        unchanged: part of the picture, of each colour at least, that is as bright as before.
        gained: part of the picture that the curve brings near to the photo, less what it takes
            away from there; of the colour where this is most.
        change: how far the curve is from none, root mean square over the picture, of the colour
            that changes most.
    """

    levels: Float[np.ndarray, "3 L"]
    ratios: Float[np.ndarray, "3 L"]
    share: float
    unchanged: float
    gained: float
    change: float

    def gains(self) -> tuple[float, float, float]:
        """Photo over background in middle tones, of red, green and blue."""
        red, green, blue = np.exp(np.median(self.ratios, axis=1)).tolist()
        return red, green, blue

    def bend(self) -> float:
        """How much the ratios of dark and bright places differ: 0 for a gain."""
        return float(np.ptp(self.ratios, axis=1).max())

    def ends(self) -> tuple[float, float]:
        """Photo over background in the darkest and the brightest places, mean of the colours."""
        dark, bright = np.exp(self.ratios[:, [0, -1]].mean(0)).tolist()
        return dark, bright

    def __call__(self, scene: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
        """The background as the photo shows it.

        Args:
            scene: sRGB in [0, 1].
        """
        light = srgb_to_linear(scene)
        log_light = light.clamp(min=_DARK).log().double().numpy()
        ratio = np.stack(
            [np.interp(log_light[c], self.levels[c], self.ratios[c]) for c in range(3)]
        )
        factor = torch.from_numpy(np.exp(ratio)).to(light)
        return linear_to_srgb((light * factor).clamp(0.0, 1.0))


def lost_to_clipping(
    scene: Float[Tensor, "3 H W"], matched: Float[Tensor, "3 H W"]
) -> Float[Tensor, "1 H W"]:
    """1 where the background is white and the photo would show how bright it really is.

    Args:
        scene: the background as given, sRGB.
        matched: after the curve.
    """
    lost = ((scene >= _CLIPPED) & (matched < _SURELY_LESS)).any(0, keepdim=True)
    return lost.float()


def find_tone(
    blurry: Float[Tensor, "T 3 H W"], background: Float[Tensor, "3 H W"]
) -> ToneCurve | None:
    """The curves that most of the picture shares.

    Args:
        blurry: the photos, sRGB in [0, 1].
        background: the scene, sRGB in [0, 1].

    Returns:
        None if the picture is too small, dark, clipped or plain to tell.
    """
    photo, scene = (_block_means(images) for images in (blurry, background[None]))
    is_usable = torch.minimum(photo, scene) > _DARKEST
    is_usable &= torch.maximum(photo, scene) < _BRIGHTEST
    levels, ratios, shares, unchanged, gained, changes = [], [], [], [], [], []
    for channel in range(3):
        usable = is_usable[channel]
        level = scene[channel, usable].double().log().numpy()
        ratio = photo[channel, usable].double().log().numpy() - level
        if len(ratio) < _MIN_BLOCKS or float(np.std(level)) < _MIN_CONTRAST:
            return None
        knots, values = _curve(level, ratio)
        own = np.interp(level, knots, values)
        levels.append(knots)
        ratios.append(values)
        shares.append(float((np.abs(ratio - own) < 2 * SAME_RATIO).mean()))
        unchanged.append(float((np.abs(ratio) < 2 * SAME_RATIO).mean()))
        near = [(np.abs(rest) < SAME_RATIO).mean() for rest in (ratio - own, ratio)]
        gained.append(float(near[0] - near[1]))
        changes.append(float(np.sqrt(np.square(own).mean())))
    levels_ratios = np.stack(levels), np.stack(ratios)
    return ToneCurve(*levels_ratios, min(shares), min(unchanged), max(gained), max(changes))


def _block_means(images: Float[Tensor, "T 3 H W"]) -> Float[Tensor, "3 K"]:
    """Linear light of blocks, mean over the photos."""
    height, width = images.shape[-2:]
    size = max(1, round((height * width / _NUM_BLOCKS) ** 0.5))
    light = torch.stack([avg_pool2d(srgb_to_linear(image), size) for image in images])
    return light.mean(0).flatten(1)


def _curve(level: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels and the ratios there: a robust straight line, then its bends."""
    offset, slope, middle = _line(level, ratio)
    edges = np.quantile(level, np.linspace(0.0, 1.0, _NUM_LEVELS + 1))
    # Levels of one wall may be equal; knots have to ascend.
    knots = (edges[1:] + edges[:-1]) / 2 + 1e-6 * np.arange(_NUM_LEVELS)
    values: np.ndarray = offset + slope * (knots - middle)
    for _ in range(_NUM_ROUNDS):
        values = values + _bends(level, ratio, knots, values)
    places, ratios = _extended(knots, values, edges)
    # A brighter place never becomes a darker one.
    return places, np.maximum.accumulate(places + ratios) - places


def _extended(
    knots: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Knots for the darkest and brightest level, too: the curve goes on as it does between both."""
    slope = np.diff(values) / np.maximum(np.diff(knots), 0.1)
    first = values[0] - slope[0].clip(-_STEEPEST, _STEEPEST) * (knots[0] - edges[0])
    last = values[-1] + slope[-1].clip(-_STEEPEST, _STEEPEST) * (edges[-1] - knots[-1])
    ends = (edges[0] - 1e-6, edges[-1] + 1e-4)
    return np.array([ends[0], *knots, ends[1]]), np.array([first, *values, last])


def _line(level: np.ndarray, ratio: np.ndarray) -> tuple[float, float, float]:
    """Offset and slope on which most blocks lie, and the level of the offset."""
    middle = float(np.median(level))
    low, high = np.quantile(level, [0.05, 0.95])
    slopes: np.ndarray = np.zeros(1)
    if high - low > _MIN_RANGE:
        count = round(_STEEPEST / _SLOPE_STEP)
        slopes = _SLOPE_STEP * np.arange(-count, count + 1)
    found = [_mode(ratio - slope * (level - middle)) for slope in slopes]
    best = max(range(len(slopes)), key=lambda k: (found[k][1], -abs(slopes[k])))
    return found[best][0], float(slopes[best]), middle


def _bends(
    level: np.ndarray, ratio: np.ndarray, knots: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """What to add to the curve at its knots: what most of each level shares, slightly smoothed."""
    rest = ratio - np.interp(level, knots, values)
    nearest = np.abs(level[:, None] - knots).argmin(1)
    known, modes = [], []
    for number in range(len(knots)):
        own = rest[nearest == number]
        near = own[np.abs(own) < _ROUND_LINE]
        middle, count = _mode(near) if len(near) else (0.0, 0)
        if count >= max(_MIN_IN_LEVEL, _MIN_SHARE_IN_LEVEL * len(own)):
            known.append(number)
            modes.append(middle)
    if not known:
        return np.zeros_like(values)
    # Levels that the person covers take the bends of their neighbours.
    full = np.interp(np.arange(len(knots)), known, modes)
    padded = np.pad(full, 1, mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _mode(values: np.ndarray) -> tuple[float, int]:
    """The value around which most others lie, and how many do."""
    ordered = np.sort(values)
    within = np.searchsorted(ordered, ordered + SAME_RATIO, "right") - np.arange(len(ordered))
    start = int(within.argmax())
    return float(np.median(ordered[start : start + within[start]])), int(within[start])
