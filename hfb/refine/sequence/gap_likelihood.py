"""Which exposure gap leads from the motion inside one photo to that inside the next.

Not in the paper, which takes the exposure gap as given. Positions at mid-exposure are known well
and do not depend on the gap; the blur tells how far a joint moves within an exposure. A Gaussian
process learned from motion capture says, for any gap, how likely the displacements within two
exposures and the displacement between them are together.
"""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.prior import trajectory_covariance
from hfb.refine.sequence.boundaries import Gap, Sequences

MAX_GAP = 0.75
"""Largest gap considered: beyond it the motion in the exposure says nothing about the rest."""
GRID_STEP = 0.01
ERRORS = ((0.006, 0.1), (0.03, 0.3), (0.004, 0.05))
"""Typical errors of fits of rendered photos: of a joint's displacement within an exposure, of its
acceleration (per squared exposure) and of its displacement from one mid-exposure to the next. In m,
and as shares of what a joint that moves as much does. The blur hardly shows how a speed changes."""
ERROR_FACTORS = ((1.0, 0.55), (2.5, 0.25), (6.0, 0.15), (20.0, 0.05))
"""Some joints are off by more, some are lost: by which factor, and which share of them."""
LIVELINESS = (0.06, 0.12, 0.25, 0.5, 1.0)
"""How much a joint moves, relative to the mean of motion capture; all are equally likely."""
JOINTS_ALIKE = 4.0
"""Errors of neighbouring joints are correlated: so many joints count as one."""
LOST_PAIRS = 0.03
"""Share of neighbouring photos whose fits tell nothing, as where a start has front for back."""

# From positions at opening, mid-exposure and closing of two photos: displacement and acceleration
# in the first, displacement between them, displacement and acceleration in the second.
_DIFFERENCES = (
    (-1.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    (4.0, -8.0, 4.0, 0.0, 0.0, 0.0),
    (0.0, -1.0, 0.0, 0.0, 1.0, 0.0),
    (0.0, 0.0, 0.0, -1.0, 0.0, 1.0),
    (0.0, 0.0, 0.0, 4.0, -8.0, 4.0),
)
_ERRORS = (ERRORS[0], ERRORS[1], ERRORS[2], ERRORS[0], ERRORS[1])


def gaps_of_joints(
    joints: Float[Tensor, "P 3 J 3"], sequences: Sequences, stretch: float = 1.0
) -> list[Gap]:
    """The gap that fits the joints' displacements during the exposures and between them.

    Mean and standard deviation over all gaps, weighted by their likelihood. A blur does not tell
    the direction of time: each joint of each photo is taken in both.

    Args:
        joints: of each photo at opening, mid-exposure and closing, camera frame, m.
        sequences: the photos, none of them refined before; of their exposures only the openings
            count.
        stretch: factor on the motion during exposures.

    Returns:
        That of each sequence, in [0, 0.75].
    """
    first, second = sequences.pairs.unbind(1)
    opening = sequences.exposure[:, 0].double()
    period = opening[second] - opening[first]
    seen = _differences(joints.double(), sequences.pairs, stretch)
    grid = torch.arange(0.0, MAX_GAP + GRID_STEP / 2, GRID_STEP).to(seen)
    # Pair by pair: the covariances of all pairs of a long sequence would need gigabytes.
    rows = [log_likelihood(*pair, grid) for pair in zip(seen, period, strict=True)]
    told = torch.softmax(torch.stack(rows) / JOINTS_ALIKE, -1)
    told = (1.0 - LOST_PAIRS) * told + LOST_PAIRS / len(grid)
    # What is wrong with one pair is wrong with the next one, too: all pairs together count as one.
    index = sequences.number[second][:, None].expand(-1, len(grid))
    mean = told.new_zeros(sequences.count, len(grid))
    mean = mean.scatter_reduce(0, index, told.log(), "mean", include_self=False)
    likely = torch.softmax(mean, -1)
    share = likely @ grid
    sigma = (likely * (grid - share[:, None]) ** 2).sum(-1).sqrt()
    return [Gap(*found) for found in zip(share.tolist(), sigma.tolist(), strict=True)]


def _differences(
    joints: Float[Tensor, "P 3 J 3"], pairs: Int[Tensor, "M 2"], stretch: float
) -> Float[Tensor, "M J 2 5"]:
    """What is seen of each joint in two photos, in the image plane at the person's depth, m."""
    # Depth is what photos know least about: as tangents of angles, and one depth for all joints.
    seen = joints[..., :2] / joints[..., 2:]
    depth = joints[..., 2].mean((1, 2))[pairs].mean(1)
    positions = seen[pairs].flatten(1, 2) * depth[:, None, None, None]
    factor = positions.new_tensor([stretch, stretch, 1.0, stretch, stretch])
    return torch.einsum("dn,mnjc->mjcd", positions.new_tensor(_DIFFERENCES), positions) * factor


def log_likelihood(
    seen: Float[Tensor, "J 2 5"], period: Float[Tensor, ""], grid: Float[Tensor, " G"]
) -> Float[Tensor, " G"]:
    """Log likelihood of each gap between two photos, with errors of joints taken as independent.

    Args:
        seen: displacement and acceleration of each joint in the first exposure, displacement from
            one mid-exposure to the next, displacement and acceleration in the second; along two
            axes, m.
        period: time from opening to opening, s.
        grid: gaps.
    """
    within = ((1.0 - grid) * period)[:, None] * grid.new_tensor([0.0, 0.5, 1.0])
    differences = grid.new_tensor(_DIFFERENCES)
    positions = trajectory_covariance(torch.cat([within, period + within], 1))
    moved = differences @ positions @ differences.mT
    steady, relative = grid.new_tensor(_ERRORS).square().unbind(1)
    directions = grid.new_tensor(
        [[one, 1.0, 1.0, two, 1.0] for one, two in itertools.product((1.0, -1.0), repeat=2)]
    )
    joint, axis, kind, direction = range(4)
    right = (seen[..., None] * directions.mT).permute(kind, joint, direction, axis).flatten(1)
    likely = []
    for liveliness, (factor, share) in itertools.product(LIVELINESS, ERROR_FACTORS):
        lively = liveliness**2 * moved
        error = steady + relative * lively.diagonal(dim1=-2, dim2=-1)
        factored = torch.linalg.cholesky(lively + factor**2 * torch.diag_embed(error))
        off = torch.linalg.solve_triangular(factored, right.expand(len(grid), -1, -1), upper=False)
        squares = off.square().sum(-2).unflatten(-1, (len(seen), len(directions), 2)).sum(-1)
        volume = factored.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        # Two axes: the root of the determinant counts twice.
        either = torch.logsumexp(-0.5 * squares, -1)
        likely.append(either - 2.0 * volume[:, None] + math.log(share))
    return torch.logsumexp(torch.stack(likely), 0).sum(-1)
