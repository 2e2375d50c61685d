"""How long the shutter stayed shut between consecutive photos, where no clock tells it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.motion import PolynomialMotion, evaluate
from hfb.refine.sequences import Sequences
from hfb.refine.settings import RefineSettings
from hfb.structures import BodyParams

ASSUMED_GAP = 0.25
"""Shut part of the frame time that photos start from while it is unknown."""
MAX_GAP = 0.8
"""Largest estimate: beyond it the motion during the exposure says nothing about the rest."""
GRID_STEP = 0.01


def free_settings(settings: RefineSettings) -> RefineSettings:
    """The recipe with which the gap is found: photos that do not know of each other.

    Motions that are made to meet bend until they do, at whatever gap they are told. The last stage
    is left out: what it adds is small.

    Args:
        settings: the recipe of the refinement.
    """
    stages = [
        replace(stage, weights=replace(stage.weights, boundary=0.0), choose_directions=False)
        for stage in settings.stages[:-1] or settings.stages
    ]
    return replace(settings, stages=stages)


@torch.no_grad()
def find_gaps(
    motion: PolynomialMotion, betas: Float[Tensor, "P K"], sequences: Sequences, body: SmplBody
) -> Float[Tensor, " Q"]:
    """The gap with which what moved during the exposures leads from each photo to the next.

    Not in the paper, which has "the exposure gap" given. Places at mid-exposure are known well and
    do not depend on the gap; the blur tells how far a joint moves within an exposure. With H = 1 /
    (1 - gap) exposures from one mid-exposure to the next, velocities v and accelerations a per
    exposure, and d the way of a joint in the image plane, the trapezoid rule with its end
    correction says d = H (v0 + v1) / 2 - H² (a1 - a0) / 12, exact up to the third power of time.
    The gap that leaves least of d unexplained is taken, distances added up over joints and photos.
    A blur may be run through either way, so each joint of each photo takes the sign that fits.

    Args:
        motion: of each problem, fitted without the boundary restriction.
        betas: shape of each problem.
        sequences: the photos, none of them refined before.
        body: the body model.

    Returns:
        Shut part of the frame time of each sequence, in [0, 0.8].
    """
    place, velocity, acceleration = _image_tracks(motion, betas, body)
    first, second = sequences.pairs.unbind(1)
    apart = place[second] - place[first]
    change = acceleration[second] - acceleration[first]
    ways = [
        0.5 * (one * velocity[first] + two * velocity[second])
        for one, two in itertools.product((1.0, -1.0), repeat=2)
    ]
    grid = torch.arange(0.0, MAX_GAP + GRID_STEP / 2, GRID_STEP).to(place)
    rows = []
    for span in 1.0 / (1.0 - grid):
        rest = apart + change * span**2 / 12.0
        missed = [torch.linalg.vector_norm(rest - span * way, dim=-1) for way in ways]
        cost = torch.stack(missed).amin(0).sum(-1)
        total = cost.new_zeros(sequences.count)
        rows.append(total.index_add(0, sequences.index[second], cost))
    return grid[torch.stack(rows).argmin(0)]


def _image_tracks(
    motion: PolynomialMotion, betas: Float[Tensor, "P K"], body: SmplBody
) -> tuple[Tensor, Tensor, Tensor]:
    """Places of the joints at mid-exposure, velocities and accelerations per exposure.

    In the image plane, as tangents of angles, (P, J, 2): depth is what photos know least about.
    """
    times = torch.tensor([0.0, 0.5, 1.0]).to(motion.coeffs)
    pose_rotmat, transl = evaluate(motion, times)
    shape = betas[:, None].expand(-1, len(times), -1)
    joints = body.joints(BodyParams(shape, pose_rotmat, transl))
    opened, middle, closed = (joints[..., :2] / joints[..., 2:]).unbind(1)
    return middle, closed - opened, 4.0 * (closed + opened - 2.0 * middle)
