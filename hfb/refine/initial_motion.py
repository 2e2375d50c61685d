"""The motion that a fit starts from."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.prior import CoefficientPrior, MotionPrior, heading_free_turn, turned_root
from hfb.refine.problem import RefineProblem
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.boundaries import neighbour_velocities
from hfb.structures import BodyParams


def first_velocities(
    problem: RefineProblem,
    settings: RefineSettings,
    channels: int,
    motion_prior: MotionPrior | CoefficientPrior | None = None,
    gap: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, "P K C"]:
    """First-order coefficients at the start: noise, and what is known beforehand.

    Consecutive photos tell each other's velocity; of a single photo, the motion prior has an
    expectation. The photo cannot tell a motion from its reverse, limb by limb, so a fit keeps the
    directions that it starts with.

    Args:
        problem: the photos and their starting poses.
        settings: what is to be used.
        channels: of a coefficient.
        motion_prior: needed for expectations.
        gap: shut part of each photo's frame time, where the exposures do not tell it.
    """
    start, sequences = problem.start, problem.sequences
    noise = torch.Generator().manual_seed(settings.seed)
    # The same noise for every problem: results must not depend on the place in the batch.
    shape = (start.pose_rotmat.shape[-3] + 1, channels)
    noise_of_all = (torch.randn(shape, generator=noise) * settings.start_noise).to(start.transl)
    velocities = noise_of_all.expand(len(problem), *shape)
    if settings.parameterization != "tangent":
        return velocities
    if sequences is not None and settings.start_motion == "neighbours":
        return velocities + neighbour_velocities(start, sequences, gap)
    if sequences is None and settings.expected_motion and isinstance(motion_prior, MotionPrior):
        return velocities + settings.expected_motion * expected_velocities(
            start, motion_prior, problem.camera.up
        )
    return velocities


@torch.no_grad()
def expected_velocities(
    start: BodyParams, prior: MotionPrior, up: Float[Tensor, "P 3"] | None = None
) -> Float[Tensor, "P K 3"]:
    """What the prior expects of poses, from the pose alone.

    Args:
        start: poses at mid-exposure, camera frame.
        prior: for tangent coefficients.
        up: away from the ground, camera frame; None: the cameras are level.

    Returns:
        First-order coefficients of `PolynomialMotion` (tangent), camera frame, typical of the
        windows that the prior has learnt from; smaller where it is unsure.
    """
    turn = heading_free_turn(start.pose_rotmat[..., 0, :, :], up)
    relative = prior.expected_velocity(turned_root(start.pose_rotmat, turn))
    velocities = prior.scale[0].unsqueeze(-1) * relative
    return torch.cat([velocities[..., :1, :] @ turn, velocities[..., 1:, :]], -2)
