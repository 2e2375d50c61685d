"""Photo and background that were exposed differently: told, and mended where a gain explains it.

Not in the paper, which takes both from one clip. A camera on automatic exposes the scene with and
without the person differently, and every pixel then looks as if somebody moved before it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hfb.formation import linear_to_srgb, srgb_to_linear

_logger = logging.getLogger("hfb")

# Means over blocks, about so many a picture: noise and small shifts of the camera average out.
_NUM_BLOCKS = 4096
_MIN_BLOCKS = 200
# Blocks that are darker (noise, black level) or brighter (clipped) tell nothing; linear light.
_DARKEST, _BRIGHTEST = 0.004, 0.9
# All in natural logarithms of light: smaller gains are left alone; ratios so near to each other are
# the same; gains of dark and bright places further apart are a curve, not a gain.
_SMALLEST_GAIN = 0.02
_SAME_RATIO = 0.04
_LARGEST_BEND = 0.1
# The person covers less than half of the picture: a gain holds for the rest.
_MIN_SHARE = 0.5
# A picture of one brightness has no structure on which a gain could be told from something else.
_MIN_CONTRAST = 0.02
_NUM_LEVELS = 5


@dataclass(frozen=True)
class Comparison:
    """How the light of a photo compares with its background's where nobody stands.

    Attributes:
        gain: photo over background in linear light, of red, green and blue.
        share: part of the picture, of red, green and blue at least, that has this gain.
        bend: how much the logarithm of the gain differs between dark and bright places.
        unchanged: part of the picture, of each colour at least, that is as bright as before.
    """

    gain: tuple[float, float, float]
    share: float
    bend: float
    unchanged: float

    @property
    def is_equal(self) -> bool:
        """True if nothing needs to be done."""
        return max(abs(float(np.log(value))) for value in self.gain) < _SMALLEST_GAIN

    @property
    def is_certain(self) -> bool:
        """True if one gain a colour explains the difference."""
        return self.share >= _MIN_SHARE and self.bend <= _LARGEST_BEND


def matched_background(
    blurry: Float[Tensor, "T 3 H W"], background: Float[Tensor, "3 H W"], name: str
) -> Float[Tensor, "3 H W"]:
    """The background as the photo's exposure would have shown it; warns of what it finds.

    Args:
        blurry: the photos, sRGB in [0, 1].
        background: the scene, sRGB in [0, 1].
        name: of the photo, for the warning.

    Returns:
        The same tensor if the exposures are equal, or differ in a way that no gain explains.
    """
    found = compare_exposures(blurry, background)
    if found is None or (found.is_equal and found.bend <= _LARGEST_BEND):
        return background
    if not found.is_certain:
        if found.unchanged < _MIN_SHARE:
            reason = (
                "dark and bright places differ by other factors, as after another tone curve"
                if found.bend > _LARGEST_BEND
                else "the rest differs by no common factor"
            )
            _logger.warning(
                "%s is as bright as its background in only %.0f %% of the picture: %s; take both "
                "with a camera that stands still, with the same exposure, white balance and tone "
                "curve, or expect a bad fit",
                name,
                100 * found.unchanged,
                reason,
            )
        return background
    _logger.warning(
        "%s is exposed differently from its background: light is %.2f, %.2f and %.2f times as much "
        "(red, green, blue); the background is changed to match",
        name,
        *found.gain,
    )
    gain = background.new_tensor(found.gain)[:, None, None]
    return linear_to_srgb((srgb_to_linear(background) * gain).clamp(0.0, 1.0))


def compare_exposures(
    blurry: Float[Tensor, "T 3 H W"], background: Float[Tensor, "3 H W"]
) -> Comparison | None:
    """Measure the gain between a photo and its background.

    Of each colour, the ratio that most blocks of the picture share; the person's have others.

    Args:
        blurry: the photos, sRGB in [0, 1].
        background: the scene, sRGB in [0, 1].

    Returns:
        None if the picture is too small, dark, clipped or plain to tell.
    """
    photo, scene = (_block_means(images) for images in (blurry, background[None]))
    is_usable = torch.minimum(photo, scene) > _DARKEST
    is_usable &= torch.maximum(photo, scene) < _BRIGHTEST
    gains, shares, bends, unchanged = [], [], [], []
    for channel in range(3):
        usable = is_usable[channel]
        level = scene[channel, usable].log().numpy()
        ratio = photo[channel, usable].log().numpy() - level
        if len(ratio) < _MIN_BLOCKS or float(np.std(level)) < _MIN_CONTRAST:
            return None
        gain, share, bend = _common_ratio(ratio, level)
        gains.append(float(np.exp(gain)))
        shares.append(share)
        bends.append(bend)
        unchanged.append(float((np.abs(ratio) < 2 * _SAME_RATIO).mean()))
    return Comparison((gains[0], gains[1], gains[2]), min(shares), max(bends), min(unchanged))


def _block_means(images: Float[Tensor, "T 3 H W"]) -> Float[Tensor, "3 K"]:
    """Linear light of blocks, mean over the photos."""
    height, width = images.shape[-2:]
    size = max(1, round((height * width / _NUM_BLOCKS) ** 0.5))
    light = torch.stack([avg_pool2d(srgb_to_linear(image), size) for image in images])
    return light.mean(0).flatten(1)


def _common_ratio(ratio: np.ndarray, level: np.ndarray) -> tuple[float, float, float]:
    """Gain, share of the picture that has it, and bend; of one colour, logarithms."""
    edges = np.quantile(level, np.linspace(0.0, 1.0, _NUM_LEVELS + 1))
    modes, counts = [], []
    for low, high in pairwise(edges):
        inside = ratio[(level >= low) & (level <= high)]
        mode = _mode(inside)
        count = int((np.abs(inside - mode) < _SAME_RATIO).sum())
        if count >= _MIN_SHARE * len(inside):
            modes.append(mode)
            counts.append(count)
    share = sum(counts) / len(ratio)
    bend = max(modes) - min(modes) if modes else 0.0
    gain = _mode(ratio)
    if bend <= _LARGEST_BEND:
        share = float((np.abs(ratio - gain) < 2 * _SAME_RATIO).mean())
    return gain, share, bend


def _mode(values: np.ndarray) -> float:
    """The value around which most others lie."""
    ordered = np.sort(values)
    within = np.searchsorted(ordered, ordered + _SAME_RATIO, "right") - np.arange(len(ordered))
    start = int(within.argmax())
    return float(np.median(ordered[start : start + within[start]]))
