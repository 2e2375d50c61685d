"""The methods that ours is compared with, on the same samples."""

from __future__ import annotations

import time

from hfb.baselines import BaselineSettings, read_external
from hfb.evaluate.methods import OBJECT_METHODS, Method
from hfb.evaluate.object_methods import evaluate_object
from hfb.evaluate.pose_sequences import (
    evaluate_pose_sequences,
    interpolated_starts,
)
from hfb.evaluate.results import SampleResult
from hfb.init import Initialiser
from hfb.refine.fitter import Fitter
from hfb.refine.problem import RefineProblem


class Baselines:
    """Runs and measures them.

    Args:
        settings: theirs.
        initialiser: estimates the pose in restored sub-frames.
        fitter: the tools of the run.
    """

    def __init__(
        self, settings: BaselineSettings, initialiser: Initialiser, fitter: Fitter
    ) -> None:
        self.settings = settings
        self.initialiser = initialiser
        self.fitter = fitter

    def evaluate(
        self, method: Method, start: SampleResult, problems: list[RefineProblem]
    ) -> SampleResult:
        """One method on one sample.

        Args:
            method: one of `BASELINES`.
            start: the sample with the static start's metrics, which stand beside.
            problems: the crop of each photo that all methods are measured on.

        Raises:
            InputError: if the folder of `external` has no usable results.
        """
        if method in OBJECT_METHODS:
            return evaluate_object(method, start, problems, self.settings, self.fitter)
        begin = time.perf_counter()
        if method == "interpolated":
            estimates = interpolated_starts(start)
        else:
            root, sample = self.settings.external, start.item.sample
            assert root is not None, "whoever offers the method has looked"
            estimates = read_external(root, sample, self.fitter.body, self.initialiser)
        seconds = time.perf_counter() - begin
        return evaluate_pose_sequences(method, start, problems, estimates, self.fitter, seconds)
