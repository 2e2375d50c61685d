"""Results of samples on disk, as a prediction leaves them (layout: docs/FORMATS.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hfb.evaluate.records import read_csv, record_of, rows_of, write_csv
from hfb.evaluate.results import SampleResult
from hfb.refine.fitter import Fitter
from hfb.report.curves import Curves
from hfb.report.folder import fill_folder
from hfb.report.page import write_run_page
from hfb.report.settings import ReportSettings
from hfb.storage import atomic_folder, folder_lock

TABLE_LOCK = ".table.lock"


class SampleFiles:
    """A folder of results: each sample appears whole or not at all, `per_sample.csv` lists all.

    What other runs have left in the folder stays; a sample of the same name is replaced.

    Args:
        root: the folder; made with the first result.
        say: told of samples that are replaced.
        settings: which files a result has.
    """

    def __init__(
        self,
        root: Path,
        say: Callable[[str], None] | None = None,
        settings: ReportSettings | None = None,
    ) -> None:
        self.root = root
        self.say = say
        self.settings = settings or ReportSettings()

    def write(self, result: SampleResult, fitter: Fitter, curves: Sequence[Curves] = ()) -> None:
        """Write the files of a sample and its row.

        Args:
            result: what was found.
            fitter: the tools of the run.
            curves: of its fit, one a photo.

        Raises:
            InputError: if the folder cannot be written.
        """
        place = self.root / "samples" / result.item.sample.sample_id
        if place.is_dir() and self.say is not None:
            self.say(f"{place} was there already and is replaced")
        with atomic_folder(place) as folder:
            fill_folder(folder, result, fitter, self.settings, curves)
        own, table = rows_of(record_of([result])), self.root / "per_sample.csv"
        # Others may write to the folder at the same time: `Fit.save`, processes of the same run.
        with folder_lock(self.root, on_wait=lambda holder: None, name=TABLE_LOCK):
            others = [row for row in read_csv(table) if row["sample_id"] != own[0]["sample_id"]]
            # Tables of other versions may have other columns.
            rows = [{name: row.get(name) or "" for name in own[0]} for row in [*others, *own]]
            write_csv(table, rows)

    def write_page(self) -> None:
        """Write `report.html` of all results, if it is wanted.

        Raises:
            InputError: if the folder cannot be written.
        """
        if self.settings.page:
            with folder_lock(self.root, on_wait=lambda holder: None, name=TABLE_LOCK):
                write_run_page(self.root)
