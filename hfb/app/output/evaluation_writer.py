"""The folder of a test: each sample is kept as soon as it is done, the tables follow."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from rich.console import Console

from hfb.app.evaluation import Outcome
from hfb.app.output.result_store import ResultStore
from hfb.app.progress import RunProgress
from hfb.cli.display import duration
from hfb.evaluate.tables import Table, means_by_tag, summarize_run, table_markdown
from hfb.export import atomic_write
from hfb.refine.fitter import Fitter
from hfb.report.curves import LossCurves
from hfb.report.lines import record_line
from hfb.report.page import write_run_page
from hfb.report.tensorboard import log_image
from hfb.structures import BrokenSample

PAGE_EVERY_S = 30.0
"""A page that grows with the run is read now and then, but written with every batch."""


class EvaluationWriter(pl.Callback):
    """Writes what a test finds: a folder a sample, then tables of all.

    Args:
        store: the results of the run.
        table: whose layout the tables have.
        progress: the display.
    """

    def __init__(self, store: ResultStore, table: Table, progress: RunProgress) -> None:
        self.store = store
        self.table = table
        self.progress = progress
        self._console = Console(stderr=True, markup=False)
        self._means: dict[str, float] = {}
        self._is_estimated = False
        self._page_at = -math.inf

    @property
    def root(self) -> Path:
        """Folder of the run."""
        return self.store.root

    def on_test_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin the bar over the batches."""
        self.progress.begin("evaluating batches", int(trainer.num_test_batches[0]))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write what is new of a batch before the next one begins.

        Args:
            trainer: of the run.
            pl_module: whose fitter draws the results.
            outputs: `"outcomes"`: one `Outcome` a sample.
            batch: the samples.
            batch_idx: its number.
            dataloader_idx: unused.
        """
        outcomes: list[Outcome] = outputs["outcomes"] if outputs else []
        for outcome in outcomes:
            if outcome.broken is not None:
                self._note(outcome.broken)
            elif outcome.results:
                self._keep(outcome, pl_module.pipeline().fitter(), pl_module.curves, trainer)
        if trainer.is_global_zero and any(o.broken or o.results for o in outcomes):
            self.write_tables()
            self._write_page(PAGE_EVERY_S)
            if trainer.logger is not None:
                trainer.logger.log_metrics(self._means, len(self.store.records()))
        if any(o.broken or o.results for o in outcomes):
            self.progress.update(batch_idx + 1)
            self._estimate_once(int(trainer.num_test_batches[0]) - batch_idx - 1)
        else:
            self.progress.skip(batch_idx + 1)

    def _estimate_once(self, batches_left: int) -> None:
        """After the first batch that took work, how long the others will take."""
        left = self.progress.seconds_left()
        if not self._is_estimated and left is not None and batches_left:
            self.progress.note(f"about {duration(left)} left for {batches_left} more batches")
            self._is_estimated = True

    def _keep(
        self, outcome: Outcome, fitter: Fitter, curves: LossCurves, trainer: pl.Trainer
    ) -> None:
        record = self.store.write(list(outcome.results), fitter, curves.take(outcome.results[0]))
        if not trainer.is_global_zero:
            return
        self.progress.print(record_line(record))
        if trainer.logger is not None:
            folder = self.root / "samples" / record["sample_id"]
            with Image.open(folder / "comparison.png") as picture:
                pixels = torch.from_numpy(np.asarray(picture.convert("RGB")).copy())
            image = pixels.permute(2, 0, 1).float() / 255
            log_image(trainer.logger, f"test/{record['sample_id']}", image, 0)

    def _note(self, broken: BrokenSample) -> None:
        self.store.write_unusable(broken)
        line = f"{broken.kind}: {broken.sample_id}: {broken.reason}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def write_tables(self) -> str:
        """Compute all means anew from the finished samples; returns the table."""
        records, unusable = self.store.records(), self.store.unusable()
        metrics = summarize_run(records, unusable, self.table)
        table = table_markdown(metrics)
        self._means = means_by_tag(metrics["methods"], "running")
        self.store.write_rows()
        for name, text in (("metrics.json", json.dumps(metrics, indent=1)), ("table.md", table)):
            with atomic_write(self.root / name) as part:
                part.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        return table

    def _write_page(self, every_s: float = 0.0) -> None:
        """Write `report.html`, if it is wanted and the last one is older than `every_s`."""
        if self.store.settings.page and time.monotonic() - self._page_at >= every_s:
            write_run_page(self.root)
            self._page_at = time.monotonic()

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """When all processes are done, one prints what they have written."""
        self.progress.finish()
        self.progress.close()
        if not trainer.is_global_zero:
            return
        table = self.write_tables()
        self._write_page()
        print(table)
        self._console.print(f"results in {self.root}", highlight=False, soft_wrap=True)
        experiment: Any = getattr(trainer.logger, "experiment", None)
        if hasattr(experiment, "add_text"):
            experiment.add_text("test/table", table, len(self.store.records()))
