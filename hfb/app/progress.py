"""The progress display of a run: one bar a step of the work, with the time left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from hfb.cli.display import Display

PHASES = {
    "rank_starts": "ranking starting poses",
    "find_gap_1": "finding the exposure gap",
    "find_gap_2": "finding the exposure gap",
    "refine": "refining",
    "hold": "refining, held to the start",
}
"""What the fits of a refinement are called on the screen, by `RefineModule.phase`."""


class RunProgress(Display, pl.Callback):
    """A display that is there while a trainer tests or predicts.

    Args:
        enabled: show anything at all.
    """

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
