"""Results of samples on disk, as a prediction leaves them (layout: docs/FORMATS.md)."""

from __future__ import annotations

from pathlib import Path

from hfb.evaluate.records import read_csv, record_of, rows_of, write_csv
from hfb.evaluate.results import SampleResult
from hfb.export import atomic_folder
from hfb.refine.fitter import Fitter
from hfb.report.folder import fill_folder


class SampleFiles:
    """A folder of results: each sample appears whole or not at all, `per_sample.csv` lists all.

    What other runs have left in the folder stays; a sample of the same name is replaced.

    Args:
        root: the folder; made with the first result.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

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
        own, table = rows_of(record_of([result])), self.root / "per_sample.csv"
        others = [row for row in read_csv(table) if row["sample_id"] != own[0]["sample_id"]]
        # Tables of other versions may have other columns.
        write_csv(table, [{name: row.get(name, "") for name in own[0]} for row in [*others, *own]])
