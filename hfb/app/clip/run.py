"""A whole clip: photos come one by one, and go as soon as their window is fitted."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import pytorch_lightning as pl

from hfb.app.clip.estimate import ClipEstimate
from hfb.app.clip.windows import WindowFit
from hfb.app.pipeline import Pipeline
from hfb.app.progress import RunProgress, Watch
from hfb.errors import HfbError, NoPersonError
from hfb.evaluate.results import FittedFrame
from hfb.refine.initialise import InitialisedFrame, body_core, initialise_frame
from hfb.refine.sequence.shutter_gap import gap_recipes
from hfb.structures import BlurSample, ClipPart

_START_SHARE = 0.2
"""Of the time that a photo takes, until its pose is found: three of fifteen seconds or so."""
_WARM_UP_STEPS = 3
_TIMED_STEPS = 10


@dataclass(frozen=True)
class ClipFrame:
    """A finished photo of a clip.

    Attributes:
        fitted: what was found, measured.
        part: which photo it is.
        begins_window: whether a window ended just before it.
        has_own_start: False where the person was not found and the neighbour's pose was taken.
    """

    fitted: FittedFrame
    part: ClipPart
    begins_window: bool
    has_own_start: bool


class ClipRun:
    """Refines a clip photo by photo.

    Args:
        pipeline: the tools of the run.
        watch: progress display, callbacks and logger.
    """

    def __init__(self, pipeline: Pipeline, watch: Watch) -> None:
        self.pipeline = pipeline
        self.watch = watch
        self._windows = WindowFit(pipeline)
        self._is_found: list[bool] = []
        self.estimate: ClipEstimate | None = None

    def step(self, sample: BlurSample) -> list[ClipFrame]:
        """Take the next photo; returns those that are finished with it, in the order of time.

        Args:
            sample: the photo; its `part` says which one it is.

        Raises:
            NoPersonError: if there is nobody in the first photo.
        """
        part = part_of(sample)
        if part.number == 0:
            self.estimate = ClipEstimate.of(self.pipeline.settings, sample)
            self.watch.progress.note(self.estimate.first_line(sample.sample_id))
            self.watch.progress.begin(f"refining {part.total} photos", part.total)
        started = self._start(sample)
        settings = self.pipeline.settings
        fresh = min(part.number + 1 - self._windows.count, settings.window - settings.overlap)
        self.watch.progress.update(self._windows.count + _START_SHARE * fresh)
        is_last = part.number + 1 == part.total
        bar = ClipProgress(self.watch.progress, self._windows.count, self._steps_of_window(sample))
        if not self._windows.count:
            bar.estimate = self.estimate
        if not is_last:
            bar.fitted_again = settings.overlap
        watch = replace(self.watch, callbacks=(*self.watch.callbacks, bar))
        done = self._windows.feed(started, is_last, watch)
        if done:
            self.watch.progress.update(self._windows.count)
        return [
            ClipFrame(frame, own, k == 0 and own.number > 0, self._is_found[own.number])
            for k, frame in enumerate(done)
            for own in [part_of(frame.item.sample)]
        ]

    def _steps_of_window(self, sample: BlurSample) -> int:
        """Steps until the next photos are finished; the first ones may have a gap to be found."""
        settings = self.pipeline.settings
        if self._windows.count or not settings.finds_gap(sample.exposure_is_known):
            return settings.num_steps
        return sum(recipe.num_steps for recipe in [*gap_recipes(settings), settings])

    def _start(self, sample: BlurSample) -> InitialisedFrame:
        """As any photo; where nobody is found, the pose before is the start."""
        pipeline = self.pipeline
        try:
            number = part_of(sample).number
            started = initialise_frame(
                sample, pipeline.body, pipeline.initialiser, number, pipeline.matting
            )
        except NoPersonError as error:
            before = self._windows.last_start
            if before is None:
                raise NoPersonError(_nobody(sample, error)) from error
            started = self._start_of_neighbour(sample, before)
            self._is_found.append(False)
        except HfbError as error:
            raise type(error)(_nobody(sample, error)) from error
        else:
            self._is_found.append(True)
        return started

    def _start_of_neighbour(self, sample: BlurSample, before: InitialisedFrame) -> InitialisedFrame:
        """The photo with the start of the one before and a matte of its own."""
        if sample.alpha is not None:
            return replace(before, sample=sample, alpha=sample.alpha[0])
        hint = body_core(before.estimate, self.pipeline.body)
        alpha = self.pipeline.matting(sample.blurry[0], sample.background, hint)
        return replace(before, sample=sample, alpha=alpha)


class ClipProgress(pl.Callback):
    """Counts the steps of a window's fits as shares of its photos.

    Args:
        progress: the display.
        finished: photos finished before.
        total: steps of all fits of the window.
    """

    def __init__(self, progress: RunProgress, finished: int, total: int) -> None:
        self.progress = progress
        self.finished = finished
        self.total = total
        self.fitted_again = 0
        self.estimate: ClipEstimate | None = None
        self._steps = 0
        self._begin = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        """One step further."""
        self._steps += 1
        self._correct_estimate(len(pl_module.problem))
        share = _START_SHARE + (1.0 - _START_SHARE) * min(self._steps / (self.total + 1), 1.0)
        photos = len(pl_module.problem) - self.fitted_again
        self.progress.update(self.finished + photos * share)

    def _correct_estimate(self, num_photos: int) -> None:
        """Once the pace is known; the first steps compile and fill caches."""
        if self.estimate is None:
            return
        if self._steps == _WARM_UP_STEPS:
            self._begin = time.monotonic()
        elif self._steps == _WARM_UP_STEPS + _TIMED_STEPS:
            pace = (time.monotonic() - self._begin) / (_TIMED_STEPS * num_photos)
            self.progress.note(self.estimate.corrected_line(pace))


def part_of(sample: BlurSample) -> ClipPart:
    """Which photo of its clip a sample is."""
    assert sample.part is not None, "a photo of a clip says which one it is"
    return sample.part


def _nobody(sample: BlurSample, error: Exception) -> str:
    return (
        f"frame {part_of(sample).first_frame} of the clip: {error} (--data.clip.part START:STOP "
        "takes the part with the person)"
    )
