"""Results of samples on disk, as a prediction leaves them (layout: docs/FORMATS.md)."""

from __future__ import annotations

from pathlib import Path

from hfb.evaluate.records import record_of, rows_of, write_csv
from hfb.evaluate.results import SampleResult
from hfb.export import atomic_folder
from hfb.refine.fitter import Fitter
from hfb.report.folder import fill_folder


class SampleFiles:
    """A folder of results: each sample appears whole or not at all, `per_sample.csv` lists all.

    Args:
        root: the folder; made with the first result.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rows: list[dict[str, str]] = []

    def write(self, result: SampleResult, fitter: Fitter) -> None:
        """Write the files of a sample and its row.

        Args:
            result: what was found.
            fitter: the tools of the run.

        Raises:
            InputError: if the folder cannot be written.
        """
        with atomic_folder(self.root / "samples" / result.item.sample.sample_id) as folder:
            fill_folder(folder, result, fitter)
        self._rows += rows_of(record_of([result]))
        write_csv(self.root / "per_sample.csv", self._rows)
