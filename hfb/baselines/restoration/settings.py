"""How sub-frames are restored."""

from __future__ import annotations

from dataclasses import dataclass

from hfb.ranges import Range, check_settings

_PART: Range = (1e-3, 1.0)
"""Of the person's extent."""


@dataclass(frozen=True)
class RestoreSettings:
    """How sub-frames are restored.

    Attributes:
        num_subframes: sharp images a photo; Animation-from-Blur and Jin et al. make seven.
        num_iterations: of Richardson-Lucy; more are sharper and ring more.
        tile: side of the tiles with one blur kernel each, as a share of the person's extent.
        window: standard deviation of the window that the local motion is estimated in, as a share
            of the person's extent.
        max_length: longest blur that is believed, as a share of the person's extent.
    """

    num_subframes: int = 7
    num_iterations: int = 10
    tile: float = 0.2
    window: float = 0.08
    max_length: float = 0.2

    def __post_init__(self) -> None:
        check_settings(
            self,
            "restore",
            {
                "num_subframes": (1, 256),
                "num_iterations": (1, 10_000),
                "tile": _PART,
                "window": _PART,
                "max_length": _PART,
            },
        )
