"""A run over a data set: each sample is kept as soon as it is done, the tables follow."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from rich.console import Console

from hfb.app.pipeline import Pipeline
from hfb.app.progress import RunProgress
from hfb.app.result_store import Record, ResultStore
from hfb.evaluate.methods import Method
from hfb.evaluate.metrics_of_fit import SampleResult
from hfb.evaluate.tables import Table, summarize_run, table_markdown
from hfb.export import atomic_write
from hfb.report.tensorboard import EvaluationLogger
from hfb.structures import BlurSample, BrokenSample


class EvaluationRun:
    """Evaluates batches and keeps results and tables on disk.

    Args:
        root: the folder of the run.
        methods: what to evaluate.
        table: whose layout the tables have.
        is_main: whether this process writes the tables (one does).
        show_progress: draw a progress bar.
        use_tensorboard: write TensorBoard events.
        inputs: folders of other programs' files, see `ResultStore`.
    """

    def __init__(
        self,
        root: Path,
        methods: list[Method],
        table: Table,
        is_main: bool = True,
        show_progress: bool = True,
        use_tensorboard: bool = True,
        inputs: list[Path] | None = None,
    ) -> None:
        self.store = ResultStore(root, inputs)
        self.methods = methods
        self.table = table
        self.is_main = is_main
        self.progress = RunProgress(show_progress and is_main)
        self.logger = EvaluationLogger(root / "tensorboard", use_tensorboard and is_main)
        self._console = Console(stderr=True)
        self._threads = torch.get_num_threads()

    def begin(self, config_text: str, num_batches: int) -> None:
        """Open the folder.

        Raises:
            InputError: if it holds results of another configuration.
        """
        self.store.open(config_text)
        # Sums in the same order whatever the number of processes and processors.
        torch.set_num_threads(1)
        self.progress.__enter__()
        self.progress.begin("evaluating batches", num_batches)

    def step(self, batch: list[BlurSample | BrokenSample], number: int, pipeline: Pipeline) -> None:
        """Evaluate what of a batch is not finished yet.

        A batch is always refined as a whole: sums over its sub-frames are shared out to threads, so
        a sample's last digits depend on who else is in its batch.
        """
        for item in batch:
            if isinstance(item, BrokenSample):
                self._note(item)
        samples = [item for item in batch if isinstance(item, BlurSample)]
        waiting = {s.sample_id for s in samples if not self.store.is_finished(s)}
        if waiting:
            outcome = pipeline.evaluate(samples, self.methods)
            for sample, result in zip(samples, outcome, strict=True):
                if isinstance(result, BrokenSample):
                    self._note(result)
                elif sample.sample_id in waiting:
                    self._keep(result, pipeline)
        if self.is_main and (waiting or len(samples) < len(batch)):
            self.write_tables()
        self.progress.update(number)

    def _keep(self, results: list[SampleResult], pipeline: Pipeline) -> None:
        record = self.store.write(results, pipeline.fitter())
        if self.is_main:
            self.progress.console.print(result_line(record), highlight=False)
            folder = self.store.root / "samples" / record["sample_id"]
            self.logger.log_picture(record["sample_id"], folder / "comparison.png")

    def _note(self, broken: BrokenSample) -> None:
        self.store.write_unusable(broken)
        self._console.print(
            f"{broken.kind}: {broken.sample_id}: {broken.reason}", highlight=False, soft_wrap=True
        )

    def write_tables(self) -> str:
        """Compute all means anew from the finished samples; returns the table."""
        records, unusable = self.store.records(), self.store.unusable()
        metrics = summarize_run(records, unusable, self.table)
        table = table_markdown(metrics)
        self.store.write_rows()
        for name, text in (("metrics.json", json.dumps(metrics, indent=1)), ("table.md", table)):
            with atomic_write(self.store.root / name) as part:
                part.write_text(text.rstrip("\n") + "\n")
        self.logger.log_means(metrics, table)
        return table

    def end(self) -> int:
        """Close everything and print the table; returns how many samples could not be used."""
        self.progress.finish()
        self.progress.__exit__(None, None, None)
        torch.set_num_threads(self._threads)
        count = len(self.store.unusable())
        if self.is_main:
            print(self.write_tables())
            self._console.print(f"results in {self.store.root}", highlight=False)
        self.logger.close()
        return count


def result_line(record: Record) -> str:
    """One line about a finished sample."""
    start = record["initial"]
    parts = []
    for method, metrics in record["methods"].items():
        if metrics["mpjpe_best_direction_mm"] is None:
            text = f"{start['reblur_psnr_db']:.1f} -> {metrics['reblur_psnr_db']:.1f} dB"
        else:
            text = (
                f"{start['mpjpe_best_direction_mm']:.0f} -> "
                f"{metrics['mpjpe_best_direction_mm']:.0f} mm"
            )
        if metrics["iou_best_direction"] is not None:
            text += (
                f", IoU {start['iou_best_direction']:.2f} -> {metrics['iou_best_direction']:.2f}"
            )
        parts.append(f"{method} {text} ({metrics['seconds']:.1f} s)")
    return f"{record['sample_id']}: {'; '.join(parts)}"
