"""What happens to samples between reading and writing: start, refine, measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from hfb.body import SmplBody, load_body
from hfb.errors import HfbError, NoPersonError
from hfb.init import BlazePoseInitialiser
from hfb.losses import TexelPairs, texel_pairs
from hfb.prior import MixturePosePrior, MotionPrior, load_motion_prior
from hfb.refine.evaluation import SampleResult, evaluate_start, figures_of, with_last_matte
from hfb.refine.methods import Method, settings_of
from hfb.refine.module import RefineModule
from hfb.refine.problem import RefineProblem, build_problem, join_problems
from hfb.refine.results import refinements_of
from hfb.refine.runner import Refiner
from hfb.refine.settings import RefineSettings
from hfb.refine.start import StartedSample, start_sample
from hfb.refine.store import faulty_figures
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
    """

    def __init__(
        self,
        initialiser: BlazePoseInitialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body: SmplBody,
        pose_prior: MixturePosePrior | None,
        motion_prior: MotionPrior | None = None,
    ) -> None:
        self.initialiser = initialiser
        self.settings = settings
        self.render_settings = render_settings
        self.body = body
        self.pose_prior = pose_prior
        self.motion_prior = motion_prior
        self._refiners: dict[str, Refiner] = {}
        self._pairs: TexelPairs | None = None

    @classmethod
    def load(
        cls,
        initialiser: BlazePoseInitialiser,
        settings: RefineSettings,
        render_settings: RenderSettings,
        body_name: str,
        use_pose_prior: bool,
        device: torch.device,
        motion_prior: str | None = None,
    ) -> Pipeline:
        """Load body and priors.

        Raises:
            AssetNotFoundError: if the body's file is missing.
            BodyModelError: if it is no body.
        """
        body = load_body(body_name).to(device)
        prior = MixturePosePrior().to(device) if use_pose_prior else None
        motions: MotionPrior | None = None
        if settings.needs_motion_prior:
            motions = load_motion_prior(motion_prior, parents=body.parents).to(device)
        return cls(initialiser, settings, render_settings, body, prior, motions)

    def refiner(self, method: Method = "hfb") -> Refiner:
        """The tools with a method's recipe."""
        if method not in self._refiners:
            settings = settings_of(method, self.settings)
            if self._pairs is None and any(s.weights.texture for s in settings.stages):
                body, size = self.body, settings.texture_size
                self._pairs = texel_pairs(body.faces, body.uv, body.faces_uv, size)
            self._refiners[method] = Refiner(
                self.body,
                settings,
                self.render_settings,
                self.pose_prior,
                self._pairs,
                self.motion_prior if settings.needs_motion_prior else None,
            )
        return self._refiners[method]

    def start(self, sample: BlurSample) -> StartedSample:
        """Starting poses and matte of one sample; see `start_sample`."""
        return start_sample(sample, self.body, self.initialiser)

    def refine(
        self, started: list[StartedSample], method: Method, on_step: OnStep | None = None
    ) -> RefineModule:
        """Refine all starts of all samples; the result has one problem a sample."""
        settings = self.settings
        problems = [
            build_problem(
                item.sample,
                item.estimate,
                item.alpha,
                settings.image_size,
                settings.crop_margin,
                settings.num_starts,
            )
            for item in started
        ]
        counts = torch.tensor([len(problem) for problem in problems])
        group = torch.repeat_interleave(torch.arange(len(problems)), counts)
        return self.refiner(method).refine(join_problems(problems), group, on_step)

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
        started: dict[int, StartedSample] = {}
        for k, sample in enumerate(samples):
            try:
                started[k] = self.start(sample)
            except Exception as error:
                outcome[k] = unusable(sample.sample_id, error)
        outcome |= self._evaluate_started(started, methods)
        return [outcome[k] for k in range(len(samples))]

    def _evaluate_started(
        self, started: dict[int, StartedSample], methods: list[Method]
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
            faulty = faulty_figures(own)
            outcome[k] = own
            if faulty:
                name = own[0].item.sample.sample_id
                outcome[k] = BrokenSample(name, f"not finite: {', '.join(faulty)}", "failed")
        return outcome

    def _results(
        self, items: list[StartedSample], methods: list[Method]
    ) -> list[list[SampleResult]]:
        """Results of each sample; the start is measured once and stands beside all methods.

        All are measured on the same crop with the first matte: one found again with the help of a
        fitted body would favour that body.
        """
        problems = [self._first_problem(item) for item in items]
        starts = [
            evaluate_start(item, problem, self.refiner())
            for item, problem in zip(items, problems, strict=True)
        ]
        results: list[list[SampleResult]] = [[] for _ in items]
        for method in methods:
            if method == "static":
                for own, start in zip(results, starts, strict=True):
                    own.append(start)
                continue
            refiner = self.refiner(method)
            begin = time.perf_counter()
            module = self.refine(items, method)
            seconds = (time.perf_counter() - begin) / len(items)
            refinements = refinements_of(module, [item.camera for item in items])
            for k, (start, refinement) in enumerate(zip(starts, refinements, strict=True)):
                fitted = module.problem.select(torch.tensor([k]))
                figures = figures_of(refinement, start.item, problems[k], refiner)
                results[k].append(
                    replace(
                        start,
                        item=with_last_matte(start.item, fitted, self.settings.crop_margin),
                        refinement=refinement,
                        figures=figures,
                        seconds=seconds,
                        method=method,
                    )
                )
        return results

    def _first_problem(self, item: StartedSample) -> RefineProblem:
        settings = self.settings
        return build_problem(
            item.sample, item.estimate, item.alpha, settings.image_size, settings.crop_margin
        )


def unusable(sample_id: str, error: Exception) -> BrokenSample:
    """Why a sample has no result, in one line: its own fault, or the method's."""
    is_its_fault = isinstance(error, HfbError) and not isinstance(error, NoPersonError)
    text = str(error) if isinstance(error, HfbError) else f"{type(error).__name__}: {error}"
    return BrokenSample(sample_id, " ".join(text.split()), "broken" if is_its_fault else "failed")
