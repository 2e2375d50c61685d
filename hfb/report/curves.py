"""The loss curves of fits, kept for the page that shows them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.evaluate.results import SampleResult

FINAL_PHASE = "refine"
"""Of the fits of a sample the free one (`RefineModule.phase`); one that is held has terms of other
weights at every step."""

FITTED = ("hfb", "hfb_without_amp")
"""Methods that are fits."""

Curves = dict[str, list[float]]
"""One value a step by the name of the term, times its weight; `total` is their sum."""


class LossCurves(pl.Callback):
    """Keeps the terms of the loss at every step of the last fit of each photo.

    They are handed out once.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[Curves]] = {}

    @torch.no_grad()
    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the curves of a finished fit."""
        if pl_module.phase != FINAL_PHASE or not pl_module.history:
            return
        history = pl_module.history
        names = list(dict.fromkeys(name for step in history for name in step))
        values = {name: self._weighted(name, pl_module) for name in names}
        for p, problem in enumerate(pl_module.problem.names):
            own = {name: column[:, p].tolist() for name, column in values.items()}
            self._kept.setdefault(problem.rsplit("/", 1)[0], []).append(own)

    @staticmethod
    def _weighted(name: str, module: Any) -> Float[Tensor, "S P"]:
        """A term at each step, times its weight there; NaN where it was left out."""
        missing = torch.full_like(module.history[0]["total"], torch.nan)
        settings, values = module.settings, []
        for k, step in enumerate(module.history):
            weights = {"total": 1.0, **settings.weights_of(settings.stage_index(k))}
            weight = weights.get(name, 0.0)
            values.append(weight * step[name] if weight and name in step else missing)
        return torch.stack(values).cpu()

    def take(self, result: SampleResult) -> list[Curves]:
        """Hand out the curves of a sample; of several methods those of the first that fits.

        Args:
            result: of the first method.

        Returns:
            One a photo; empty where no fit was followed, or the method has none.
        """
        names = [photo.item.sample.sample_id for photo in result.photos or (result,)]
        kept = [self._kept.pop(name, []) for name in names]
        if result.method not in FITTED or not all(kept):
            return []
        return [curves[0] for curves in kept]
