"""Light out of the values of video that is not sRGB: HDR curves and wide primaries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from hfb.errors import InputError
from hfb.files.primaries import BT2020, DISPLAY_P3, matrix_to_srgb
from hfb.formation import srgb_to_linear

Curve = Callable[[np.ndarray], np.ndarray]

LINEAR, PQ, HLG = "linear light", "PQ", "HLG"
# Numbers of ITU-T H.273 whose curves differ from sRGB's; the rest is taken for sRGB, as players do.
_NAMES = {8: LINEAR, 9: "logarithmic", 10: "logarithmic", 16: PQ, 17: "SMPTE ST 428", 18: HLG}
# What both standards take for white paper (ITU-R BT.2408). Brighter light is clipped, as a camera
# of standard range does.
_PAPER_CD_M2, _PAPER_HLG = 203.0, 0.75
# To sRGB's primaries, by their numbers in ITU-T H.273.
TO_BT709 = {9: matrix_to_srgb(BT2020), 12: matrix_to_srgb(DISPLAY_P3)}


def transfer_name(transfer: int) -> str | None:
    """The name of a transfer curve; None for those that are taken for sRGB's.

    Args:
        transfer: number of ITU-T H.273.
    """
    return _NAMES.get(transfer)


def light_of(transfer: int, clip: str) -> Curve:
    """From values to linear light in which white paper is 1.

    Of HLG the light of the scene, before the display's own contrast: that is what adds up during
    an exposure.

    Args:
        transfer: number of ITU-T H.273.
        clip: for the error.

    Returns:
        A function of values in [0, 1].

    Raises:
        InputError: if the curve is none of those known here.
    """
    name = transfer_name(transfer)
    curves: dict[str | None, Curve] = {
        None: lambda signal: srgb_to_linear(torch.from_numpy(signal)).numpy(),
        LINEAR: lambda signal: signal,
        PQ: lambda signal: _pq_to_cd_m2(signal) / _PAPER_CD_M2,
        HLG: lambda signal: _hlg_to_scene(signal) / _hlg_to_scene(np.array(_PAPER_HLG)),
    }
    if name not in curves:
        raise InputError(
            f"the values of the video {clip} are {name} (transfer curve {transfer} of ITU-T "
            "H.273), which is not known here; convert it to BT.709"
        )
    return curves[name]


def _pq_to_cd_m2(signal: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    root = signal ** (32.0 / 2523.0)
    return 10000.0 * (np.maximum(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (
        8192.0 / 1305.0
    )


def _hlg_to_scene(signal: np.ndarray) -> np.ndarray:
    """ARIB STD-B67: the inverse of the camera's curve."""
    foot = signal**2 / 3.0
    head = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12.0
    return np.where(signal <= 0.5, foot, head)
