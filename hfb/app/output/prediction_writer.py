"""The folder of a prediction: results appear whole or not at all, each as soon as it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import BasePredictionWriter

from hfb.app.clip.run import ClipFrame
from hfb.app.clip.writer import ClipWriter, named_lines
from hfb.app.output.sample_files import SampleFiles
from hfb.app.progress import RunProgress
from hfb.evaluate.results import SampleResult
from hfb.export import atomic_write
from hfb.refine.fitter import Fitter
from hfb.report.curves import LossCurves
from hfb.report.lines import result_lines
from hfb.report.settings import ReportSettings


class Prediction:
    """What a step of a prediction has finished. No dataclass: Lightning would take it to pieces.

    Args:
        results: of samples.
        frames: of a clip.
    """

    def __init__(
        self, results: Sequence[SampleResult] = (), frames: Sequence[ClipFrame] = ()
    ) -> None:
        self.results = list(results)
        self.frames = list(frames)


class PredictionWriter(BasePredictionWriter):
    """Writes what a prediction finds (layout: docs/FORMATS.md).

    Args:
        root: the folder; made with the first result.
        progress: the display.
        settings: which files a result has.
    """

    def __init__(
        self, root: Path, progress: RunProgress, settings: ReportSettings | None = None
    ) -> None:
        super().__init__(write_interval="batch")
        self.root = root
        self.progress = progress
        self.settings = settings or ReportSettings()
        self._clip: ClipWriter | None = None
        self._summary: list[str] = []

    def write_on_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the results of a batch.

        Args:
            trainer: of the run.
            pl_module: whose fitter draws the results.
            prediction: a `Prediction`.
            batch_indices: unused.
            batch: the samples; of a clip one photo.
            batch_idx: its number.
            dataloader_idx: unused.
        """
        fitter = pl_module.pipeline().fitter()
        if pl_module.config_text and batch_idx == 0:
            with atomic_write(self.root / "config.yaml") as part:
                part.write_text(pl_module.config_text, encoding="utf-8")
        if batch and batch[0].part is not None:
            self._write_clip(prediction.frames, batch[0], fitter)
        else:
            self._write_samples(prediction.results, fitter, pl_module.curves)

    def _write_samples(
        self, results: list[SampleResult], fitter: Fitter, curves: LossCurves
    ) -> None:
        self.progress.begin("writing", len(results))
        samples = SampleFiles(self.root, self.progress.print, self.settings)
        for number, result in enumerate(results, 1):
            samples.write(result, fitter, curves.take(result))
            self.progress.update(number)
        samples.write_page()
        self.progress.finish()
        self._say([line for result in results for line in result_lines(result)])

    def _write_clip(self, frames: list[ClipFrame], sample: Any, fitter: Fitter) -> None:
        if self._clip is None:
            self._clip = ClipWriter(self.root, fitter, self.settings, self._summary)
        for frame in frames:
            self._clip.add(frame)
        if sample.part.number + 1 < sample.part.total:
            return
        self.progress.begin("writing", 1)
        self._clip.write(sample)
        self.progress.finish()
        self._say(named_lines(sample, self._clip.lines()))
        self._clip = None

    def _say(self, lines: list[str]) -> None:
        for line in [*lines, f"results in {self.root}"]:
            self.progress.print(line)
