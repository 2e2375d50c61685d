"""What runs over many samples write while they go on: each sample, notes, the page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from hfb.app.evaluation import Outcome
from hfb.app.output.result_store import ResultStore
from hfb.app.progress import RunProgress
from hfb.cli.display import duration
from hfb.evaluate.records import Record
from hfb.report.curves import Curves
from hfb.report.lines import record_line
from hfb.report.page import write_run_page
from hfb.structures import BrokenSample

Written = Callable[[], Record | None]
EVERY_S = 30.0
"""Files about all samples are read now and then, but grow with every batch."""


class RunWriter:
    """Keeps the outcomes of batches as they come.

    Args:
        store: the results of the run.
        progress: the display.
        word: what the bar counts.
    """

    def __init__(self, store: ResultStore, progress: RunProgress, word: str = "batches") -> None:
        self.store = store
        self.progress = progress
        self.console = Console(stderr=True, markup=False)
        self._word = word
        self._total = 0
        self._is_estimated = False
        self._page_at = -math.inf
        self._being_written: list[tuple[Outcome, list[Curves], Written]] = []

    def begin(self, description: str, total: int) -> None:
        """Begin the bar.

        Args:
            description: of the work.
            total: what it counts up to.
        """
        self._total = total
        self.progress.begin(description, total)

    def keep(self, outcomes: Sequence[Outcome], module: Any, is_main: bool) -> list[Record]:
        """Write what is new of a batch, or let a worker do it while the next one is fitted.

        Args:
            outcomes: of its samples.
            module: whose fitter draws the results, and whose workers write them.
            is_main: whether this is the process that speaks.

        Returns:
            The records of samples that have been written: of this batch, or of the one before.
        """
        records = self.kept(module, is_main)
        for outcome in outcomes:
            if outcome.broken is not None:
                self._note(outcome.broken)
            elif outcome.results:
                curves = module.curves.take(outcome.results[0])
                given = (list(outcome.results), curves, outcome.digest)
                being_written = module.ahead.write(*given)
                if being_written is None:
                    records.append(self._write(outcome, curves, module, is_main))
                else:
                    self._being_written.append((outcome, curves, being_written))
        return records

    def kept(self, module: Any, is_main: bool) -> list[Record]:
        """Wait for what workers are writing.

        Args:
            module: see `keep`.
            is_main: see `keep`.

        Returns:
            The records.
        """
        records = []
        while self._being_written:
            outcome, curves, being_written = self._being_written.pop(0)
            record = being_written()
            if record is None:
                record = self._write(outcome, curves, module, is_main)
            else:
                self.store.take(record)
                self._say(record, is_main)
            records.append(record)
        return records

    def _write(self, outcome: Outcome, curves: list[Curves], module: Any, is_main: bool) -> Record:
        fitter = module.pipeline().fitter()
        record = self.store.write(list(outcome.results), fitter, curves, outcome.digest)
        self._say(record, is_main)
        return record

    def _say(self, record: Record, is_main: bool) -> None:
        if is_main:
            self.progress.print(record_line(record))

    def _note(self, broken: BrokenSample) -> None:
        self.store.write_unusable(broken)
        line = f"{broken.kind}: {broken.sample_id}: {broken.reason}"
        self.console.print(line, highlight=False, soft_wrap=True)

    def advance(self, outcomes: Sequence[Outcome], finished: int, batches: int) -> None:
        """Set how far the run is; after the first batch that took work say what the rest takes.

        What was there already, or could not be read before anything was refined, tells no pace.

        Args:
            outcomes: of the last batch.
            finished: batches of this process.
            batches: all of this process.
        """
        done = self._total * finished / batches
        is_new = any(o.results or (o.broken and self._is_estimated) for o in outcomes)
        if not is_new:
            self.progress.skip(done)
            return
        self.progress.update(done)
        left, more = self.progress.seconds_left(), round(self._total - done)
        if not self._is_estimated and left is not None and more:
            self.progress.note(f"about {duration(left)} left for {more} more {self._word}")
            self._is_estimated = True

    def is_due(self) -> bool:
        """Whether what is about all samples is older than some seconds."""
        return time.monotonic() - self._page_at >= EVERY_S

    def write_page(self) -> None:
        """Write `report.html`, if it is wanted."""
        if self.store.settings.page:
            write_run_page(self.store.root)
        self._page_at = time.monotonic()
