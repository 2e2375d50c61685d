"""Choices that a single photo leaves open, made jointly for consecutive ones by continuity."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.body import SmplBody
from hfb.losses import boundary_loss
from hfb.motion import PolynomialMotion, reverse
from hfb.refine.sequences import Meeting, Sequences, boundary_states


def cheapest_path(
    unary: Float[Tensor, "T S"], pairwise: Float[Tensor, "T1 S S"]
) -> Int[Tensor, " T"]:
    """One state for each of T places so that the total cost is least, by dynamic programming.

    Args:
        unary: cost of each state at each place; infinite for states that are not there.
        pairwise: cost of going from a state of a place to one of the next.

    Returns:
        The states; of equal paths the one with lower numbers last.
    """
    cost, back = unary[0], []
    for k in range(1, len(unary)):
        total, best = (cost[:, None] + pairwise[k - 1]).min(0)
        cost = total + unary[k]
        back.append(best)
    states = [int(cost.argmin())]
    for best in reversed(back):
        states.append(int(best[states[-1]]))
    return torch.tensor(states[::-1], device=unary.device)


@torch.no_grad()
def backward_photos(
    motion: PolynomialMotion,
    betas: Float[Tensor, "P K"],
    sequences: Sequences,
    meeting: Meeting,
    body: SmplBody,
) -> Bool[Tensor, " P"]:
    """Which photos' motions run the wrong way in time.

    A motion and its reverse blur to the same photo. Over a sequence the two of each photo are
    chosen together so that the boundary restriction of section 3.2 is violated least.

    Args:
        motion: of each problem.
        betas: shape of each problem.
        sequences: the photos.
        meeting: where their motions meet.
        body: the body model.

    Returns:
        True where the reverse fits its neighbours better; never for a photo without neighbours.
    """
    pairs = sequences.pairs
    twins = (motion, reverse(motion))
    cost = motion.coeffs.new_zeros(len(pairs), 2, 2)
    for a, earlier in enumerate(twins):
        for b, later in enumerate(twins):
            end, _ = boundary_states(earlier, betas, sequences, meeting, body)
            _, start = boundary_states(later, betas, sequences, meeting, body)
            cost[:, a, b] = boundary_loss(end, start)
    backward = torch.zeros(len(betas), dtype=torch.bool, device=betas.device)
    for chain in _chains(pairs):
        places = pairs[chain]
        unary = cost.new_zeros(len(chain) + 1, 2)
        if int(places[0, 0]) < 0:
            unary[0, 1] = torch.inf  # what was refined before stays as it is
        states = cheapest_path(unary, cost[chain]).bool()
        members = torch.cat([places[:1, 0], places[:, 1]])
        known = members >= 0
        backward[members[known]] = states[known]
    return backward


def _chains(pairs: Int[Tensor, "M 2"]) -> list[list[int]]:
    """Rows of pairs that follow one another, one list a sequence."""
    chains: list[list[int]] = []
    previous = None
    for row, (first, second) in enumerate(pairs.tolist()):
        if previous is None or first != previous:
            chains.append([])
        chains[-1].append(row)
        previous = second
    return chains
