"""Choose when the shutter opens and closes so that a motion blurs as much as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from hfb.formation import blur_rate


@dataclass(frozen=True)
class ShutterWindow:
    """An open shutter.

    Attributes:
        start: opening time, s of the motion.
        end: closing time, s of the motion.
        blur_rate: eq. 12 as estimated from coarse silhouettes.
    """

    start: float
    end: float
    blur_rate: float

    @property
    def duration(self) -> float:
        """Exposure time, s."""
        return self.end - self.start


def window_for_blur(
    silhouettes: Bool[Tensor, "S H W"],
    times: np.ndarray,
    centre: float,
    wanted: float,
    min_duration: float,
) -> ShutterWindow:
    """The window about a time whose blur rate (eq. 12) is nearest to the wanted one.

    The blur rate grows with the window, but in steps of a coarse grid: it is interpolated between
    them.

    Args:
        silhouettes: of the motion at `times`.
        times: evenly spaced, s; the widest window is all of them.
        centre: of the window, s; the window is moved inside `times` where it would stick out.
        wanted: blur rate.
        min_duration: shortest exposure, s.
    """
    step = float(times[1] - times[0])
    widths = np.arange(1, len(times))
    rates = np.array([_rate(silhouettes, times, centre, int(width)) for width in widths])
    rates = np.maximum.accumulate(rates)
    usable = widths * step >= min(min_duration, float(times[-1] - times[0])) - 1e-9
    low, high = rates[usable][0], rates[usable][-1]
    reached = float(np.clip(wanted, low, high))
    ramp = rates[usable] + 1e-9 * np.arange(usable.sum())  # np.interp wants increasing values
    duration = float(np.interp(reached, ramp, widths[usable] * step))
    start = float(np.clip(centre - duration / 2, times[0], times[-1] - duration))
    return ShutterWindow(start=start, end=start + duration, blur_rate=reached)


def _rate(silhouettes: Tensor, times: np.ndarray, centre: float, width: int) -> float:
    """Blur rate of the window of `width` grid steps about the centre."""
    step = float(times[1] - times[0])
    first = round((centre - float(times[0])) / step - width / 2)
    first = min(max(first, 0), len(times) - 1 - width)
    return float(blur_rate(silhouettes[first : first + width + 1]))


def coarse_times(centre: float, duration: float, longest: float, num: int) -> np.ndarray:
    """Times (num,) that span the longest window about the centre within [0, duration], s."""
    longest = min(longest, duration)
    start = float(np.clip(centre - longest / 2, 0.0, duration - longest))
    return np.linspace(start, start + longest, num)


def as_tensor(times: np.ndarray) -> Tensor:
    """Times as a float64 tensor: float32 has 0.1 µs at 1 s, too coarse for finite differences."""
    return torch.from_numpy(np.asarray(times, dtype=np.float64))
