"""When each frame of a clip is shown, out of the times that its packets carry."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

# Steps that differ by more than this make a rate that varies: more than rounding, and more than
# phones' clocks jitter.
_UNEVEN = 1.2
# Rounding to the ticks of a container may move a time by a tick; where ticks are as coarse as
# frames, a moved time is a frame that is missing.
_TICK_SHARE = 0.25


def frame_times(
    pts: list[int | None], tick: Fraction, rates: list[Fraction | None]
) -> tuple[np.ndarray, str | None]:
    """Times from the first frame's beginning.

    Args:
        pts: time stamp of each frame that is shown, ticks, in any order; at least one.
        tick: s.
        rates: frames per second that the clip claims, best first.

    Returns:
        (F + 1,) s: where each frame begins, and where the last one ends, which takes as long as the
        one before it; and, where they could only be guessed, a word on why.
    """
    claimed = [float(rate) for rate in rates if rate]
    known = sorted(stamp for stamp in pts if stamp is not None)
    rate = claimed[0] if claimed else 30.0
    even = np.arange(len(pts) + 1)
    if len(known) < len(pts):
        return even / rate, f"stores no times of its frames: {rate:g} a second are assumed"
    if len(known) < 2:
        return even / rate, None
    seconds = (np.array(known, dtype=np.float64) - known[0]) * float(tick)
    if np.diff(known).min() <= 0:
        if seconds[-1] > 0:
            rate = (len(known) - 1) / float(seconds[-1])
        note = f"has frames that are shown at the same time: {rate:g} a second at equal steps are"
        return even / rate, f"{note} assumed"
    for rate in claimed:
        slack = min(float(tick), _TICK_SHARE / rate) + 1e-9
        if np.abs(seconds - even[:-1] / rate).max() <= slack:
            return even / rate, None
    return np.append(seconds, 2 * seconds[-1] - seconds[-2]), None


def uneven_steps(times: np.ndarray) -> str | None:
    """A word on how long frames last, where they do not all last about equally long.

    Args:
        times: s, at least two.

    Example:
        >>> uneven_steps(np.array([0.0, 0.02, 0.04, 0.1]))
        'between 20 and 60 ms'
    """
    steps = [1000 * (end - start) for start, end in pairwise(times)]
    if max(steps) <= _UNEVEN * min(steps):
        return None
    return f"between {min(steps):.0f} and {max(steps):.0f} ms"
