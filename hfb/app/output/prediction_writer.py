"""The folder of a prediction: results appear whole or not at all, each as soon as it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import BasePredictionWriter

from hfb.app.clip.run import ClipFrame
from hfb.app.clip.writer import ClipWriter, named_lines
from hfb.app.evaluation import Outcome
from hfb.app.output.photos_writer import PhotosWriter
from hfb.app.output.result_store import ResultStore
from hfb.app.output.sample_files import SampleFiles
from hfb.app.progress import RunProgress
from hfb.evaluate.results import SampleResult
from hfb.export import atomic_write
from hfb.refine.fitter import Fitter
from hfb.report.curves import LossCurves
from hfb.report.lines import result_lines


class Prediction:
    """What a step of a prediction has finished. No dataclass: Lightning would take it to pieces.

    Args:
        results: of samples.
        frames: of a clip.
        outcomes: of photos of a folder; None: the batch was none of a folder.
    """

    def __init__(
        self,
        results: Sequence[SampleResult] = (),
        frames: Sequence[ClipFrame] = (),
        outcomes: Sequence[Outcome] | None = None,
    ) -> None:
        self.results = list(results)
        self.frames = list(frames)
        self.outcomes = outcomes


class PredictionWriter(BasePredictionWriter):
    """Writes what a prediction finds (layout: docs/FORMATS.md).

    Args:
        store: the folder, made with the first result, and which files a result has.
        progress: the display.
    """

    def __init__(self, store: ResultStore, progress: RunProgress) -> None:
        super().__init__(write_interval="batch")
        self.store = store
        self.progress = progress
        self.photos = PhotosWriter(store, progress)
        self._clip: ClipWriter | None = None
        self._summary: list[str] = []

    @property
    def root(self) -> Path:
        """Folder of the run."""
        return self.store.root

    def on_predict_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Before the first photo of a folder: open what a run before has left."""
        self.photos.open(batch, trainer, pl_module.config_text)

    def on_predict_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """When all processes are done with a folder: its table, and how many were of no use."""
        self.photos.finish(trainer, pl_module)
        pl_module.num_unusable += self.photos.num_unusable

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
        if prediction.outcomes is not None:
            self.photos.take(prediction.outcomes, trainer, pl_module, batch_idx)
            return
        if not batch:
            return
        fitter = pl_module.pipeline().fitter()
        if pl_module.config_text and batch_idx == 0:
            with atomic_write(self.root / "config.yaml") as part:
                part.write_text(pl_module.config_text, encoding="utf-8")
        if batch[0].part is not None:
            self._write_clip(prediction.frames, batch[0], fitter)
        else:
            self._write_samples(prediction.results, fitter, pl_module.curves)

    def _write_samples(
        self, results: list[SampleResult], fitter: Fitter, curves: LossCurves
    ) -> None:
        self.progress.begin("writing", len(results))
        samples = SampleFiles(self.root, self.progress.print, self.store.settings)
        for number, result in enumerate(results, 1):
            samples.write(result, fitter, curves.take(result))
            self.progress.update(number)
        samples.write_page()
        self.progress.finish()
        self._say([line for result in results for line in result_lines(result)])

    def _write_clip(self, frames: list[ClipFrame], sample: Any, fitter: Fitter) -> None:
        if self._clip is None:
            self._clip = ClipWriter(self.root, fitter, self.store.settings, self._summary)
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
