"""The motion prior at work in a refinement: the loss of eq. (10)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.motion import PolynomialMotion
from hfb.prior import CoefficientPrior, MotionPrior


class MotionEnergy:
    """L_A of eq. (10) at a fraction of its cost: linear between evaluations.

    The networks take longer than their share of a step is worth. A step changes the coefficients by
    a hundredth, so value and gradient are worked out every few steps, and in between the loss is
    its own tangent at the last of them.

    Args:
        prior: frozen.
        up: away from the ground, camera frame; None: the camera is level.
        every: steps between two evaluations; 1 evaluates at each, which is eq. (10) to the letter.
    """

    def __init__(
        self,
        prior: MotionPrior | CoefficientPrior,
        up: Float[Tensor, "*B 3"] | None = None,
        every: int = 24,
    ) -> None:
        self.prior = prior
        self.up = up
        self.every = every
        self._calls = 0
        self._tangent: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self, motion: PolynomialMotion) -> Float[Tensor, "*B"]:
        """Energy of motions in the camera frame; the same ones at every call of an instance."""
        if not torch.is_grad_enabled():
            # Looked at in between; only steps count.
            return self._evaluate(motion)[1]
        if self._tangent is None or self._calls % self.every == 0:
            self._tangent = self._evaluate(motion)
        self._calls += 1
        at, value, slope = self._tangent
        return value + ((motion.coeffs - at) * slope).sum((-3, -2, -1))

    def _evaluate(self, motion: PolynomialMotion) -> tuple[Tensor, Tensor, Tensor]:
        """Coefficients, energy and gradient."""
        with torch.enable_grad():
            coeffs = motion.coeffs.detach().requires_grad_()
            energy = self.prior.motion_energy(motion.with_coeffs(coeffs), self.up)
            (slope,) = torch.autograd.grad(energy.sum(), coeffs)
        return coeffs.detach(), energy.detach(), slope
