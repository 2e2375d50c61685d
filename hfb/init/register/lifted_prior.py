"""What the lifting network believes of a pose, as a prior of the registration."""

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
)


@dataclass(frozen=True)
class LiftedStart:
    """What K hypotheses are believed to be before their landmarks are fitted.

    Attributes:
        rotmat: pose of each, root first, camera frame.
        betas: shape.
        angle_sigma: standard deviation of each joint's rotation about each axis, rad.
        distance_sigma: the same of each joint's position relative to the root, m.
    """

    rotmat: Float[Tensor, "K J 3 3"]
    betas: Float[Tensor, "K S"]
    angle_sigma: Float[Tensor, "K J"]
    distance_sigma: Float[Tensor, "K J"]

    def __len__(self) -> int:
        return len(self.rotmat)


def lifted_term(state: BodyState, lifted: LiftedStart, weight: float, scale: float) -> Quadratic:
    """The pull of the lifted pose on a registration: squared angles in standard deviations.

    Args:
        state: where the registration is.
        lifted: where it is drawn to.
        weight: of the whole term.
        scale: standard deviations from which a joint is let go (Geman and McClure).
    """
    num_bodies, num_joints = state.rotmat.shape[:2]
    target = lifted.rotmat.to(state.rotmat)
    residual = rotmat_to_rotvec(target.mT @ state.rotmat)
    by_step = rotvec_jacobian(residual)
    stiffness = 1.0 / lifted.angle_sigma.to(residual)
    residual, by_step = residual * stiffness[..., None], by_step * stiffness[..., None, None]
    squared = residual.square().sum(-1)
    ratio = scale**2 / (scale**2 + squared)
    hold = weight * ratio.square()[..., None]
    size = 3 * num_joints + state.betas.shape[1] + 3
    gradient = state.betas.new_zeros(num_bodies, size)
    hessian = state.betas.new_zeros(num_bodies, size, size)
    gradient[:, : 3 * num_joints] = torch.einsum("kjcd,kjc->kjd", by_step, hold * residual).flatten(
        1
    )
    blocks = torch.einsum("kjcd,kjce->kjde", by_step, hold[..., None] * by_step)
    hessian[:, : 3 * num_joints, : 3 * num_joints] = block_diagonal(blocks)
    return Quadratic(0.5 * weight * (squared * ratio).sum(-1), gradient, hessian)
