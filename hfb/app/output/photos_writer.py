"""The folder of a prediction of many photos: each is kept as soon as it is done, one table."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import pytorch_lightning as pl
import torch

from hfb.app.evaluation import Outcome
from hfb.app.output.result_store import ResultStore
from hfb.app.output.run_writer import RunWriter
from hfb.app.progress import RunProgress
from hfb.cli.display import duration
from hfb.evaluate.records import write_csv
from hfb.evaluate.states import PhotoState, rows_of_photos
from hfb.unread import UnreadSample


class PhotosWriter(RunWriter):
    """Writes what is found in a folder of photos.

    Args:
        store: the results of the run.
        progress: the display.
    """

    def __init__(self, store: ResultStore, progress: RunProgress) -> None:
        super().__init__(store, progress, "photos")
        self._names: tuple[str, ...] | None = None
        self._began = 0.0
        self._num_new = 0
        self.states: Counter[str] = Counter()

    @property
    def num_unusable(self) -> int:
        """Photos without a result that could be used."""
        return self.states.total() - self.states["done"]

    def open(self, batch: Sequence[Any], trainer: pl.Trainer, config_text: str) -> None:
        """Begin with the first batch that there is, or go on.

        Args:
            batch: of unread samples; another is none of this writer's.
            trainer: of the run.
            config_text: the resolved configuration, as YAML.

        Raises:
            InputError: if the folder holds results of another configuration.
        """
        if self._names is not None or not batch or not isinstance(batch[0], UnreadSample):
            return
        self.store.open(config_text)
        self._names, self._began = batch[0].names, time.monotonic()
        if trainer.is_global_zero:
            self.store.keep_notes_of(self._names)
        self.begin("refining photos", len(self._names))

    def take(
        self, outcomes: Sequence[Outcome], trainer: pl.Trainer, module: Any, batch_idx: int
    ) -> None:
        """Write a batch, or what workers have written of the one before.

        Args:
            outcomes: of its photos.
            trainer: of the run.
            module: whose fitter draws the results.
            batch_idx: its number.
        """
        kept = self.keep(outcomes, module, trainer.is_global_zero)
        self._num_new += len(kept)
        is_new = bool(kept) or any(o.broken for o in outcomes)
        if trainer.is_global_zero and is_new and self.is_due():
            self._write_all()
        self.advance(outcomes, batch_idx + 1, int(trainer.num_predict_batches[0]))

    def finish(self, trainer: pl.Trainer, module: Any) -> None:
        """Wait for workers and all processes; one writes and says what they have done.

        Args:
            trainer: of the run.
            module: of this process.
        """
        self._num_new += len(self.kept(module, trainer.is_global_zero))
        own = torch.tensor(self._num_new, device=module.device)
        num_new = trainer.strategy.reduce(own, reduce_op="sum")
        if self._names is None or not trainer.is_global_zero:
            return
        self.progress.finish()
        self.progress.close()
        self._write_all()
        for line in self._lines(int(num_new), trainer.world_size):
            self.progress.print(line)

    def _write_all(self) -> None:
        """The table of all photos, and the page."""
        assert self._names is not None, "begun"
        wanted = set(self._names)
        rows = rows_of_photos(
            [record for record in self.store.records() if record["sample_id"] in wanted],
            [broken for broken in self.store.unusable() if broken.sample_id in wanted],
        )
        self.states = Counter(row["state"] for row in rows)
        if rows:
            write_csv(self.store.root / "per_sample.csv", rows)
        self.write_page()

    def _lines(self, num_new: int, num_processes: int) -> list[str]:
        """What a person wants to read after a run."""
        assert self._names is not None, "begun"
        counts = ", ".join(f"{self.states[s]} {s}" for s in get_args(PhotoState) if self.states[s])
        seconds = time.monotonic() - self._began
        by = f" by {num_processes} processes" if num_processes > 1 else ""
        pace = "nothing was left to refine"
        if num_new:
            pace = (
                f"{num_new} refined now in {duration(seconds)}{by}: "
                f"{3600 * num_new / seconds:.0f} photos an hour"
            )
        return [
            f"{len(self._names)} photos: {counts}",
            pace,
            f"results in {self.store.root}",
        ]
