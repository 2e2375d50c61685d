"""Why nobody was found: what is the matter with a photo and its background, in words.

The search says only that nothing stands out. What the user has to do depends on why.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from hfb.errors import NoPersonError
from hfb.formation import srgb_to_linear
from hfb.matte.region import STRONG_NOISE, pixel_noise

_SAME = 3 / 255
"""Largest difference, smoothed, of one picture saved twice."""

_BLACK, _WHITE = 4 / 255, 251 / 255
_CLIPPED_SHARE = 0.3
_EVERYWHERE = 6 / 255
"""Median difference, smoothed, from which the scenes themselves differ."""

_EXPLAINED_SHARE = 0.5
"""Of that difference, what one factor a channel must explain to be called another exposure."""

_STANDS_OUT = 12 / 255
_WHAT_TO_DO = (
    "Check that --data.background shows the same scene without the person, or give your own "
    "estimate with --data.estimate"
)


def nobody_found(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"], otherwise: str | None = None
) -> NoPersonError:
    """The error that nobody was found, with its reason.

    Args:
        image: the photo, sRGB in [0, 1].
        background: the scene, sRGB in [0, 1].
        otherwise: what to say where the two images are in order.
    """
    reason = fault_of_pair(image, background) or otherwise or _small_or_faint(image, background)
    return NoPersonError(f"no person found: {reason}. {_WHAT_TO_DO}")


def fault_of_pair(image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]) -> str | None:
    """What keeps anybody from standing out, in words; None if nothing does.

    Args:
        image: the photo, sRGB in [0, 1].
        background: the scene, sRGB in [0, 1].
    """
    one, other = image.detach().float().cpu(), background.detach().float().cpu()
    noise = pixel_noise(one - other)
    if noise > STRONG_NOISE:
        return (
            f"noise of {255 * noise:.0f}/255 between photo and background hides what differs; "
            "average several frames of each, or give more light"
        )
    difference = smoothed_difference(one, other)
    largest, median = float(difference.max()), float(np.median(difference))
    if median > _EVERYWHERE:
        return _everywhere(one, other, median)
    if largest > _STANDS_OUT:
        return None
    clipped = _clipped(one, other)
    if clipped is not None:
        return clipped
    if largest < _SAME:
        return (
            f"photo and background are the same picture (they differ by {255 * largest:.0f}/255 at "
            "most)"
        )
    return None


def smoothed_difference(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]
) -> Float[np.ndarray, "H W"]:
    """Largest difference of a channel, signed differences smoothed over 2 px before.

    Args:
        image: the photo.
        background: the scene.
    """
    signed = (image - background).permute(1, 2, 0).numpy()
    smooth = cv2.GaussianBlur(np.ascontiguousarray(signed), (0, 0), 2.0)
    return np.abs(smooth).max(-1)


def _clipped(image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]) -> str | None:
    """Whether a person could hide in black or white."""
    for name, word, is_clipped in (
        ("black", "dark", lambda part: (part <= _BLACK).all(0)),
        ("white", "bright", lambda part: (part >= _WHITE).all(0)),
    ):
        share = float((is_clipped(image) & is_clipped(background)).float().mean())
        if share > _CLIPPED_SHARE:
            return (
                f"{100 * share:.0f} % of both images is {name}, where a {word} person cannot be "
                "seen; change the exposure or the wall"
            )
    return None


def _everywhere(
    image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"], median: float
) -> str:
    """Another exposure, or another view."""
    one, other = srgb_to_linear(image), srgb_to_linear(background)
    gain = (one.flatten(1) + 1e-3).div(other.flatten(1) + 1e-3).median(1).values
    # The response of the camera, too: one curve a channel, here its factor alone.
    rest = float((one - gain[:, None, None] * other).abs().amax(0).median())
    before = float((one - other).abs().amax(0).median())
    where = f"photo and background differ nearly everywhere (by {255 * median:.0f}/255)"
    if rest < _EXPLAINED_SHARE * before:
        times = float(gain.mean())
        return (
            f"{where}: the photo is {times:.2f} times as bright; take both with the same exposure "
            "and white balance"
        )
    return f"{where}: the camera has moved, or the light has changed"


def _small_or_faint(image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]) -> str:
    """What stands out, though too little."""
    difference = smoothed_difference(
        image.detach().float().cpu(), background.detach().float().cpu()
    )
    largest = float(difference.max())
    if largest <= _STANDS_OUT:
        return (
            f"nothing differs by more than {255 * largest:.0f}/255: one picture saved twice, or a "
            "person in the colours of the background"
        )
    rows, columns = np.nonzero(difference > max(_STANDS_OUT, 0.5 * largest))
    size = f"{np.ptp(columns) + 1} x {np.ptp(rows) + 1} px"
    height, width = difference.shape
    return (
        f"what differs, {size} of {width} x {height}, is too small or too scattered for a person; "
        "take a larger image of them"
    )
