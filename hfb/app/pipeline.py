"""The one path that all samples take: start, fit, measure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from hfb.app.progress import Watch
from hfb.baselines import BaselineSettings
from hfb.body import SmplBody, load_body
from hfb.evaluate.baselines import Baselines
from hfb.evaluate.methods import BASELINES, Method, settings_of
from hfb.evaluate.metrics_of_fit import first_problem, fitted_frames
from hfb.evaluate.metrics_of_sequence import join_results
from hfb.evaluate.results import FittedFrame, SampleResult
from hfb.evaluate.static_start import evaluate_start
from hfb.files.memory import check_fit_memory
from hfb.init import Initialiser
from hfb.losses import TexelPairs, texel_pairs
from hfb.matte import Matting, OwnMatting
from hfb.prior import (
    BodyPosePrior,
    CoefficientPrior,
    MotionPrior,
    load_pose_prior,
    load_prior_for,
)
from hfb.processors import one_torch_thread
from hfb.refine.fitter import Fitter
from hfb.refine.frames import InitialisedSequence, frames_of, join_frames, with_consistent_starts
from hfb.refine.initialise import initialise_frame
from hfb.refine.problem import RefineProblem
from hfb.refine.recipe.settings import RefineSettings
from hfb.render import RenderSettings
from hfb.structures import BlurSample


class Pipeline:
    """Finds starting poses, fits and measures: what `predict`, `test` and clips do with samples.

    Args:
        initialiser: finds starting poses where a sample brings none.
        settings: the recipe of the optimisation.
        render_settings: how to rasterise.
        body: the body model.
        pose_prior: eq. 6, or None.
        motion_prior: eq. 10, or None.
        baselines: settings of the methods that this one is compared with.
        device: where the fits run; everything else runs on the CPU.
        matting: finds mattes where a sample brings none; our own if None.
    """

    def __init__(
        self,
        initialiser: Initialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body: SmplBody,
        pose_prior: BodyPosePrior | None,
        motion_prior: MotionPrior | CoefficientPrior | None = None,
        baselines: BaselineSettings | None = None,
        device: torch.device | str = "cpu",
        matting: Matting | None = None,
    ) -> None:
        self.initialiser = initialiser
        self.settings = settings
        self.render_settings = render_settings
        self.body = body
        self.pose_prior = pose_prior
        self.motion_prior = motion_prior
        self.baselines = baselines or BaselineSettings()
        self.device = device
        self.matting = matting or OwnMatting()
        self._fitters: dict[str, Fitter] = {}
        self._pairs: TexelPairs | None = None

    @classmethod
    def load(
        cls,
        initialiser: Initialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body_name: str = "free_body",
        pose_prior: str = "mixture",
        motion_prior: str | None = None,
        baselines: BaselineSettings | None = None,
        device: torch.device | str = "cpu",
        matting: Matting | None = None,
    ) -> Pipeline:
        """Load body and priors.

        Args:
            initialiser: finds starting poses where a sample brings none.
            settings: the recipe of the optimisation.
            render_settings: how to rasterise.
            body_name: "free_body", or the path of a SMPL model file.
            pose_prior: name or file of the prior of eq. 6, see `load_pose_prior`.
            motion_prior: file of the prior of eq. 10; the shipped one if None.
            baselines: settings of the methods that this one is compared with.
            device: where the fits run.
            matting: finds mattes where a sample brings none; our own if None.

        Raises:
            InputError: if the fit is too large for the memory.
            AssetNotFoundError: if a file is missing.
            BodyModelError: if the body's file is no body.
        """
        check_fit_memory(settings.image_size, settings.num_subframes, settings.texture_size)
        body = load_body(body_name)
        motions: MotionPrior | CoefficientPrior | None = None
        if settings.needs_motion_prior:
            motions = load_prior_for(settings.parameterization, motion_prior, body.parents)
        prior = load_pose_prior(pose_prior)
        return cls(
            initialiser,
            settings,
            render_settings,
            body,
            prior,
            motions,
            baselines,
            device,
            matting,
        )

    def fitter(self, method: Method = "hfb") -> Fitter:
        """The optimisation with a method's recipe."""
        if method not in self._fitters:
            settings = settings_of(method, self.settings)
            if self._pairs is None and settings.uses_term("texture"):
                body, size = self.body, settings.texture_size
                self._pairs = texel_pairs(
                    body.faces, body.uv, body.faces_uv, size, settings.texel_steps
                )
            self._fitters[method] = Fitter(
                self.body,
                settings,
                self.render_settings,
                self.pose_prior,
                self._pairs,
                self.motion_prior if settings.needs_motion_prior else None,
                self.device,
            )
        return self._fitters[method]

    @one_torch_thread()
    @torch.no_grad()
    def initialise(self, sample: BlurSample) -> InitialisedSequence:
        """Starting poses and matte of each photo of a sample; see `initialise_frame`."""
        sample = sample.to("cpu")  # a loader of somebody else's may have moved it
        photos = frames_of(sample)
        # A single photo takes the file's first estimate, whatever its number.
        numbers: Iterable[int | None] = range(len(photos)) if len(photos) > 1 else [None]
        started = tuple(
            initialise_frame(photo, self.body, self.initialiser, number, self.matting)
            for photo, number in zip(photos, numbers, strict=True)
        )
        return with_consistent_starts(InitialisedSequence(sample, started), self.body)

    def fit(
        self,
        started: Sequence[InitialisedSequence],
        method: Method = "hfb",
        watch: Watch | None = None,
    ) -> list[list[FittedFrame]]:
        """Fit samples together and measure each photo; samples never influence one another.

        Args:
            started: single photos only, or sequences only.
            method: whose recipe.
            watch: progress display, callbacks and logger.

        Returns:
            For each sample its photos, in the order of time.
        """
        watch, fitter = watch or Watch(), self.fitter(method)
        items = [item for sample in started for item in sample.photos]
        begin = time.perf_counter()
        problem, group = join_frames(started, fitter.settings)
        module = fitter.refine(problem, group, watch.callbacks, watch.logger, watch.log_every)
        seconds = time.perf_counter() - begin
        frames = iter(fitted_frames(module, items, fitter, seconds))
        return [[next(frames) for _ in sample.photos] for sample in started]

    @one_torch_thread()
    def run(
        self,
        started: Sequence[InitialisedSequence],
        methods: Sequence[Method] = ("hfb",),
        watch: Watch | None = None,
    ) -> list[list[SampleResult]]:
        """Run methods on samples; the start is measured once and stands beside all of them.

        Args:
            started: the samples with their starting poses, single photos and sequences.
            methods: at least one.
            watch: progress display, callbacks and logger.

        Returns:
            For each sample one result a method.
        """
        watch = watch or Watch()
        results: dict[int, list[SampleResult]] = {}
        for is_single in (True, False):
            rows = [k for k, sample in enumerate(started) if sample.is_single == is_single]
            if rows:
                alike = self._run_alike([started[k] for k in rows], methods, watch)
                results |= dict(zip(rows, alike, strict=True))
        return [results[k] for k in range(len(started))]

    def _run_alike(
        self, samples: list[InitialisedSequence], methods: Sequence[Method], watch: Watch
    ) -> list[list[SampleResult]]:
        watch.progress.begin("measuring the starting pose", len(samples))
        problems = [
            [first_problem(item, self.settings) for item in sample.photos] for sample in samples
        ]
        starts = []
        for number, (sample, own) in enumerate(zip(samples, problems, strict=True), 1):
            starts.append(self._start(sample, own))
            watch.progress.update(number)
        by_method = [
            self._by_method(method, samples, starts, problems, watch) for method in methods
        ]
        return [list(own) for own in zip(*by_method, strict=True)]

    @torch.no_grad()
    def _start(self, sample: InitialisedSequence, problems: list[RefineProblem]) -> SampleResult:
        """The static starting poses of a sample, measured."""
        photos = [
            evaluate_start(item, problem, self.fitter())
            for item, problem in zip(sample.photos, problems, strict=True)
        ]
        return self._joined(sample, photos)

    def _by_method(
        self,
        method: Method,
        samples: list[InitialisedSequence],
        starts: list[SampleResult],
        problems: list[list[RefineProblem]],
        watch: Watch,
    ) -> list[SampleResult]:
        """One result a sample."""
        if method == "static":
            return starts
        if method in BASELINES:
            baselines = Baselines(self.baselines, self.initialiser, self.fitter())
            return [
                baselines.evaluate(method, start, problem)
                for start, problem in zip(starts, problems, strict=True)
            ]
        fitted = self.fit(samples, method, watch)
        return [
            self._joined(
                sample,
                [
                    replace(first, method=method, **vars(frame))
                    for first, frame in zip(start.photos or (start,), frames, strict=True)
                ],
            )
            for sample, start, frames in zip(samples, starts, fitted, strict=True)
        ]

    def _joined(self, sample: InitialisedSequence, photos: list[SampleResult]) -> SampleResult:
        """One result of a sample out of one a photo."""
        return join_results(sample.sample, photos, self.body, self.settings.gap_fraction)
