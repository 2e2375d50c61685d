"""The joints of mid-exposure stay where the start sees them: not in the paper."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LET_GO = 0.15
"""Distance, in heights of the person, from which a joint is let go (Geman and McClure)."""


def joints_2d_loss(
    preds: Float[Tensor, "*B J 2"],
    target: Float[Tensor, "*B J 2"],
    height: Float[Tensor, "*B"],
    sureness: Float[Tensor, "*B J"] | None = None,
) -> Float[Tensor, "*B"]:
    """Mean squared distance of joints from where they were seen, robustly.

    Not in the paper: where a body without clothes, shadows and gloss has to explain those of a
    real one, squared differences of colour are made smaller by joints in wrong places. What
    detected the person saw the joints themselves.

    Args:
        preds: joints in the image, px.
        target: where they were seen, px.
        height: of the standing person in the image, px.
        sureness: factor of each joint in [0, 1]; 1 for all if None.

    Returns:
        One value a sample, squared heights; at most `LET_GO` squared.
    """
    squared = ((preds - target) / height[..., None, None]).square().sum(-1)
    held = squared / (1.0 + squared / LET_GO**2)
    if sureness is not None:
        held = held * sureness
    return held.mean(-1)


def joint_sureness(
    joints: Float[Tensor, "*B J 3"],
    parents: tuple[int, ...],
    angle_sigma: Float[Tensor, "*B J"],
    usual: float,
) -> Float[Tensor, "*B J"]:
    """How far the place of each joint can be believed, from the uncertainty of all turns above it.

    A joint's place is off by the turn of each of its ancestors times the distance from it.

    Args:
        joints: in 3D, root first, m.
        parents: of each joint, -1 for the root.
        angle_sigma: standard deviation of each joint's rotation, rad; NaN where unknown.
        usual: standard deviation of a place at which a joint counts half, m.

    Returns:
        Factors in (0, 1]; 1 where nothing is known.
    """
    variance = torch.zeros_like(angle_sigma)
    known = torch.nan_to_num(angle_sigma, nan=0.0)
    for joint in range(len(parents)):
        above = parents[joint]
        while above >= 0:
            lever = (joints[..., joint, :] - joints[..., above, :]).square().sum(-1)
            variance[..., joint] += known[..., above].square() * lever
            above = parents[above]
    return 1.0 / (1.0 + variance / usual**2)
