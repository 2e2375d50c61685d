"""How sub-frames are restored."""

from __future__ import annotations

from dataclasses import dataclass

from hfb.errors import InputError


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
        if self.num_subframes < 1 or self.num_iterations < 1:
            raise InputError("restore: num_subframes and num_iterations must be at least 1")
        for name in ("tile", "window", "max_length"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError(f"restore: {name} must lie in (0, 1], got {getattr(self, name)}")
