"""The loss curves of fits, kept for the page that shows them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

FINAL_PHASE = "refine"
"""Of the fits of a sample the one that gives its result (`RefineModule.phase`)."""

Curves = dict[str, list[float]]
"""One value a step by the name of the term; `total` is their weighted sum."""


class LossCurves(pl.Callback):
    """Keeps the terms of the loss at every step of the last fit of each photo.

    They are handed out once: what nobody asks for is replaced by the next fit.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[Curves]] = {}

    @torch.no_grad()
    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Forget what was not asked for."""
        self._kept = {}

    @torch.no_grad()
    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the curves of a finished fit."""
        if pl_module.phase != FINAL_PHASE or not pl_module.history:
            return
        history = pl_module.history
        # Terms of weight 0 are missing in some stages: there they are NaN.
        names = list(dict.fromkeys(name for step in history for name in step))
        missing = torch.full_like(history[0]["total"], torch.nan)
        values = {
            name: torch.stack([step.get(name, missing) for step in history]).cpu() for name in names
        }
        for p, problem in enumerate(pl_module.problem.names):
            own = {name: column[:, p].tolist() for name, column in values.items()}
            self._kept.setdefault(problem.rsplit("/", 1)[0], []).append(own)

    def of(self, sample_id: str) -> list[Curves]:
        """The curves of a sample's photos.

        Args:
            sample_id: names the sample, or the photo of one.

        Returns:
            One a photo; empty where no fit was followed.
        """
        return self._kept.get(sample_id, [])
