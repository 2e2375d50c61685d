"""Choices that a single photo leaves open, made jointly for consecutive ones by continuity."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.body import SmplBody
from hfb.init.register.correspondence import legs_exchanged
from hfb.losses import boundary_loss
from hfb.motion import PolynomialMotion, reverse
from hfb.refine.sequence.boundaries import BoundaryTimes, Sequences, boundary_states
from hfb.skeleton import CHAINS, OTHER_SIDE, require_smpl
from hfb.structures import InitialEstimate

SWITCH_COST = 2.5
"""Cost of a metre of mean joint distance between neighbours, in units of a start's score.

A pose with its sides swapped is 0.2 to 0.4 m off and scores 0.15 less than the one it came from:
neighbours that agree outvote it, two that disagree by a few centimetres leave it to the scores. On
twenty pairs of photos 2.5 left plain starts 112 mm off and 5 left them 124 mm off; lifted ones were
alike with both.
"""
SWAPPED_LEGS_COST = 0.1
"""Score that a start loses whose legs are exchanged. From the side the two look the same; beside a
neighbour in step a walker's cost 0.1 more."""
LEGS_KEEP_STEP_S = 0.1
"""Time from photo to photo in which legs do not pass each other unseen; a step takes 0.3 to 0.6."""

_LEGS = [*CHAINS["left_leg"], *CHAINS["right_leg"]]


def cheapest_path(
    unary: Float[Tensor, "T S"], pairwise: Float[Tensor, "T1 S S"]
) -> tuple[Int[Tensor, " T"], float]:
    """One state for each of T places so that the total cost is least, by dynamic programming.

    Args:
        unary: cost of each state at each place; infinite for states that are not there.
        pairwise: cost of going from a state of a place to one of the next.

    Returns:
        The states and their total cost; of equal paths the one with lower numbers last.
    """
    cost, back = unary[0], []
    for k in range(1, len(unary)):
        total, best = (cost[:, None] + pairwise[k - 1]).min(0)
        cost = total + unary[k]
        back.append(best)
    states = [int(cost.argmin())]
    for best in reversed(back):
        states.append(int(best[states[-1]]))
    return torch.tensor(states[::-1], device=unary.device), float(cost.min())


@torch.no_grad()
def backward_photos(
    motion: PolynomialMotion,
    betas: Float[Tensor, "P K"],
    sequences: Sequences,
    times: BoundaryTimes,
    body: SmplBody,
) -> Bool[Tensor, " P"]:
    """Which photos' motions run backwards in time.

    A motion and its reverse blur to the same photo. Over a sequence the two of each photo are
    chosen together so that the boundary restriction of section 3.2 is violated least.

    Args:
        motion: of each problem.
        betas: shape of each problem.
        sequences: the photos.
        times: where their motions meet.
        body: the body model.

    Returns:
        True where the reverse fits its neighbours better, never for a photo without neighbours.
    """
    pairs = sequences.pairs
    twins = (motion, reverse(motion))
    cost = motion.coeffs.new_zeros(len(pairs), 2, 2)
    for a, earlier in enumerate(twins):
        for b, later in enumerate(twins):
            end, _ = boundary_states(earlier, betas, sequences, times, body)
            _, start = boundary_states(later, betas, sequences, times, body)
            cost[:, a, b] = boundary_loss(end, start)
    backward = torch.zeros(len(betas), dtype=torch.bool, device=betas.device)
    for chain in _chains(pairs):
        places = pairs[chain]
        unary = cost.new_zeros(len(chain) + 1, 2)
        if int(places[0, 0]) < 0:
            unary[0, 1] = torch.inf  # what was refined before stays as it is
        states, _ = cheapest_path(unary, cost[chain])
        members = torch.cat([places[:1, 0], places[:, 1]])
        known = members >= 0
        backward[members[known]] = states[known].bool()
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


@torch.no_grad()
def select_consistent_hypotheses(
    estimates: list[InitialEstimate],
    exposure: Float[Tensor, "T 2"],
    body: SmplBody,
    is_settled: bool = False,
) -> list[InitialEstimate]:
    """The starting poses of consecutive photos with those first that agree with their neighbours.

    Not in the paper, whose initialiser has one pose a photo. Scores and root-aligned distances of
    the joints from photo to photo are weighed against each other over the whole sequence. Of three
    photos or more, soon after each other, each pose may also stand with its legs exchanged: seen
    from the side, detectors take one for the other.

    Args:
        estimates: of each photo, best first as far as the photo alone can tell.
        exposure: opening and closing of each photo's shutter, s.
        body: the body model.
        is_settled: the first photo's first pose is not up for choice.

    Returns:
        The estimates, reordered, legs exchanged in the first one where that is chosen. Plain
        registrations that stand beside lifted ones are chosen among themselves, as if nothing had
        been lifted.
    """
    plain = [estimate.unlifted for estimate in estimates if estimate.unlifted is not None]
    if len(plain) == len(estimates):
        agreed = select_consistent_hypotheses(plain, exposure, body)
        estimates = [replace(e, unlifted=p) for e, p in zip(estimates, agreed, strict=True)]
    counts = [len(estimate) for estimate in estimates]
    opening = exposure[:, 0].double()
    # Of two that disagree nobody knows which one is wrong.
    if len(estimates) > 2 and float(opening.diff().max()) < LEGS_KEEP_STEP_S:
        estimates = [_with_legs_exchanged(estimate) for estimate in estimates]
    count = max(len(estimate) for estimate in estimates)
    unary = estimates[0].score.new_full((len(estimates), count), torch.inf)
    joints = []
    for row, estimate in enumerate(estimates):
        unary[row, : len(estimate)] = estimate.score.max() - estimate.score
        found = body.joints(estimate.all_params())
        joints.append(found - found[:, :1])
    if is_settled:
        unary[0, 1:] = torch.inf
    distance = unary.new_zeros(len(estimates) - 1, count, count)
    for row, (one, two) in enumerate(itertools.pairwise(joints)):
        apart = torch.linalg.vector_norm(one[:, None] - two[None], dim=-1).mean(-1)
        distance[row, : len(one), : len(two)] = SWITCH_COST * apart
    states, _ = cheapest_path(unary, distance)
    return [_first(*parts) for parts in zip(estimates, states.tolist(), counts, strict=True)]


def _with_legs_exchanged(estimate: InitialEstimate) -> InitialEstimate:
    """The hypotheses, then each of them with the left leg where the right one was."""
    mirror = torch.tensor([1.0, -1.0, -1.0]).to(estimate.pose_rotmat)
    num_joints = estimate.pose_rotmat.shape[1]
    require_smpl("exchanging the legs of a start", num_joints)
    order = torch.arange(num_joints)
    order[_LEGS] = torch.tensor(OTHER_SIDE)[_LEGS]
    pose = estimate.pose_rotmat[:, order]
    # A rotation seen in the mirror x -> -x.
    pose[:, _LEGS] = pose[:, _LEGS] * mirror[:, None] * mirror
    sigma, seen = estimate.joint_sigma, estimate.landmarks
    exchanged = replace(
        estimate,
        pose_rotmat=pose,
        score=estimate.score - SWAPPED_LEGS_COST,
        joint_sigma=None if sigma is None else sigma[:, order],
        landmarks=None if seen is None else legs_exchanged(seen),
    )
    return InitialEstimate.cat([estimate, exchanged])


def _first(estimate: InitialEstimate, k: int, count: int) -> InitialEstimate:
    """Hypothesis number k and then the others of the first `count`."""
    return estimate.index([k, *(i for i in range(count) if i != k)])
