"""Images in the run's logger: TensorBoard's, or any other that takes images."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from pytorch_lightning.loggers import Logger
from torch import Tensor


def log_image(logger: Logger, tag: str, image: Float[Tensor, "3 h w"], step: int) -> None:
    """Log an image where the logger can take one; others are left alone.

    Args:
        logger: of the run.
        tag: name of the image.
        image: sRGB in [0, 1].
        step: of the fit, or of the run.
    """
    image = image.detach().cpu().clamp(0.0, 1.0)
    experiment: Any = getattr(logger, "experiment", None)
    if hasattr(experiment, "add_image"):  # TensorBoard
        experiment.add_image(tag, image, step)
    elif hasattr(logger, "log_image"):  # Weights & Biases and its like
        logger.log_image(tag, [image.permute(1, 2, 0).numpy()], step=step)


class FitImages(pl.Callback):
    """Logs the input beside the estimate and their mattes, every few steps of a fit.

    Args:
        logger: of the run.
        every: steps between two images.
    """

    def __init__(self, logger: Logger, every: int) -> None:
        self.logger = logger
        self.every = every

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *args: Any) -> None:
        """At the first step and at every `every`-th."""
        step = trainer.global_step
        if step % self.every and step != 1:
            return
        prediction, problem = pl_module.predict(), pl_module.problem
        for p, name in enumerate(problem.names):
            alpha = torch.cat([problem.alpha[p], prediction.exposure.alpha[p]], -1)
            panel = torch.cat(
                [problem.image[p], prediction.image[p].clamp(0, 1), alpha.expand(3, -1, -1)], -1
            )
            tag = f"{pl_module.phase}/{name}/input_estimate_alpha"
            log_image(self.logger, tag, panel, step)
