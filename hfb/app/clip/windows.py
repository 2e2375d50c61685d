"""Long clips in overlapping windows: memory for one window, joined where one ends."""

from __future__ import annotations

from dataclasses import replace

import torch

from hfb.app.pipeline import Pipeline
from hfb.app.progress import Watch
from hfb.evaluate.results import FittedFrame
from hfb.motion import PolynomialMotion, evaluate
from hfb.refine.frames import InitialisedSequence, with_consistent_starts
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.sequence.boundaries import PreviousWindow
from hfb.structures import InitialEstimate


class WindowFit:
    """Refines a clip window by window.

    A window begins with the last photos of the window before. These are fitted again, now that
    their successors are known, and tied to the photo before them, whose motion is final: it enters
    the boundary restriction as it is, so a border between windows is a boundary like any other. The
    shape is the first window's, the texture goes on from window to window.

    Args:
        pipeline: fits and measures.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._waiting: list[InitialisedFrame] = []
        self._before: PreviousWindow | None = None
        self.count = 0

    @property
    def last_start(self) -> InitialisedFrame | None:
        """The photo fed last, from which a start for the next one can be had."""
        return self._waiting[-1] if self._waiting else None

    def feed(
        self, photo: InitialisedFrame, is_last: bool, watch: Watch | None = None
    ) -> list[FittedFrame]:
        """Take the next photo; returns those that are finished with it, in the order of time.

        Args:
            photo: the next one, with its start.
            is_last: whether no other will follow.
            watch: progress display, callbacks and logger.
        """
        settings = self.pipeline.settings
        self._waiting.append(photo)
        if len(self._waiting) < settings.window and not is_last:
            return []
        window = InitialisedSequence(self._waiting[0].sample, tuple(self._waiting), self._before)
        window = with_consistent_starts(window, self.pipeline.body)
        (fitted,) = self.pipeline.fit([window], watch=watch)
        keep = len(fitted) if is_last else len(fitted) - settings.overlap
        done, rest = fitted[:keep], fitted[keep:]
        self._before = _carried_on(done[-1])
        self._waiting = [_restarted(frame) for frame in rest]
        self.count += len(done)
        return done


def _carried_on(last: FittedFrame) -> PreviousWindow:
    """What the last finished photo leaves to those that follow."""
    refinement = last.refinement
    return PreviousWindow(
        betas=refinement.betas,
        texture=refinement.texture,
        motion=PolynomialMotion.stack([refinement.motion]),
        exposure=last.item.sample.exposure[0],
        gap=refinement.gap,
    )


def _restarted(frame: FittedFrame) -> InitialisedFrame:
    """The photo with the pose it was found in at mid-exposure as its start."""
    refinement, estimate = frame.refinement, frame.item.estimate
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
    return replace(frame.item, estimate=start)
