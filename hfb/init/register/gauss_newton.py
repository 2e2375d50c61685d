"""Damped Gauss-Newton for the pose and shape of a batch of bodies.

Levenberg-Marquardt with one damping factor a body, so that the bodies of a batch do not influence
each other; outliers are weighted down by Geman and McClure's function (iteratively re-weighted).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.geometry import rotvec_to_rotmat


@dataclass(frozen=True)
class BodyState:
    """What is solved for.

    Attributes:
        rotmat: rotation of each joint relative to its parent, root first.
        betas: shape coefficients.
        transl: smplx's transl, m.
    """

    rotmat: Float[Tensor, "K J 3 3"]
    betas: Float[Tensor, "K S"]
    transl: Float[Tensor, "K 3"]

    def moved(self, step: Float[Tensor, "K D"]) -> BodyState:
        """The state after a step: rotation vectors of all joints, betas, translation."""
        num_joints, num_betas = self.rotmat.shape[1], self.betas.shape[1]
        turns, betas, transl = step.split([3 * num_joints, num_betas, 3], dim=-1)
        return BodyState(
            self.rotmat @ rotvec_to_rotmat(turns.unflatten(-1, (num_joints, 3))),
            self.betas + betas,
            self.transl + transl,
        )

    def chosen(self, accept: Bool[Tensor, " K"], other: BodyState) -> BodyState:
        """The other state where accepted, this one elsewhere."""
        return BodyState(
            torch.where(accept[:, None, None, None], other.rotmat, self.rotmat),
            torch.where(accept[:, None], other.betas, self.betas),
            torch.where(accept[:, None], other.transl, self.transl),
        )


@dataclass(frozen=True)
class Quadratic:
    """A cost near a state: half the squared residuals, with derivatives by the step.

    Attributes:
        cost: value.
        gradient: first derivative.
        hessian: Gauss-Newton's approximation of the second derivative.
    """

    cost: Float[Tensor, " K"]
    gradient: Float[Tensor, "K D"]
    hessian: Float[Tensor, "K D D"]

    def __add__(self, other: Quadratic) -> Quadratic:
        return Quadratic(
            self.cost + other.cost, self.gradient + other.gradient, self.hessian + other.hessian
        )


def solve(
    start: BodyState, cost: Callable[[BodyState], Quadratic], num_iters: int
) -> tuple[BodyState, Float[Tensor, " K"]]:
    """Minimise a cost from a starting state.

    Args:
        start: where to begin.
        cost: the cost and its derivatives at a state.
        num_iters: steps tried, accepted or not.

    Returns:
        The best state and its cost.
    """
    state, current = start, cost(start)
    damping = torch.full_like(current.cost, 1e-2)
    # Each body stops by itself, so that its result does not depend on the others in the batch.
    is_moving = torch.ones_like(current.cost, dtype=torch.bool)
    for _ in range(num_iters):
        diagonal = current.hessian.diagonal(dim1=-2, dim2=-1)
        damped = current.hessian + torch.diag_embed(damping[:, None] * diagonal + 1e-9)
        candidate = state.moved(-torch.linalg.solve(damped, current.gradient))
        proposed = cost(candidate)
        accept = is_moving & (proposed.cost < current.cost)
        is_small = (current.cost - proposed.cost) < 1e-6 * current.cost
        state = state.chosen(accept, candidate)
        current = Quadratic(
            torch.where(accept, proposed.cost, current.cost),
            torch.where(accept[:, None], proposed.gradient, current.gradient),
            torch.where(accept[:, None, None], proposed.hessian, current.hessian),
        )
        damping = torch.where(accept, damping * 0.3, damping * 5.0).clamp(1e-8, 1e6)
        is_moving = is_moving & ~(accept & is_small)
        if not bool(is_moving.any()):
            break
    return state, current.cost


def robust_quadratic(
    residual: Float[Tensor, "K M C"],
    jacobian: Float[Tensor, "K M C D"],
    scale: float,
) -> Quadratic:
    """Cost of residual vectors that may hold outliers (Geman and McClure 1985).

    A vector of length r costs r²c²/(c²+r²)/2: quadratic near zero, at most c²/2.

    Args:
        residual: in standard deviations.
        jacobian: derivative by the step.
        scale: length c from which a residual counts as an outlier, standard deviations.
    """
    squared = residual.square().sum(-1)
    ratio = scale**2 / (scale**2 + squared)
    weighted = jacobian * ratio.square()[..., None, None]
    return Quadratic(
        0.5 * (squared * ratio).sum(-1),
        torch.einsum("kmcd,kmc->kd", weighted, residual),
        torch.einsum("kmcd,kmce->kde", weighted, jacobian),
    )


def block_diagonal(blocks: Float[Tensor, "K J 3 3"]) -> Float[Tensor, "K J3 J3"]:
    """The matrices with these blocks along the diagonal and zeros elsewhere."""
    num_bodies, num_blocks = blocks.shape[:2]
    whole = blocks.new_zeros(num_bodies, num_blocks, 3, num_blocks, 3)
    whole.diagonal(dim1=1, dim2=3).copy_(blocks.permute(0, 2, 3, 1))
    return whole.flatten(3, 4).flatten(1, 2)
