"""Several lifted guesses at one person: which to believe, and what those near it agree on.

Not in the paper. Taking the guess that is expected to be best picks the one whose errors the
network sees least. Steadier is the guess that is near to most of the others, each counted by how
many detector outputs it rests on, how sure the network is of it and how well it explains the
foreground.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import nearest_rotation
from hfb.init.register.lifted_prior import LiftedStart

# Chosen on 100 rendered photos; half or double of each changes their mean error by less than 1 %.
_CERTAINTY_POWER = 10.0
_SCORE_POWER = 20.0
_TURN_POWER = 10.0
_REACH_M = 0.1
_NUM_ROUNDS = 5


@dataclass(frozen=True)
class Consensus:
    """What K guesses agree on.

    Attributes:
        index: the guess that is nearest to the others.
        share: what each guess contributes to the mean about it; they add up to 1.
        belief: in each guess, wherever it lies; they add up to 1.
    """

    index: int
    share: Float[Tensor, " K"]
    belief: Float[Tensor, " K"]


def find_consensus(
    lifted: LiftedStart,
    joints: Float[Tensor, "K J 3"],
    score: Float[Tensor, " K"],
    num_outputs: Float[Tensor, " K"],
    turn_likelihood: Float[Tensor, " K"],
) -> Consensus:
    """The guess with the least expected distance from all, and a robust mean about it.

    Args:
        lifted: of each guess.
        joints: of each lifted pose, m.
        score: how well each guess explains the image (`hfb.init.detect.search`), 0 to 1.5.
        num_outputs: runs of the landmark network that each is made from.
        turn_likelihood: of where each faces and which way up it is, by all runs together.
    """
    expected = lifted.distance_sigma.mean(-1)
    logit = num_outputs.log() - _CERTAINTY_POWER * expected.log() + _SCORE_POWER * score
    logit = logit + _TURN_POWER * turn_likelihood
    share = logit.to(joints).softmax(0)
    joints = joints - joints[:, :1]
    apart = (joints[:, None] - joints[None]).norm(dim=-1).mean(-1)
    index = int((apart @ share).argmin())
    middle = joints[index]
    weight = share
    for _ in range(_NUM_ROUNDS):
        squared = (joints - middle).norm(dim=-1).mean(-1).square()
        weight = share * (_REACH_M**2 / (_REACH_M**2 + squared)).square()
        weight = weight / weight.sum()
        middle = (weight[:, None, None] * joints).sum(0)
    return Consensus(index, weight, share)


def mean_of(lifted: LiftedStart, share: Float[Tensor, " K"]) -> LiftedStart:
    """The weighted mean of guesses as one; they err alike, so it is not taken to be surer.

    Args:
        lifted: of each guess.
        share: adds up to 1.
    """

    def mean(values: Tensor) -> Tensor:
        return torch.einsum("k,k...->...", share.to(values), values)[None]

    return LiftedStart(
        nearest_rotation(mean(lifted.rotmat)),
        mean(lifted.betas),
        mean(lifted.angle_sigma),
        mean(lifted.distance_sigma),
    )


def with_first(lifted: LiftedStart, first: LiftedStart) -> LiftedStart:
    """The same guesses, but for the first.

    Args:
        lifted: of each guess.
        first: of one guess, to take the place of the first.
    """
    return LiftedStart(
        torch.cat([first.rotmat, lifted.rotmat[1:]]),
        torch.cat([first.betas, lifted.betas[1:]]),
        torch.cat([first.angle_sigma, lifted.angle_sigma[1:]]),
        torch.cat([first.distance_sigma, lifted.distance_sigma[1:]]),
    )
