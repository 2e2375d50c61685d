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
MAX_GAP = 0.75
"""Largest one thought of: beyond it the motion during the exposure says nothing about the rest."""
GRID_STEP = 0.005
PHOTO_FACTOR = 8.0
"""Times the photo's weight, in the second fit: mattes make the trunk's ways 4 to 7 % too short."""
PLACE_SIGMA = 0.012
"""Error of the way of a joint from one mid-exposure to the next, m."""
WAY_SIGMA = 0.008
"""Error of the way of a joint during an exposure, m; both typical of fits of rendered photos."""
FIT_STRETCH = 1.03
"""What undoes the shortening of ways by fits: limbs turn back, and motion has a cost."""
HEAVY_TAIL = 3.0
"""Degrees of freedom of Student's t: some joints are off by far more."""
JOINTS_ALIKE = 2.0
"""So many joints err together, and count as one."""
LEAST_BLUR = 3.0
"""Way of the median joint in an exposure, px of the crop, below which a gap is but a guess: a fit
errs by one to two."""


def free_settings(settings: RefineSettings) -> RefineSettings:
    """The recipe with which the gap is found: photos that do not know of each other.

    Motions that are made to meet bend until they do, at whatever gap they are told. They start from
    the way between the starting poses, without noise ("tangent" only), which at short exposures is
    as large as they. The last stage is left out: what it adds is small.

    Args:
        settings: the recipe of the refinement.
    """
    stages = [
        replace(stage, weights=replace(stage.weights, boundary=0.0), choose_directions=False)
        for stage in settings.stages[:-1] or settings.stages
    ]
    settings = replace(settings, stages=stages)
    if settings.parameterization != "tangent":
        return settings
    return replace(settings, start_noise=0.0, start_motion="neighbours")


def second_settings(settings: RefineSettings) -> RefineSettings:
    """The recipe of the fit that follows: the last stage of the one before.

    It starts from the way between the poses that were found instead of the starting poses, which
    are off by several centimetres, each photo's by others. The photo counts for more in it: the
    person is in place by then, and how wide the colours are smeared is all that is asked.

    Args:
        settings: from `free_settings`.
    """
    last = settings.stages[-1]
    weights = replace(last.weights, image=PHOTO_FACTOR * last.weights.image)
    return replace(settings, stages=[replace(last, weights=weights, refresh_matte=False)])


def gap_recipes(settings: RefineSettings) -> list[RefineSettings]:
    """The recipes of the fits that find a gap, in their order; only tangents can be restarted.

    Args:
        settings: the recipe of the refinement.
    """
    free = free_settings(settings)
    return [free, second_settings(free)] if settings.parameterization == "tangent" else [free]


@torch.no_grad()
def find_gaps(
    motion: PolynomialMotion, betas: Float[Tensor, "P K"], sequences: Sequences, body: SmplBody
) -> Float[Tensor, " Q"]:
    """The gap with which what moved during the exposures leads from each photo to the next.

    Args:
        motion: of each problem, fitted without the boundary restriction.
        betas: shape of each problem.
        sequences: the photos, none of them refined before.
        body: the body model.

    Returns:
        Shut part of the frame time of each sequence, in [0, 0.75].
    """
    times = torch.tensor([0.0, 0.5, 1.0]).to(motion.coeffs)
    pose_rotmat, transl = evaluate(motion, times)
    shape = betas[:, None].expand(-1, len(times), -1)
    joints = body.joints(BodyParams(shape, pose_rotmat, transl))
    return gaps_of_joints(joints, sequences, FIT_STRETCH)


def gaps_of_joints(
    joints: Float[Tensor, "P 3 J 3"], sequences: Sequences, stretch: float = 1.0
) -> Float[Tensor, " Q"]:
    """The gap with which the joints' ways during the exposures lead from each photo to the next.

    Not in the paper, which has "the exposure gap" given. Places at mid-exposure are known well and
    do not depend on the gap; the blur tells how far a joint moves within an exposure. With H = 1 /
    (1 - gap) exposures from one mid-exposure to the next, velocities v and accelerations a per
    exposure, and d the way of a joint in the image plane, the trapezoid rule with its end
    correction says d = H (v0 + v1) / 2 - H² (a1 - a0) / 12, exact up to the third power of time.
    Both sides err, the right one H times as much as v: the least distance alone would take the
    errors of v for speed and call the gaps of slow motions 0. So each gap gets a likelihood, and
    the mean is returned. A blur may be run through either way: each joint of each photo takes the
    sign that fits.

    Args:
        joints: of each photo at opening, mid-exposure and closing, camera frame, m.
        sequences: the photos, none of them refined before.
        stretch: factor on the ways during exposures.

    Returns:
        Shut part of the frame time of each sequence, in [0, 0.75].
    """
    # Depth is what photos know least about: as tangents of angles, and one depth for all joints.
    opened, middle, closed = (joints[..., :2] / joints[..., 2:]).unbind(1)
    depth = joints[..., 2].mean((1, 2))
    velocity = stretch * (closed - opened)
    acceleration = stretch * 4.0 * (closed + opened - 2.0 * middle)
    first, second = sequences.pairs.unbind(1)
    metre = 0.5 * (depth[first] + depth[second])[:, None, None]
    apart = metre * (middle[second] - middle[first])
    change = metre * (acceleration[second] - acceleration[first])
    ways = [
        0.5 * metre * (one * velocity[first] + two * velocity[second])
        for one, two in itertools.product((1.0, -1.0), repeat=2)
    ]
    grid = torch.arange(0.0, MAX_GAP + GRID_STEP / 2, GRID_STEP).to(joints)
    rows = []
    for span in 1.0 / (1.0 - grid):
        rest = apart + change * span**2 / 12.0
        missed = [torch.linalg.vector_norm(rest - span * way, dim=-1) for way in ways]
        cost = _unlikeliness(torch.stack(missed).amin(0), span).sum(-1)
        total = cost.new_zeros(sequences.count)
        rows.append(total.index_add(0, sequences.index[second], cost))
    likelihood = torch.softmax(-torch.stack(rows) / JOINTS_ALIKE, 0)
    return grid @ likelihood


def blur_in_crop(joints: Float[Tensor, "P 3 J 3"], settings: RefineSettings) -> Float[Tensor, " P"]:
    """How far the median joint moves within an exposure, as the fit sees it; not in the paper.

    Args:
        joints: of each photo at opening, mid-exposure and closing, camera frame, m.
        settings: size of the crop and the space in it around the person.

    Returns:
        Pixels of the crop.
    """
    opened, middle, closed = (joints[..., :2] / joints[..., 2:]).unbind(1)
    extent = (middle.amax(1) - middle.amin(1)).amax(-1)
    way = torch.linalg.vector_norm(closed - opened, dim=-1).median(-1).values
    return way / extent * settings.image_size / (1.0 + 2.0 * settings.crop_margin)


def _unlikeliness(missed: Float[Tensor, "M J"], span: Tensor) -> Float[Tensor, "M J"]:
    """Minus the logarithm of Student's t in the image plane.

    Whether ways in an exposure or ways between photos are the ones that are as likely long as short
    decides about a power of `span`; this is the middle between the two.
    """
    sigma = torch.sqrt(PLACE_SIGMA**2 + (span * WAY_SIGMA) ** 2)
    tail = 0.5 * (HEAVY_TAIL + 2.0) * torch.log1p((missed / sigma) ** 2 / HEAVY_TAIL)
    return tail + 2.0 * torch.log(sigma) - torch.log(span)
