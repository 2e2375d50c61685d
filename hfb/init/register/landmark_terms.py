"""What a registration of landmarks minimises: each term as a quadratic near a state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import rotmat_to_rotvec, rotvec_jacobian
from hfb.init.register.gauss_newton import (
    BodyState,
    Quadratic,
    block_diagonal,
    robust_quadratic,
)
from hfb.init.register.priors import PosePrior

_MIN_DEPTH = 0.05


@dataclass(frozen=True)
class Observations:
    """Channels as measured; weights are square roots (they multiply residuals).

    Attributes:
        xy: position in the image, px.
        world: position relative to mid-hip, camera axes, m; of any scale.
        image_weight: trust in `xy`, 1/px.
        world_weight: trust in `world`, 1/m.
        focal: of the camera, px.
        principal_point: of the camera, px.
    """

    xy: Float[Tensor, "K M 2"]
    world: Float[Tensor, "K M 3"]
    image_weight: Float[Tensor, "K M"]
    world_weight: Float[Tensor, "K M"]
    focal: Float[Tensor, " 2"]
    principal_point: Float[Tensor, " 2"]


def project(points: Float[Tensor, "K M 3"], seen: Observations) -> Float[Tensor, "K M 2"]:
    """Pixels of points in the camera frame (m), by the camera of the observations."""
    depth = points[..., 2:].clamp(min=_MIN_DEPTH)
    return points[..., :2] / depth * seen.focal + seen.principal_point


def image_term(
    points: Float[Tensor, "K M 3"],
    jacobian: Float[Tensor, "K M 3 D"],
    seen: Observations,
    outlier_scale: float,
) -> Quadratic:
    """2D landmarks.

    Args:
        points: the body's points of the channels, m.
        jacobian: their derivative by the step.
        seen: where they were found.
        outlier_scale: standard deviations from which one counts as an outlier.
    """
    depth = points[..., 2:].clamp(min=_MIN_DEPTH).unsqueeze(-1)
    ratio = points[..., :2].unsqueeze(-1) / depth
    by_step = (jacobian[..., :2, :] - ratio * jacobian[..., 2:, :]) / depth
    by_step = by_step * seen.focal.unsqueeze(-1)
    weight = seen.image_weight
    residual = (project(points, seen) - seen.xy) * weight.unsqueeze(-1)
    return robust_quadratic(residual, by_step * weight[..., None, None], outlier_scale)


def world_term(
    points: Float[Tensor, "K M 3"],
    jacobian: Float[Tensor, "K M 3 D"],
    seen: Observations,
    outlier_scale: float,
) -> Quadratic:
    """3D landmarks about their weighted mean; their best scale is taken as a constant.

    Args:
        points: the body's points of the channels, m.
        jacobian: their derivative by the step.
        seen: where they were found.
        outlier_scale: standard deviations from which one counts as an outlier.
    """
    share = (seen.world_weight.square() / seen.world_weight.square().sum(-1, keepdim=True))[
        ..., None
    ]
    points = points - (share * points).sum(1, keepdim=True)
    jacobian = jacobian - (share[..., None] * jacobian).sum(1, keepdim=True)
    target = seen.world - (share * seen.world).sum(1, keepdim=True)
    scale = (share * points * target).sum((1, 2)) / (share * target.square()).sum((1, 2))
    residual = points - scale.clamp(0.5, 2.0)[:, None, None] * target
    weight = seen.world_weight
    return robust_quadratic(
        residual * weight[..., None], jacobian * weight[..., None, None], outlier_scale
    )


def prior_term(
    state: BodyState, prior: PosePrior, prior_weight: float, betas_weight: float
) -> Quadratic:
    """Pose prior on the body joints and a Gaussian on the shape, by the whole step.

    Args:
        state: pose and shape.
        prior: of poses.
        prior_weight: of the pose prior.
        betas_weight: of half the squared shape coefficients.
    """
    num_bodies, num_joints = state.rotmat.shape[:2]
    num_pose, num_betas = 3 * num_joints, state.betas.shape[1]
    rotvec = rotmat_to_rotvec(state.rotmat[:, 1:])
    by_step = rotvec_jacobian(rotvec)
    cost, gradient, hessian = prior.quadratic(rotvec.flatten(1))
    chain = block_diagonal(by_step)
    size = num_pose + num_betas + 3
    full_gradient = state.betas.new_zeros(num_bodies, size)
    full_hessian = state.betas.new_zeros(num_bodies, size, size)
    full_gradient[:, 3:num_pose] = prior_weight * torch.einsum("kij,ki->kj", chain, gradient)
    full_hessian[:, 3:num_pose, 3:num_pose] = prior_weight * (
        chain.transpose(1, 2) @ hessian @ chain
    )
    shape = slice(num_pose, num_pose + num_betas)
    full_gradient[:, shape] = betas_weight * state.betas
    full_hessian.diagonal(dim1=-2, dim2=-1)[:, shape] = betas_weight
    total = prior_weight * cost + 0.5 * betas_weight * state.betas.square().sum(-1)
    return Quadratic(total, full_gradient, full_hessian)
