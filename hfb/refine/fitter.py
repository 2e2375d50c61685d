"""Runs refinements through the Lightning loop and picks the best start of each sample."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from torch import Tensor

from hfb.body import SmplBody
from hfb.losses import TexelPairs
from hfb.prior import BodyPosePrior, CoefficientPrior, MotionPrior
from hfb.refine.malloc import return_free_memory
from hfb.refine.module import RefineModule
from hfb.refine.problem import RefineProblem, is_cut
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.boundaries import Gap
from hfb.refine.sequence.shutter_gap import ASSUMED_GAP, find_gaps, gap_recipes
from hfb.refine.trainer_runs import TrainerRuns
from hfb.render import RenderSettings
from hfb.render.settings import AUTOMATIC

# A start is as likely as it was before its photo was looked at, times what is left unexplained to
# the power of -15: chosen on 28 fits of photos with several likely starts (docs/lab/lifting.md).
_PHOTO_POWER = 15.0
_LEAST_ENERGY, _LEAST_PROBABILITY = 1e-6, 0.01


class Fitter:
    """Refines batches of problems: `RefineModule` in a `Trainer`, several starts ranked first.

    Where it is unknown how long the shutter was shut between photos, fits of their own tell. All
    that goes in and comes out lies on the CPU; on another device the fit has copies of its own.

    Args:
        body: the body model.
        settings: the recipe.
        render_settings: how to rasterise. On another device the backend that they name is the
            fit's; the attribute of this name is for what is drawn on the CPU, before and after.
        pose_prior: eq. 6, or None.
        texel_pairs: eq. 5's neighbour table, or None.
        motion_prior: eq. 10, or None.
        device: where the fit runs.
    """

    def __init__(
        self,
        body: SmplBody,
        settings: RefineSettings,
        render_settings: RenderSettings,
        pose_prior: BodyPosePrior | None = None,
        texel_pairs: TexelPairs | None = None,
        motion_prior: MotionPrior | CoefficientPrior | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.body = body
        self.settings = settings
        self.device = torch.device(device)
        is_elsewhere = self.device.type != "cpu"
        self._own_render_settings = render_settings
        self.render_settings = (
            replace(render_settings, backend=AUTOMATIC) if is_elsewhere else render_settings
        )
        parts = (body, pose_prior, texel_pairs, motion_prior)
        self._parts = tuple(_on_device(part, self.device) for part in parts)

    def refine(
        self,
        problem: RefineProblem,
        group: Tensor,
        callbacks: Sequence[pl.Callback] = (),
        logger: Logger | None = None,
        log_every: int = 1,
    ) -> RefineModule:
        """Optimise; of problems with the same group number only the best is refined.

        Args:
            problem: all starts of all samples.
            group: sample number of each problem, ascending, from 0 without gaps.
            callbacks: of every fit: of several starts, of gaps, and of the last one; the module's
                `phase` says which one it is.
            logger: gets the curves of every term, under `<phase>/<problem>/<term>`.
            log_every: steps between two points of a curve.

        Returns:
            The finished module, one problem a sample, in the order of the group numbers.
        """
        run = TrainerRuns(list(callbacks), logger, log_every)
        problem, group = problem.to(self.device), group.to(self.device)
        found: list[Gap] = []
        if len(torch.unique(group)) < len(problem):
            problem = problem.index(self._best_starts(problem, group, run))
        if self._must_find_gap(problem):
            found = self._gaps(problem, run)
        shares = problem.image.new_tensor([gap.share for gap in found])
        module = self._module(problem, gap=shares if found else None)
        module.found_gaps = found
        run.fit(module, self.settings.num_steps)
        if self.settings.hold_unexplained:
            self._hold_unexplained(module, problem, run)
        return_free_memory()
        return module

    def _hold_unexplained(
        self,
        module: RefineModule,
        problem: RefineProblem,
        run: TrainerRuns,
    ) -> None:
        """Fit photos that are not explained once more, held to their starts.

        So are people whom the frame cuts: what is outside explains anything. Where clothes,
        shadows or a wrong background have to be explained by a bare body, colours are bought with
        joints (docs/lab/held_joints.md).

        Args:
            module: finished; has the other fit's results afterwards.
            problem: as it began.
            run: of this call.
        """
        rows = (module.judge() > 1.0) | module.per_problem(
            module.sequence_means(is_cut(problem, module.body).to(module.betas)) > 0.5
        )
        if not bool(rows.any()):
            return
        if problem.sequences is None:
            chosen = rows.nonzero()[:, 0]
            problem = problem.index(chosen)
        again = self._module(problem, gap=module.gap, phase="hold", is_held=True)
        run.fit(again, self.settings.num_steps)
        module.take_over(again, rows)

    def _best_starts(self, problem: RefineProblem, group: Tensor, run: TrainerRuns) -> Tensor:
        """Rows of the starts that are likeliest after short fits of them.

        The likeliest goes on from its start, as if it had been the only one: what a photo with a
        single start comes to does not depend on the others that are fitted with it.
        """
        is_alone = group.bincount()[group] == 1
        cost = torch.zeros_like(is_alone, dtype=problem.image.dtype)
        rows = (~is_alone).nonzero()[:, 0]
        ranking = self._module(problem.alone().index(rows), phase="rank_starts")
        run.fit(ranking, self.settings.ranking_steps)
        cost[rows] = _PHOTO_POWER * ranking.energy().clamp(min=_LEAST_ENERGY).log()
        if problem.probability is not None:
            cost = cost - problem.probability.clamp(min=_LEAST_PROBABILITY).log()
        return best_of_groups(cost, group)

    def _must_find_gap(self, problem: RefineProblem) -> bool:
        """Whether it is unknown how long the shutter was shut between consecutive photos."""
        sequences = problem.sequences
        if sequences is None or not len(sequences.pairs):
            return False
        return self.settings.finds_gap(sequences.is_timed)

    def _gaps(self, problem: RefineProblem, run: TrainerRuns) -> list[Gap]:
        """Those of the window before, or what two fits without the boundary restriction tell."""
        sequences = problem.sequences
        assert sequences is not None, "single photos have no gap"
        before = sequences.before
        if before is not None and before.gap is not None:
            return [before.gap]
        assumed = problem.image.new_full((sequences.count,), ASSUMED_GAP)
        first, *others = gap_recipes(self.settings)
        free = self._module(problem, first, assumed, "find_gap_1")
        run.fit(free, first.num_steps)
        for number, recipe in enumerate(others, 2):
            again = self._module(free.problem, recipe, assumed, f"find_gap_{number}")
            again.restart_from(free)
            run.fit(again, recipe.num_steps)
            free = again
        motion, betas = free.polynomial_motion(), free.per_problem(free.betas)
        return find_gaps(motion, betas, replace(sequences, before=None), free.body)

    def _module(
        self,
        problem: RefineProblem,
        settings: RefineSettings | None = None,
        gap: Tensor | None = None,
        phase: str = "refine",
        is_held: bool = False,
    ) -> RefineModule:
        body, pose_prior, texel_pairs, motion_prior = self._parts
        settings = settings or self.settings
        return RefineModule(
            body,
            problem,
            settings,
            self._own_render_settings,
            pose_prior,
            texel_pairs,
            motion_prior,
            gap,
            phase,
            is_held,
        )


def best_of_groups(cost: Tensor, group: Tensor) -> Tensor:
    """Index of the problem with the lowest cost in each group.

    Args:
        cost: one value a problem.
        group: group number of each problem, from 0 without gaps.
    """
    best = [
        int(torch.where(group == k, cost, torch.inf).argmin()) for k in range(int(group.max()) + 1)
    ]
    return torch.tensor(best, device=cost.device)


def _on_device(part: Any, device: torch.device) -> Any:
    """A copy of a body, a prior or a table where the fit runs; on the CPU itself."""
    if part is None or device.type == "cpu":
        return part
    return (copy.deepcopy(part) if isinstance(part, torch.nn.Module) else part).to(device)
