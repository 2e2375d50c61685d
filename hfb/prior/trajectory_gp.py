"""How far joints get in a time: a Gaussian process learned from motion capture.

Within an exposure motions look like parabolas, over half a second they do not: limbs turn back.
What both have in common is how correlated a joint's positions are at two times.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

TIMES_S = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0)
"""Times within which a joint stays about where it is, s: from a fidget to a walk."""
VARIANCES_M2 = (0.000139, 0.000404, 0.00939, 0.014, 0.15, 0.084)
"""Share of each, m² (`tools/fit_trajectory_gp.py`)."""


def trajectory_covariance(times: Float[Tensor, "*B N"]) -> Float[Tensor, "*B N N"]:
    """Covariance of one coordinate of a joint at several times; not in the paper.

    A sum of squared exponentials: smooth motion, fast and near or slow and far. Only differences of
    positions mean something: the room is as large as that of the longest recordings.

    Args:
        times: s.

    Returns:
        m².
    """
    apart = times[..., :, None] - times[..., None, :]
    total = torch.zeros_like(apart)
    for time, variance in zip(TIMES_S, VARIANCES_M2, strict=True):
        total = total + variance * torch.exp(-0.5 * (apart / time) ** 2)
    return total
