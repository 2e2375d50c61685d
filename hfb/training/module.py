"""What both trainings share: body, optimiser, and a folder with the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from hfb.body import load_body
from hfb.errors import InputError
from hfb.ranges import STEP_SIZE, check_value


class TrainingModule(pl.LightningModule):
    """A network in training that is compared with the truth by the joints of a body.

    Args:
        body: whose joints are compared.
        lr: highest learning rate of AdamW.
        weight_decay: of AdamW.
        output: folder that gets the finished network.
        checkpoint: a finished network to test or to validate; the shipped one if None.
    """

    def __init__(
        self, body: str, lr: float, weight_decay: float, output: str, checkpoint: str | None
    ) -> None:
        super().__init__()
        if checkpoint is not None and not Path(checkpoint).is_file():
            raise InputError(
                f"model.checkpoint {checkpoint}: there is no such file (looked for "
                f"{Path(checkpoint).absolute()})"
            )
        check_value("model.lr", lr, float, STEP_SIZE)
        check_value("model.weight_decay", weight_decay, float, (0.0, 1e3))
        self._body = (load_body(body),)  # a tuple: frozen buffers that need no checkpoint
        self.lr = lr
        self.weight_decay = weight_decay
        self.output = Path(output)
        self.checkpoint = checkpoint
        self.metrics: dict[str, float] = {}
        self.config_text = ""

    @property
    def body(self) -> Any:
        """The body whose joints are compared."""
        return self._body[0]

    def on_fit_start(self) -> None:
        """Keep the resolved configuration beside the results."""
        if self.config_text:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "config.yaml").write_text(self.config_text)

    def adamw(self, network: nn.Module, factor: Callable[[float], float]) -> dict[str, Any]:
        """AdamW whose learning rate follows the progress of the run.

        Not OneCycleLR: its state holds the length of the run, which a resumed one may change.

        Args:
            network: what is trained.
            factor: of the highest learning rate, by the share of the steps that are done.
        """
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: factor(min(step / steps, 1.0))
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
