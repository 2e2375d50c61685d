"""Where a detector looks for people: squares round something, and along it if it is long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hfb.init.detect.decoding import Roi

_LONG, _MOST_PIECES = 1.6, 4
"""Ratio of a box's sides from which it is looked at in pieces, too; how many."""


def windows_along(
    x: float, y: float, width: float, height: float, sides: Sequence[float] = (1.3,)
) -> list[Roi]:
    """Upright squares round a box, and along it where it may hold several people.

    Args:
        x: left edge of the box, px.
        y: top edge, px.
        width: of the box, px.
        height: of the box, px.
        sides: of the squares round it all, in its longer sides.

    Returns:
        Centres and sides in px, not turned.
    """
    long, short = max(width, height), max(1.0, min(width, height))
    centre = np.array([x + width / 2, y + height / 2])
    windows: list[Roi] = [(*centre.tolist(), side * long, 0.0) for side in sides]
    if long < _LONG * short:
        return windows
    along = np.array([1.0, 0.0] if width > height else [0.0, 1.0])
    pieces = min(int(np.ceil(long / short)), _MOST_PIECES)
    for step in np.linspace(-0.5, 0.5, pieces + 1):
        middle = centre + along * step * (long - short)
        windows.append((*middle.tolist(), max(1.6 * short, long / pieces), 0.0))
    return windows
