"""The folder of a test: each sample is kept as soon as it is done, the tables follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image

from hfb.app.evaluation import Outcome
from hfb.app.output.result_store import ResultStore
from hfb.app.output.run_writer import RunWriter
from hfb.app.progress import RunProgress
from hfb.evaluate.records import Record
from hfb.evaluate.tables import Table, means_by_tag, summarize_run, table_markdown
from hfb.export import atomic_write
from hfb.report.tensorboard import log_image


class EvaluationWriter(RunWriter, pl.Callback):
    """Writes what a test finds: a folder a sample, then tables of all.

    Args:
        store: the results of the run.
        table: whose layout the tables have.
        progress: the display.
    """

    def __init__(self, store: ResultStore, table: Table, progress: RunProgress) -> None:
        super().__init__(store, progress, "batches")
        self.table = table
        self._means: dict[str, float] = {}

    @property
    def root(self) -> Path:
        """Folder of the run."""
        return self.store.root

    def on_test_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin the bar over the batches."""
        self.begin("evaluating batches", int(trainer.num_test_batches[0]))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write what is new of a batch, or what workers have written of the one before.

        Args:
            trainer: of the run.
            pl_module: whose fitter draws the results.
            outputs: `"outcomes"`: one `Outcome` a sample.
            batch: the samples.
            batch_idx: its number.
            dataloader_idx: unused.
        """
        outcomes: list[Outcome] = outputs["outcomes"] if outputs else []
        kept = self.keep(outcomes, pl_module, trainer.is_global_zero)
        self._follow(kept, trainer, any(o.broken for o in outcomes))
        self.advance(outcomes, batch_idx + 1, int(trainer.num_test_batches[0]))

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Wait for what workers are still writing."""
        self._follow(self.kept(pl_module, trainer.is_global_zero), trainer)

    def _follow(self, kept: list[Record], trainer: pl.Trainer, is_new: bool = False) -> None:
        """Bring log, tables and page up to date."""
        for record in kept:
            self._log(record, trainer)
        if not trainer.is_global_zero or not (kept or is_new):
            return
        self.write_tables()
        if self.is_due():
            self.write_page()
        if trainer.logger is not None:
            trainer.logger.log_metrics(self._means, len(self.store.records()))

    def _log(self, record: Record, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero or trainer.logger is None:
            return
        folder = self.root / "samples" / record["sample_id"]
        with Image.open(folder / "comparison.png") as picture:
            pixels = torch.from_numpy(np.asarray(picture.convert("RGB")).copy())
        image = pixels.permute(2, 0, 1).float() / 255
        log_image(trainer.logger, f"test/{record['sample_id']}", image, 0)

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

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """When all processes are done, one prints what they have written."""
        self.progress.finish()
        self.progress.close()
        if not trainer.is_global_zero:
            return
        table = self.write_tables()
        self.write_page()
        print(table)
        self.console.print(f"results in {self.root}", highlight=False, soft_wrap=True)
        experiment: Any = getattr(trainer.logger, "experiment", None)
        if hasattr(experiment, "add_text"):
            experiment.add_text("test/table", table, len(self.store.records()))
