"""Lightning trainers for fits: one each, quiet, with the logger of the run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from hfb.processors import one_torch_thread
from hfb.refine.callbacks import stage_callbacks
from hfb.refine.module import RefineModule


class TrainerRuns:
    """The fits of one call of `Fitter.refine`, each in a `Trainer` of its own.

    Args:
        callbacks: of every fit.
        logger: gets the curves, or None.
        log_every: steps between two points of a curve.
    """

    def __init__(self, callbacks: list[pl.Callback], logger: Logger | None, log_every: int) -> None:
        self.callbacks = callbacks
        self.log_every = log_every
        self.logger = None if logger is None else BorrowedLogger(logger)

    def fit(self, module: RefineModule, num_steps: int) -> None:
        """Take `num_steps` steps."""
        device = module.texture.device
        with torch.enable_grad(), one_torch_thread(), _quiet_trainer():
            trainer = pl.Trainer(
                max_steps=num_steps,
                accelerator="gpu" if device.type == "cuda" else "cpu",
                devices=[device.index or 0] if device.type == "cuda" else 1,
                logger=self.logger or False,
                log_every_n_steps=min(self.log_every, num_steps),
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                callbacks=[*stage_callbacks(module.settings), *self.callbacks],
            )
            trainer.fit(module, range(num_steps))  # the batches only count the steps
        module.to(device)  # Lightning leaves what it has trained on the CPU


class BorrowedLogger(Logger):
    """The logger of a run inside one of its fits: it stays open when the fit ends.

    Args:
        logger: the run's.
    """

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    @property
    def name(self) -> str | None:
        """The run's."""
        return self._logger.name

    @property
    def version(self) -> int | str | None:
        """The run's."""
        return self._logger.version

    @property
    def experiment(self) -> Any:
        """What images are written to."""
        return getattr(self._logger, "experiment", None)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Hand the curves on, without Lightning's count of epochs: a fit has one."""
        curves = {name: value for name, value in metrics.items() if name != "epoch"}
        if curves:
            self._logger.log_metrics(curves, step)  # type: ignore[arg-type]

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """A fit has none of its own: config.yaml has those of the run."""


@contextmanager
def _quiet_trainer() -> Iterator[None]:
    """A trainer a batch is machinery here, not news for the terminal."""
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 uses a name that torch 2.13 has deprecated.
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
            yield
    finally:
        logger.setLevel(level)
