"""TensorBoard: loss curves, pictures and sub-frames of a refinement; means of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from hfb.fit.module import RefineModule

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class RefineLogger:
    """Writes TensorBoard events under the tags `refine/<sample>/…`.

    Args:
        folder: where the events go; made with the first event.
        every: steps between two pictures; 0 writes nothing at all.
    """

    def __init__(self, folder: Path, every: int = 20) -> None:
        self.folder = folder
        self.every = every
        self._writer: SummaryWriter | None = None
        self._logged = 0

    @property
    def writer(self) -> SummaryWriter:
        """The event file, opened when first used."""
        if self._writer is None:
            # Importing TensorBoard takes a second that runs without it should not pay.
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder))
        return self._writer

    def log_step(self, module: RefineModule, step: int) -> None:
        """Curves since the last call and, every few steps, input beside estimate and alpha."""
        if not self.every or (step % self.every and step != 1):
            return
        self.log_curves(module)
        with torch.no_grad():
            prediction = module.predict()
        problem = module.problem
        for p, name in enumerate(problem.names):
            alpha = torch.cat([problem.alpha[p], prediction.exposure.alpha[p]], -1)
            panel = torch.cat(
                [problem.image[p], prediction.image[p].clamp(0, 1), alpha.expand(3, -1, -1)], -1
            )
            tag = f"refine/{name}/input_estimate_alpha"
            self.writer.add_image(tag, panel.detach().cpu(), step)

    def log_curves(self, module: RefineModule) -> None:
        """Every term of the loss at every step that has not been written yet."""
        if not self.every:
            return
        if self._logged > len(module.history):
            self._logged = 0  # a new refinement has begun
        for step in range(self._logged, len(module.history)):
            for term, values in module.history[step].items():
                for name, value in zip(module.problem.names, values.tolist(), strict=True):
                    self.writer.add_scalar(f"refine/{name}/{term}", value, step)
        self._logged = len(module.history)

    def log_subframes(self, sample_id: str, subframes: Float[Tensor, "N 3 H W"]) -> None:
        """The sharp sub-frames side by side."""
        if not self.every:
            return
        strip = torch.cat(list(subframes), -1)
        self.writer.add_image(f"refine/{sample_id}/subframes", strip.cpu())

    def close(self) -> None:
        """Flush what is still in memory."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class EvaluationLogger:
    """Writes TensorBoard events of a run over a data set under `test/…`.

    Args:
        folder: where the events go; made with the first event.
        enabled: write anything at all.
    """

    def __init__(self, folder: Path, enabled: bool = True) -> None:
        self.enabled = enabled
        self._curves = RefineLogger(folder, 1)

    def log_means(self, metrics: dict[str, Any], table: str) -> None:
        """Running means over the samples finished so far, and the table as it stands.

        Args:
            metrics: from `summarize_run`.
            table: Markdown.
        """
        if not self.enabled:
            return
        writer, step = self._curves.writer, metrics["samples"]
        for method, content in metrics["methods"].items():
            for name, entry in content["overall"].items():
                if isinstance(entry, dict) and entry["mean"] is not None:
                    writer.add_scalar(f"test/{name}/{method}", entry["mean"], step)
        writer.add_scalar("test/unusable", metrics["unusable"]["count"], step)
        writer.add_text("test/table", table, step)

    def log_picture(self, sample_id: str, path: Path) -> None:
        """The comparison picture of a finished sample."""
        if not self.enabled:
            return
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self._curves.writer.add_image(f"test/{sample_id}", pixels, dataformats="HWC")

    def close(self) -> None:
        """Flush what is still in memory."""
        self._curves.close()
