"""From lifted guesses to an order of starts: what most agree on, then what else may be right.

Not in the paper. Where the guesses fall into groups far apart, one photo in ten, the group that is
believed least is right now and then. The refinement can tell: a short fit from each explains the
photo better or worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.init.detect.landmarks import Landmarks
from hfb.init.lift.consensus import find_consensus, mean_of
from hfb.init.lift.lift import Lifted
from hfb.init.register.lifted_prior import LiftedStart
from hfb.structures import BodyParams

_APART_M = 0.08
"""Mean distance of the joints from which guesses are different ones."""

_LEAST_BELIEF = 0.04
_MOST_OTHERS = 2


@dataclass(frozen=True)
class Agreement:
    """Lifted guesses in the order in which they are to be tried.

    Attributes:
        order: of all guesses.
        first: the pose of the first: a mean of those near it.
        belief: how likely each of the first M is right, which are far apart; what is left to 1 is
            spread over guesses that are not worth a try.
    """

    order: tuple[int, ...]
    first: LiftedStart
    belief: Float[Tensor, " M"]


def agree(seen: Lifted, guesses: Sequence[Landmarks], body: SmplBody) -> Agreement:
    """Find the pose that most guesses agree on, and others that may be right.

    Args:
        seen: lifted guesses.
        guesses: what they were lifted from, in the same order.
        body: that they pose.
    """
    joints = _joints(seen.start, body)
    found = find_consensus(
        seen.start,
        joints,
        torch.tensor([guess.score for guess in guesses]),
        torch.tensor([float(len(guess.outputs)) for guess in guesses]),
        seen.turn_likelihood,
    )
    first = mean_of(seen.start, found.share)
    groups = _groups(joints, _joints(first, body)[0], found.belief)
    others = [(k, belief) for k, belief in groups[1:] if belief >= _LEAST_BELIEF and k >= 0]
    others = sorted(others, key=lambda group: -group[1])[:_MOST_OTHERS]
    ahead = [found.index, *(k for k, _ in others if k != found.index)]
    belief = [groups[0][1], *(belief for k, belief in others if k != found.index)]
    order = (*ahead, *(k for k in range(len(guesses)) if k not in ahead))
    # Shares that add up to 1 do so within rounding only.
    return Agreement(order, first, torch.tensor(belief).clamp(max=1.0))


def _joints(lifted: LiftedStart, body: SmplBody) -> Float[Tensor, "K J 3"]:
    """Joints relative to the root, m."""
    betas, rotmat = lifted.betas.to(body.template), lifted.rotmat.to(body.template)
    posed = body.joints(BodyParams(betas, rotmat, betas.new_zeros(len(betas), 3)))
    return (posed - posed[:, :1]).to(lifted.betas)


def _groups(
    joints: Float[Tensor, "K J 3"], first: Float[Tensor, "J 3"], belief: Float[Tensor, " K"]
) -> list[tuple[int, float]]:
    """Guesses that stand for all those near them, and the belief in these together.

    Args:
        joints: of each guess, relative to the root, m.
        first: of the pose about which the first group is; no guess stands for it (-1).
        belief: in each guess.
    """
    groups, centre, chosen = [], first, -1
    left = torch.ones_like(belief, dtype=torch.bool)
    while True:
        near = left & ((joints - centre).norm(dim=-1).mean(-1) < _APART_M)
        groups.append((chosen, float(belief[near].sum())))
        left = left & ~near
        if not bool(left.any()):
            return groups
        chosen = int(torch.where(left, belief, -1.0).argmax())
        centre = joints[chosen]
