"""The progress display of a run: one bar a step of the work, with the time left."""

from __future__ import annotations

import time
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

LINE_EVERY_S = 10.0
"""Time between two lines of progress where there is no terminal."""
PHASES = {
    "rank_starts": "ranking starting poses",
    "find_gap_1": "finding the exposure gap",
    "find_gap_2": "finding the exposure gap",
    "refine": "refining",
}
"""What the fits of a refinement are called on the screen, by `RefineModule.phase`."""


class RunProgress(pl.Callback):
    """A rich progress display that is there while a trainer tests or predicts.

    Where there is no terminal, as in the log of a cluster, a line now and then says how far it is.

    Args:
        enabled: show anything at all.
    """

    def __init__(self, enabled: bool = True) -> None:
        # Samples may have names that look like markup.
        self.console = Console(stderr=True, markup=False)
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
        self._has_lines = enabled and not self.console.is_terminal
        self._started = self._last_line = time.monotonic()

    def begin(self, description: str, total: int = 1) -> None:
        """Finish the bar that runs and start the next one."""
        self.finish()
        self._bars.start()
        self._task = self._bars.add_task(description, total=total)
        self._started = self._last_line = time.monotonic()

    def update(self, completed: float | int) -> None:
        """Set how far the running bar is."""
        if self._task is None:
            return
        self._bars.update(self._task, completed=completed)
        now = time.monotonic()
        if self._has_lines and completed and now - self._last_line >= LINE_EVERY_S:
            task = self._bars.tasks[self._task]
            total = task.total or completed
            left = (now - self._started) / completed * (total - completed)
            self.print(
                f"{task.description}: {completed:.0f} of {total:.0f}, about {duration(left)} left"
            )
            self._last_line = now

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


def duration(seconds: float) -> str:
    """A time as people say it.

    Args:
        seconds: not negative.

    Example:
        >>> duration(42.4), duration(170.0), duration(5000.0)
        ('42 s', '3 min', '1.4 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.1f} h"


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
