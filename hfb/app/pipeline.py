"""What happens to samples between reading and writing: start, refine, measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from hfb.app.result_store import non_finite_metrics
from hfb.baselines import BaselineSettings
from hfb.body import SmplBody, load_body
from hfb.errors import HfbError, NoPersonError
from hfb.evaluate.baselines import Baselines
from hfb.evaluate.methods import BASELINES, Method, settings_of
from hfb.evaluate.metrics_of_fit import SampleResult, evaluate_start, metrics_of, with_last_matte
from hfb.evaluate.metrics_of_sequence import join_results
from hfb.fit.fitter import Fitter
from hfb.fit.frames import InitialisedSequence, frames_of, join_frames
from hfb.fit.initialise import InitialisedFrame, initialise_frame
from hfb.fit.module import RefineModule
from hfb.fit.problem import RefineProblem, build_problem
from hfb.fit.result import refinements_of
from hfb.fit.sequence.viterbi import select_consistent_hypotheses
from hfb.fit.settings import RefineSettings
from hfb.init import BlazePoseInitialiser
from hfb.losses import TexelPairs, texel_pairs
from hfb.prior import (
    MixturePosePrior,
    MotionPrior,
    PosePriorName,
    load_motion_prior,
    load_pose_prior,
)
from hfb.render import RenderSettings
from hfb.structures import BlurSample, BrokenSample

OnStep = Callable[[RefineModule, int], None]


class Pipeline:
    """The tools of a run and what is done with them.

    Args:
        initialiser: finds starting poses where a sample brings none.
        settings: the recipe of the optimisation.
        render_settings: how to rasterise.
        body: the body model.
        pose_prior: eq. 6, or None.
        motion_prior: eq. 10, or None.
        baselines: settings of the methods that this one is compared with.
    """

    def __init__(
        self,
        initialiser: BlazePoseInitialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body: SmplBody,
        pose_prior: MixturePosePrior | None,
        motion_prior: MotionPrior | None = None,
        baselines: BaselineSettings | None = None,
    ) -> None:
        self.initialiser = initialiser
        self.settings = settings
        self.render_settings = render_settings
        self.body = body
        self.pose_prior = pose_prior
        self.motion_prior = motion_prior
        self.baselines = baselines or BaselineSettings()
        self._fitters: dict[str, Fitter] = {}
        self._pairs: TexelPairs | None = None

    @classmethod
    def load(
        cls,
        initialiser: BlazePoseInitialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body_name: str,
        pose_prior: PosePriorName,
        device: torch.device,
        motion_prior: str | None = None,
        baselines: BaselineSettings | None = None,
    ) -> Pipeline:
        """Load body and priors.

        Raises:
            AssetNotFoundError: if the body's file is missing.
            BodyModelError: if it is no body.
        """
        body = load_body(body_name).to(device)
        prior = load_pose_prior(pose_prior)
        prior = None if prior is None else prior.to(device)
        motions: MotionPrior | None = None
        if settings.needs_motion_prior:
            motions = load_motion_prior(motion_prior, parents=body.parents).to(device)
        return cls(initialiser, settings, render_settings, body, prior, motions, baselines)

    def fitter(self, method: Method = "hfb") -> Fitter:
        """The tools with a method's recipe."""
        if method not in self._fitters:
            settings = settings_of(method, self.settings)
            if self._pairs is None and settings.uses_term("texture"):
                body, size = self.body, settings.texture_size
                self._pairs = texel_pairs(body.faces, body.uv, body.faces_uv, size)
            self._fitters[method] = Fitter(
                self.body,
                settings,
                self.render_settings,
                self.pose_prior,
                self._pairs,
                self.motion_prior if settings.needs_motion_prior else None,
            )
        return self._fitters[method]

    def start(self, sample: BlurSample) -> InitialisedSequence:
        """Starting poses and matte of each photo of a sample; see `initialise_frame`."""
        photos = frames_of(sample)
        if len(photos) == 1:
            frames: list[int | None] = [None]  # the file's first
        else:
            frames = list(range(len(photos)))
        started = [
            initialise_frame(photo, self.body, self.initialiser, frame)
            for photo, frame in zip(photos, frames, strict=True)
        ]
        if len(started) > 1:
            estimates = [photo.estimate for photo in started]
            agreed = select_consistent_hypotheses(estimates, sample.exposure, self.body)
            started = [replace(p, estimate=e) for p, e in zip(started, agreed, strict=True)]
        return InitialisedSequence(sample, tuple(started))

    def refine(
        self, started: list[InitialisedSequence], method: Method, on_step: OnStep | None = None
    ) -> RefineModule:
        """Refine all starts of all samples; the result has one problem a photo.

        Args:
            started: single photos only, or sequences only.
            method: whose recipe.
            on_step: called after every step.
        """
        problem, group, _ = join_frames(started, self.settings)
        return self.fitter(method).refine(problem, group, on_step)

    @torch.no_grad()
    def evaluate(
        self, samples: list[BlurSample], methods: list[Method]
    ) -> list[list[SampleResult] | BrokenSample]:
        """Run methods on a batch of samples; a sample that fails does not stop the others.

        Args:
            samples: the batch.
            methods: at least one.

        Returns:
            For each sample one result a method, or why there is none.
        """
        outcome: dict[int, list[SampleResult] | BrokenSample] = {}
        started: dict[int, InitialisedSequence] = {}
        for k, sample in enumerate(samples):
            try:
                started[k] = self.start(sample)
            except Exception as error:
                outcome[k] = unusable(sample.sample_id, error)
        for is_single in (True, False):
            alike = {k: v for k, v in started.items() if (len(v) == 1) == is_single}
            outcome |= self._evaluate_started(alike, methods)
        return [outcome[k] for k in range(len(samples))]

    def _evaluate_started(
        self, started: dict[int, InitialisedSequence], methods: list[Method]
    ) -> dict[int, list[SampleResult] | BrokenSample]:
        if not started:
            return {}
        items = list(started.values())
        try:
            results = self._results(items, methods)
        except Exception as error:
            if len(items) > 1:  # one of them: the others shall not suffer
                parts = [self._evaluate_started({k: v}, methods) for k, v in started.items()]
                return {k: v for part in parts for k, v in part.items()}
            return {k: unusable(v.sample.sample_id, error) for k, v in started.items()}
        outcome: dict[int, list[SampleResult] | BrokenSample] = {}
        for k, own in zip(started, results, strict=True):
            faulty = non_finite_metrics(own)
            outcome[k] = own
            if faulty:
                name = own[0].item.sample.sample_id
                outcome[k] = BrokenSample(name, f"not finite: {', '.join(faulty)}", "failed")
        return outcome

    def _results(
        self, samples: list[InitialisedSequence], methods: list[Method]
    ) -> list[list[SampleResult]]:
        """Results of each sample; the start is measured once and stands beside all methods.

        All are measured on the same crop with the first matte: one found again with the help of a
        fitted body would favour that body.
        """
        problems = [[self._first_problem(item) for item in sample.photos] for sample in samples]
        starts = [self._start_result(*own) for own in zip(samples, problems, strict=True)]
        results: list[list[SampleResult]] = [[] for _ in samples]
        for method in methods:
            if method == "static":
                for own, start in zip(results, starts, strict=True):
                    own.append(start)
                continue
            if method in BASELINES:
                for own, start, problem in zip(results, starts, problems, strict=True):
                    own.append(self._competitors().evaluate(method, start, problem))
                continue
            refined = self._refined(samples, starts, problems, method)
            for own, result in zip(results, refined, strict=True):
                own.append(result)
        return results

    def _start_result(
        self, sample: InitialisedSequence, problems: list[RefineProblem]
    ) -> SampleResult:
        """The static starting poses of a sample, measured."""
        fitter = self.fitter()
        photos = [
            evaluate_start(item, problem, fitter)
            for item, problem in zip(sample.photos, problems, strict=True)
        ]
        return self.join([sample], photos)[0]

    def _refined(
        self,
        samples: list[InitialisedSequence],
        starts: list[SampleResult],
        problems: list[list[RefineProblem]],
        method: Method,
    ) -> list[SampleResult]:
        """Refine a batch and measure each photo; the start's figures stand beside."""
        fitter = self.fitter(method)
        items = [item for sample in samples for item in sample.photos]
        begin = time.perf_counter()
        module = self.refine(samples, method)
        seconds = (time.perf_counter() - begin) / len(items)
        refinements = refinements_of(module, [item.camera for item in items])
        first = [photo for start in starts for photo in start.photos or (start,)]
        crops = [problem for own in problems for problem in own]
        photos = []
        for row, (start, problem) in enumerate(zip(first, crops, strict=True)):
            fitted = module.problem.select(torch.tensor([row]))
            photos.append(
                replace(
                    start,
                    item=with_last_matte(start.item, fitted, self.settings.crop_margin),
                    refinement=refinements[row],
                    metrics=metrics_of(refinements[row], start.item, problem, fitter),
                    seconds=seconds,
                    method=method,
                )
            )
        return self.join(samples, photos)

    def join(
        self, samples: list[InitialisedSequence], photos: list[SampleResult]
    ) -> list[SampleResult]:
        """One result a sample out of one a photo, in order."""
        share, rest = self.settings.gap_fraction, iter(photos)
        return [
            join_results(sample.sample, [next(rest) for _ in sample.photos], self.body, share)
            for sample in samples
        ]

    def _competitors(self) -> Baselines:
        return Baselines(self.baselines, self.initialiser, self.fitter())

    def _first_problem(self, item: InitialisedFrame) -> RefineProblem:
        settings = self.settings
        return build_problem(
            item.sample, item.estimate, item.alpha, settings.image_size, settings.crop_margin
        )


def unusable(sample_id: str, error: Exception) -> BrokenSample:
    """Why a sample has no result, in one line: its own fault, or the method's."""
    is_its_fault = isinstance(error, HfbError) and not isinstance(error, NoPersonError)
    text = str(error) if isinstance(error, HfbError) else f"{type(error).__name__}: {error}"
    return BrokenSample(sample_id, " ".join(text.split()), "broken" if is_its_fault else "failed")
