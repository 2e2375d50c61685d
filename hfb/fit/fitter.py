"""Runs refinements through the Lightning loop and picks the best start of each sample."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hfb.body import SmplBody
from hfb.fit.malloc import return_free_memory
from hfb.fit.module import RefineModule
from hfb.fit.problem import RefineProblem
from hfb.fit.sequence.boundaries import Gap
from hfb.fit.sequence.shutter_gap import ASSUMED_GAP, find_gaps, gap_recipes
from hfb.fit.settings import RefineSettings
from hfb.losses import TexelPairs
from hfb.prior import MixturePosePrior, MotionPrior
from hfb.render import RenderSettings

OnStep = Callable[[RefineModule, int], None]


class StepCallback(pl.Callback):
    """Calls a function after every step of a refinement.

    Args:
        on_step: gets the module and the number of steps done.
    """

    def __init__(self, on_step: Callable[[RefineModule, int], None]) -> None:
        self.on_step = on_step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        """Report progress."""
        self.on_step(pl_module, trainer.global_step)


class Fitter:
    """Refines batches of problems: `RefineModule` in a `Trainer`, several starts ranked first.

    Where it is unknown how long the shutter was shut between photos, fits of their own tell.

    Args:
        body: the body model.
        settings: the recipe.
        render_settings: how to rasterise.
        pose_prior: eq. 6, or None.
        texel_pairs: eq. 5's neighbour table, or None.
        motion_prior: eq. 10, or None.
    """

    def __init__(
        self,
        body: SmplBody,
        settings: RefineSettings,
        render_settings: RenderSettings,
        pose_prior: MixturePosePrior | None = None,
        texel_pairs: TexelPairs | None = None,
        motion_prior: MotionPrior | None = None,
    ) -> None:
        self.body = body
        self.settings = settings
        self.render_settings = render_settings
        self.pose_prior = pose_prior
        self.texel_pairs = texel_pairs
        self.motion_prior = motion_prior

    def refine(
        self,
        problem: RefineProblem,
        group: Tensor,
        on_step: OnStep | None = None,
    ) -> RefineModule:
        """Optimise; of problems with the same group number only the best goes all the way.

        Args:
            problem: all starts of all samples.
            group: sample number of each problem, ascending, from 0 without gaps.
            on_step: called after every step with the module and the steps done so far of a fit.

        Returns:
            The finished module, one problem a sample, in the order of the group numbers.
        """
        state: dict[str, Tensor] | None = None
        found: list[Gap] = []
        if len(torch.unique(group)) < len(problem):
            ranking = self._module(problem.alone())
            self._fit(ranking, self.settings.ranking_steps, on_step)
            best = best_of_groups(ranking.energy(), group)
            state = ranking.state_of(best)
            problem = replace(problem.select(best), sequences=problem.sequences_of(best))
        if self._must_find_gap(problem):
            found = self._gaps(problem, state, on_step)
        shares = problem.image.new_tensor([gap.share for gap in found])
        module = self._module(problem, gap=shares if found else None)
        module.found_gaps = found
        if state is not None:
            module.load_state(state)
        self._fit(module, self.settings.num_steps, on_step)
        return_free_memory()
        return module

    def _must_find_gap(self, problem: RefineProblem) -> bool:
        """Whether it is unknown how long the shutter was shut between consecutive photos."""
        sequences = problem.sequences
        if sequences is None or not len(sequences.pairs):
            return False
        return self.settings.finds_gap(sequences.is_timed)

    def _gaps(
        self, problem: RefineProblem, state: dict[str, Tensor] | None, on_step: OnStep | None
    ) -> list[Gap]:
        """Those of the window before, or what two fits without the boundary restriction tell."""
        sequences = problem.sequences
        assert sequences is not None, "single photos have no gap"
        before = sequences.before
        if before is not None and before.gap is not None:
            return [before.gap]
        assumed = problem.image.new_full((sequences.count,), ASSUMED_GAP)
        first, *others = gap_recipes(self.settings)
        free = self._module(problem, first, assumed)
        if state is not None:
            free.load_state(state)
        self._fit(free, first.num_steps, on_step)
        for recipe in others:
            again = self._module(free.problem, recipe, assumed)
            again.restart_from(free)
            self._fit(again, recipe.num_steps, on_step)
            free = again
        motion, betas = free.polynomial_motion(), free.per_problem(free.betas)
        return find_gaps(motion, betas, replace(sequences, before=None), self.body)

    def _module(
        self,
        problem: RefineProblem,
        settings: RefineSettings | None = None,
        gap: Tensor | None = None,
    ) -> RefineModule:
        return RefineModule(
            self.body,
            problem,
            settings or self.settings,
            self.render_settings,
            self.pose_prior,
            self.texel_pairs,
            self.motion_prior,
            gap,
        )

    def _fit(
        self,
        module: RefineModule,
        num_steps: int,
        on_step: OnStep | None,
    ) -> None:
        with torch.enable_grad(), _one_torch_thread(module), _quiet_trainer():
            trainer = pl.Trainer(
                max_steps=num_steps,
                accelerator="gpu" if module.texture.is_cuda else "cpu",
                devices=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                callbacks=[StepCallback(on_step)] if on_step else None,
            )
            trainer.fit(module, DataLoader(range(num_steps), batch_size=None))  # type: ignore[arg-type]


def best_of_groups(energy: Tensor, group: Tensor) -> Tensor:
    """Index of the problem with the lowest energy in each group.

    Args:
        energy: one value a problem.
        group: group number of each problem, from 0 without gaps.
    """
    best = [
        int(torch.where(group == k, energy, torch.inf).argmin())
        for k in range(int(group.max()) + 1)
    ]
    return torch.tensor(best, device=energy.device)


@contextmanager
def _quiet_trainer() -> Iterator[None]:
    """A trainer a batch is machinery here, not news for the terminal."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    loggers.append(logging.getLogger("pytorch_lightning.utilities.rank_zero"))
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The loader only counts steps: it has nothing to read and needs no workers.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            # Lightning 2.6 uses a name that torch 2.13 has deprecated.
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _one_torch_thread(module: RefineModule) -> Iterator[None]:
    """On the CPU the renderer's threads own the cores; torch's would spin beside them."""
    before = torch.get_num_threads()
    if not module.texture.is_cuda:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
