"""The progress display of a run: one bar a step of the work, with the time left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PHASES = {
    "rank_starts": "ranking starting poses",
    "find_gap_1": "finding the exposure gap",
    "find_gap_2": "finding the exposure gap",
    "refine": "refining",
}
"""What the fits of a refinement are called on the screen, by `RefineModule.phase`."""


class RunProgress(pl.Callback):
    """A rich progress display that is there while a trainer tests or predicts.

    Args:
        enabled: show anything at all.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not enabled,
        )
        self._task: TaskID | None = None

    def begin(self, description: str, total: int = 1) -> None:
        """Finish the bar that runs and start the next one."""
        self.finish()
        self._bars.start()
        self._task = self._bars.add_task(description, total=total)

    def update(self, completed: float | int) -> None:
        """Set how far the running bar is."""
        if self._task is not None:
            self._bars.update(self._task, completed=completed)

    def finish(self) -> None:
        """Fill the running bar."""
        if self._task is not None:
            total = self._bars.tasks[self._task].total
            self._bars.update(self._task, completed=total)
            self._task = None

    def print(self, line: str) -> None:
        """Write a line above the bars."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the display down; what it shows stays on the screen."""
        self._bars.stop()

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """At the end of a run."""
        self.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Where a run breaks off."""
        self.close()


class FitProgress(pl.Callback):
    """A bar for each fit of a refinement.

    Args:
        progress: the display.
    """

    def __init__(self, progress: RunProgress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A new bar, named after what the fit is for."""
        self.progress.begin(PHASES[pl_module.phase], trainer.max_steps)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """One step further."""
        self.progress.update(trainer.global_step)


@dataclass(frozen=True)
class Watch:
    """What follows the work on samples: display, callbacks and log.

    Attributes:
        progress: the display.
        callbacks: of every fit.
        logger: gets the curves of the fits.
        log_every: steps between two points of a curve.
    """

    progress: RunProgress = field(default_factory=lambda: RunProgress(enabled=False))
    callbacks: tuple[pl.Callback, ...] = ()
    logger: Logger | None = None
    log_every: int = 1
