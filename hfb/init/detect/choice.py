"""Which guesses at the landmarks of a person are worth following up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hfb.init.detect.landmarks import Landmarks, swap_sides

_SWAP_PENALTY = 0.15
"""Score taken off a side-swapped hypothesis: on sharp images the network is nearly always right."""

_MIN_DISTANCE = 0.04
"""Mean landmark distance, as a share of the person's extent, from which two guesses differ."""


def distinct_guesses(
    guesses: list[Landmarks], num_ahead: int = 1, use_swapped_sides: bool = True
) -> list[Landmarks]:
    """Those ahead, the best one's side-swapped twins, then others that differ from all.

    Args:
        guesses: at least one, best first.
        num_ahead: how many of the first are taken whatever they are.
        use_swapped_sides: add the best with left and right exchanged, whole and legs only.
    """
    best, chosen = guesses[0], guesses[:num_ahead]
    if use_swapped_sides:
        for legs_only in (False, True):
            swapped = swap_sides(best, legs_only)
            chosen.append(replace(swapped, score=best.score - _SWAP_PENALTY))
    for guess in guesses[num_ahead:]:
        extent = float(np.ptp(guess.xy, axis=0).max())
        distances = [np.linalg.norm(guess.xy - c.xy, axis=-1).mean() for c in chosen]
        if min(distances) > _MIN_DISTANCE * extent and guess.score > 0.5 * best.score:
            chosen.append(guess)
    return chosen
