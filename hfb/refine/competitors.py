"""The methods that ours is compared with, on the same samples."""

from __future__ import annotations

import time
from pathlib import Path

from hfb.baselines import BaselineSettings, read_external
from hfb.errors import InputError
from hfb.init import BlazePoseInitialiser
from hfb.refine.evaluation import SampleResult
from hfb.refine.methods import OBJECT_METHODS, Method
from hfb.refine.object_evaluation import evaluate_object, fill_object_folder
from hfb.refine.problem import RefineProblem
from hfb.refine.runner import Refiner
from hfb.refine.tracks import (
    TrackRefinement,
    evaluate_tracks,
    fill_track_folder,
    interpolated_tracks,
)


class Competitors:
    """Runs and measures them.

    Args:
        settings: theirs.
        initialiser: estimates the pose in restored sub-frames.
        refiner: the tools of the run.
    """

    def __init__(
        self, settings: BaselineSettings, initialiser: BlazePoseInitialiser, refiner: Refiner
    ) -> None:
        self.settings = settings
        self.initialiser = initialiser
        self.refiner = refiner

    def evaluate(
        self, method: Method, start: SampleResult, problems: list[RefineProblem]
    ) -> SampleResult:
        """One method on one sample.

        Args:
            method: one of `COMPETITORS`.
            start: the sample with the static start's figures, which stand beside.
            problems: the crop of each photo that all methods are measured on.

        Raises:
            InputError: if `external` has no folder, or no usable results in it.
        """
        if method in OBJECT_METHODS:
            return evaluate_object(method, start, problems, self.settings, self.refiner)
        begin = time.perf_counter()
        if method == "interpolated":
            estimates = interpolated_tracks(start)
        else:
            root = self.settings.external
            if root is None:
                raise InputError(
                    "the method external needs --model.baselines.external: the folder with the "
                    "other program's results"
                )
            sample = start.item.sample
            estimates = read_external(root, sample, self.refiner.body, self.initialiser)
        seconds = time.perf_counter() - begin
        return evaluate_tracks(method, start, problems, estimates, self.refiner, seconds)


def fill_competitor_folder(folder: Path, result: SampleResult, refiner: Refiner) -> bool:
    """Write the files of a competitor's result; false where the result is none of a competitor.

    Args:
        folder: exists and is empty.
        result: of any method.
        refiner: the tools of the run.
    """
    if result.object_estimate is not None:
        fill_object_folder(folder, result)
        return True
    if isinstance(result.refinement, TrackRefinement):
        fill_track_folder(folder, result, refiner)
        return True
    return False
