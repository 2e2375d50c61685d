"""Long clips in overlapping windows: memory for one window, joined where one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hfb.evaluate.metrics_of_fit import FitMetrics, metrics_of, with_last_matte
from hfb.fit.fitter import Fitter
from hfb.fit.frames import InitialisedSequence, join_frames
from hfb.fit.initialise import InitialisedFrame
from hfb.fit.module import RefineModule
from hfb.fit.problem import build_problem
from hfb.fit.result import Refinement, refinements_of
from hfb.fit.sequence.boundaries import PreviousWindow, Sequences
from hfb.fit.sequence.viterbi import select_consistent_hypotheses
from hfb.motion import PolynomialMotion, evaluate
from hfb.structures import InitialEstimate

OnStep = Callable[[RefineModule, int], None]


@dataclass(frozen=True)
class FittedPhoto:
    """A photo of a clip with its final result.

    Attributes:
        item: the photo with the matte that its fit ended with.
        refinement: what was found.
        metrics: how well it explains the photo.
    """

    item: InitialisedFrame
    refinement: Refinement
    metrics: FitMetrics


class WindowFit:
    """Refines a clip window by window.

    A window begins with the last photos of the window before. These are fitted again, now that
    their successors are known, and tied to the photo before them, whose motion is final: it enters
    the boundary restriction as it is, so a border between windows is a boundary like any other. The
    shape is the first window's, the texture goes on from window to window.

    Args:
        fitter: the tools of the run.
    """

    def __init__(self, fitter: Fitter) -> None:
        self.fitter = fitter
        self._waiting: list[InitialisedFrame] = []
        self._fitted: list[FittedPhoto] = []
        self._carried: PreviousWindow | None = None
        self.count = 0

    @property
    def last_start(self) -> InitialisedFrame | None:
        """The photo fed last, from which a start for the next one can be had."""
        return self._waiting[-1] if self._waiting else None

    def feed(
        self, photo: InitialisedFrame, is_last: bool, on_step: OnStep | None = None
    ) -> list[FittedPhoto]:
        """Take the next photo; returns those that are finished with it, in the order of time.

        Args:
            photo: the next one, with its start.
            is_last: whether no other will follow.
            on_step: called after every step of a fit.
        """
        settings = self.fitter.settings
        self._waiting.append(photo)
        if len(self._waiting) < settings.window and not is_last:
            return []
        fitted = self._fit(on_step)
        keep = len(fitted) if is_last else len(fitted) - settings.overlap
        done, rest = fitted[:keep], fitted[keep:]
        self._carry(done[-1])
        self._waiting = [_restarted(photo) for photo in rest]
        self.count += len(done)
        return done

    def _fit(self, on_step: OnStep | None) -> list[FittedPhoto]:
        settings, body = self.fitter.settings, self.fitter.body
        estimates = [item.estimate for item in self._waiting]
        exposure = torch.cat([item.sample.exposure for item in self._waiting])
        agreed = select_consistent_hypotheses(
            estimates, exposure, body, is_settled=self._carried is not None
        )
        items = [replace(p, estimate=e) for p, e in zip(self._waiting, agreed, strict=True)]
        whole = InitialisedSequence(items[0].sample, tuple(items))
        problem, group, _ = join_frames([whole], settings)
        if len(items) > 1 or self._carried is not None:
            problem = replace(problem, sequences=self._sequence(items, group))
        module = self.fitter.refine(problem, group, on_step)
        refinements = refinements_of(module, [item.camera for item in items])
        return [self._measured(module, row, items, refinements) for row in range(len(items))]

    def _sequence(self, items: list[InitialisedFrame], group: Tensor) -> Sequences:
        """The window as one sequence; times from its beginning, where float32 can tell them."""
        origin = items[0].sample.exposure[0, 0]
        exposure = torch.cat([item.sample.exposure - origin for item in items]).float()
        before = self._carried
        if before is not None:
            before = replace(before, exposure=(before.exposure - origin).float())
        is_timed = all(item.sample.exposure_is_known for item in items)
        return Sequences(torch.zeros_like(group), exposure[group], is_timed, before)

    def _measured(
        self,
        module: RefineModule,
        row: int,
        items: list[InitialisedFrame],
        refinements: list[Refinement],
    ) -> FittedPhoto:
        """Against the photo, on the matte that the fit began with, as everywhere."""
        item, settings = items[row], self.fitter.settings
        size, margin = settings.image_size, settings.crop_margin
        first = build_problem(item.sample, item.estimate, item.alpha, size, margin)
        metrics = metrics_of(refinements[row], item, first, self.fitter)
        fitted = module.problem.select(torch.tensor([row]))
        return FittedPhoto(with_last_matte(item, fitted, margin), refinements[row], metrics)

    def _carry(self, last: FittedPhoto) -> None:
        refinement = last.refinement
        motion = refinement.motion
        self._carried = PreviousWindow(
            betas=refinement.betas,
            texture=refinement.texture,
            motion=PolynomialMotion(
                motion.coeffs[None],
                motion.base_rotmat[None],
                motion.base_transl[None],
                motion.time_origin,
                motion.parameterization,
            ),
            exposure=last.item.sample.exposure[0],
            gap=refinement.gap,
        )


def _restarted(photo: FittedPhoto) -> InitialisedFrame:
    """The photo with the pose it was found in at mid-exposure as its start."""
    refinement, estimate = photo.refinement, photo.item.estimate
    pose, transl = evaluate(refinement.motion, torch.tensor([0.5]))
    start = InitialEstimate(
        betas=refinement.betas[None],
        pose_rotmat=pose,
        transl=transl,
        camera=estimate.camera,
        score=estimate.score[:1],
        body=estimate.body,
        source="the window before",
    )
    return replace(photo.item, estimate=start)
