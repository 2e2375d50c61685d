"""What happens between the steps of a refinement, as Lightning callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from hfb.matte import refresh_alpha
from hfb.motion import reversal_matrix, reverse
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.boundaries import boundary_times
from hfb.refine.sequence.viterbi import backward_photos

if TYPE_CHECKING:
    from hfb.refine.module import RefineModule


def stage_callbacks(settings: RefineSettings) -> list[pl.Callback]:
    """The callbacks that belong to a recipe.

    Args:
        settings: the recipe.
    """
    return [
        TextureClamp(),
        MatteRefresh(settings.matte_refresh_steps),
        ChooseDirections(settings.direction_steps),
    ]


class TextureClamp(pl.Callback):
    """Keeps the texture a colour: a projected gradient step."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        """Clamp to [0, 1]."""
        with torch.no_grad():
            pl_module.texture.clamp_(0.0, 1.0)


class _AfterSteps(pl.Callback):
    """Does something after some steps.

    Args:
        steps: numbers of steps done after which it happens.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self.steps = set(steps)

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        """Act at the end of a stage."""
        if trainer.global_step in self.steps:
            self.act(pl_module, trainer)

    def act(self, module: RefineModule, trainer: pl.Trainer) -> None:
        """What happens.

        Args:
            module: the fit.
            trainer: that runs it.
        """
        raise NotImplementedError


class MatteRefresh(_AfterSteps):
    """Estimates the mattes again with the bodies as they stand as priors.

    A matte that came with its photo stays as it is.
    """

    def act(self, module: RefineModule, trainer: pl.Trainer) -> None:
        """Replace the problem's mattes."""
        bodies = module.predict().exposure.alpha.cpu()
        problem = module.problem.to("cpu")  # where mattes are found
        mattes = [
            problem.alpha[p]
            if problem.matte_is_given[p]
            else refresh_alpha(problem.image[p], problem.background[p], problem.alpha[p], bodies[p])
            for p in range(len(problem))
        ]
        # Where the crop reaches over the edge of the photo, or the background is not known, there
        # is nothing to find a matte by: what was there at the start stays.
        alpha = torch.lerp(problem.alpha, torch.stack(mattes), problem.valid)
        alpha = alpha.to(module.problem.alpha)
        module.set_problem(replace(module.problem, alpha=alpha))


class ChooseDirections(_AfterSteps):
    """Reverses the motions of those consecutive photos that then meet their neighbours better."""

    def act(self, module: RefineModule, trainer: pl.Trainer) -> None:
        """Choose jointly for each sequence."""
        sequences = module.problem.sequences
        if sequences is None:
            return
        motion = module.polynomial_motion()
        times = boundary_times(sequences, module.settings.gap_fraction, module.gap)
        betas = module.per_problem(module.betas)
        backward = backward_photos(motion, betas, sequences, times, module.body)
        coeffs = torch.where(backward[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
        module.load_state(module.split_coeffs(coeffs))
        turn_moments(module, trainer.optimizers[0], backward)


def turn_moments(module: RefineModule, optimizer: Any, backward: Tensor) -> None:
    """Adapt Adam's moments of the gradients to motions that have been reversed.

    A reversed motion's coefficients are a matrix times the motion's, so its gradients are the
    inverse's transpose times the motion's, and the matrix is its own inverse. Without this the next
    steps would go on in the old direction. Squares are turned as those of independent gradients:
    exact about mid-exposure, where a reversal changes signs only.

    Args:
        module: whose motions were reversed.
        optimizer: Adam over its parameters.
        backward: which problems' motions.
    """
    motion = module.polynomial_motion()
    matrix = reversal_matrix(motion.degree, motion.time_origin).to(motion.coeffs)
    for key, factors in (("exp_avg", matrix.mT), ("exp_avg_sq", matrix.mT.square())):
        states = {name: optimizer.state[getattr(module, name)] for name in module.MOTION_GROUPS}
        if not all(key in state for state in states.values()):
            continue  # before the first step
        moments = module.join_coeffs({name: state[key] for name, state in states.items()})
        changed = (factors @ moments.flatten(-2)).unflatten(-1, moments.shape[-2:])
        moments = torch.where(backward[:, None, None, None], changed, moments)
        for name, part in module.split_coeffs(moments).items():
            states[name][key].copy_(part)
