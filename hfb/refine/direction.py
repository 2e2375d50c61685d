"""The motion prior at work in a refinement: the loss of eq. (10), and which way time runs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.motion import PolynomialMotion, reverse
from hfb.prior import MotionPrior, sketch_motion


class MotionEnergy:
    """L_A of eq. (10) at a fraction of its cost: linear between evaluations.

    The networks take longer than their share of a step is worth. A step changes the coefficients by
    a hundredth, so value and gradient are worked out every few steps, and in between the loss is
    its own tangent at the last of them.

    Args:
        prior: frozen.
        every: steps between two evaluations; 1 evaluates at each, which is eq. (10) to the letter.
    """

    def __init__(self, prior: MotionPrior, every: int = 24) -> None:
        self.prior = prior
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
            sketch = sketch_motion(motion.with_coeffs(coeffs), self.prior.settings.degree)
            energy = self.prior.energy(sketch)
            (slope,) = torch.autograd.grad(energy.sum(), coeffs)
        return coeffs.detach(), energy.detach(), slope


@torch.no_grad()
def runs_backwards(motion: PolynomialMotion, prior: MotionPrior) -> Bool[Tensor, "*B"]:
    """Whether the prior takes a motion's time-reversed twin for the likelier of the two.

    Both blur to the same picture (eq. 2 does not know the order of time), so nothing but the prior
    tells them apart.
    """
    return prior.direction_score(sketch_motion(motion, prior.settings.degree)) < 0


def likelier_direction(motion: PolynomialMotion, prior: MotionPrior) -> PolynomialMotion:
    """Each motion, or its time-reversed twin where the prior prefers that one."""
    backwards = runs_backwards(motion, prior)[..., None, None, None]
    return motion.with_coeffs(torch.where(backwards, reverse(motion).coeffs, motion.coeffs))
