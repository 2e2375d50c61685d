"""The folder of a result, whatever made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hfb.evaluate.pose_sequences import PoseSequence
from hfb.evaluate.results import SampleResult
from hfb.evaluate.trust.warnings import verdicts_of
from hfb.export import write_image
from hfb.refine.fitter import Fitter
from hfb.report.curves import Curves
from hfb.report.page import PEOPLE_NAME, sample_card, write_card
from hfb.report.settings import ReportSettings
from hfb.report.sureness_file import write_sureness
from hfb.report.write_baseline import fill_object_folder, fill_pose_sequence_folder
from hfb.report.write_frame import fill_frame_folder
from hfb.report.write_sequence import fill_sequence_folder


def fill_folder(
    folder: Path,
    result: SampleResult,
    fitter: Fitter,
    settings: ReportSettings | None = None,
    curves: Sequence[Curves] | None = None,
) -> None:
    """Write the files of one result into a folder.

    Args:
        folder: exists and is empty.
        result: what a method found for a sample.
        fitter: the tools of the run.
        settings: which files; by default those of `ReportSettings`.
        curves: of the fit, one a photo, for the page; None: the page does not show the result.
    """
    settings = settings or ReportSettings()
    if result.object_estimate is not None:
        fill_object_folder(folder, result)
    elif isinstance(result.refinement, PoseSequence):
        fill_pose_sequence_folder(folder, result, fitter, settings)
    elif result.photos:
        fill_sequence_folder(folder, result, fitter, settings)
    else:
        fill_frame_folder(folder, result, fitter, settings)
    write_sureness(folder, verdicts_of(result))
    chosen = result.item.sample.chosen
    if chosen is not None:
        write_image(folder / PEOPLE_NAME, chosen.picture)
    if settings.page and curves is not None:
        write_card(folder, sample_card(result, fitter, curves))
