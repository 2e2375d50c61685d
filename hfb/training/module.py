"""What both trainings share: body, optimiser, and a folder with the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from hfb.body import load_body
from hfb.cli.display import Display
from hfb.errors import InputError
from hfb.ranges import STEP_SIZE, check_value
from hfb.storage import atomic_write


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

    def configure_callbacks(self) -> list[pl.Callback]:
        """Lines of progress, where there is no terminal for a bar."""
        bars = self.trainer.progress_bar_callback
        return [] if bars is not None else [TrainingProgress(self.trainer.is_global_zero)]

    def on_fit_start(self) -> None:
        """Keep the resolved configuration beside the results."""
        if self.config_text:
            with atomic_write(self.output / "config.yaml") as part:
                part.write_text(self.config_text, encoding="utf-8")

    def card(self) -> dict[str, Any]:
        """What is told of the making of a finished network."""
        return {
            "body": self.body.identity.name,
            "parents": list(self.body.parents),
            "steps": self.global_step,
            "figures": self.metrics,
        }

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


class TrainingProgress(pl.Callback):
    """Says every ten seconds how far a training is.

    Args:
        enabled: whether this process speaks for the run.
    """

    def __init__(self, enabled: bool) -> None:
        self.display = Display(enabled)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Data is read from here on."""
        self.display.begin("reading")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed training begins where it was."""
        self.display.begin("training", int(trainer.estimated_stepping_batches))
        self.display.skip(trainer.global_step)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """One step further."""
        self.display.update(trainer.global_step)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measuring."""
        self.display.begin("testing", int(sum(trainer.num_test_batches)))

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """One batch further."""
        self.display.update(batch_idx + 1)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """At the end of a run."""
        self.display.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Where a run breaks off."""
        self.display.close()
