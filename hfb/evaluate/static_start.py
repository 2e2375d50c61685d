"""The static starting pose as a method: what any refinement has to beat."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from hfb.evaluate.metrics_of_fit import metrics_of
from hfb.evaluate.results import SampleResult
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import RefineProblem
from hfb.refine.result import Refinement, refinements_of
from hfb.refine.settings import LearningRates, Stage
from hfb.structures import Camera

STATIC_STEPS = 60
"""Steps that the texture of the static start gets."""


def evaluate_start(item: InitialisedFrame, problem: RefineProblem, fitter: Fitter) -> SampleResult:
    """Measure the static starting pose: the method that any refinement has to beat.

    Args:
        item: the sample.
        problem: its crop (one problem).
        fitter: the tools of the run.
    """
    begin = time.perf_counter()
    initial = static_with_texture(problem, fitter, item.camera)
    seconds = time.perf_counter() - begin
    metrics = metrics_of(initial, item, problem, fitter)
    unlifted = None
    if item.estimate.unlifted is not None and item.sample.target is not None:
        start = item.estimate.unlifted.all_params().index([0])
        plain = static_with_texture(replace(problem, start=start), fitter, item.camera)
        unlifted = metrics_of(plain, item, problem, fitter)
    return SampleResult(
        item, initial, initial, metrics, metrics, seconds, "static", unlifted_metrics=unlifted
    )


def static_with_texture(problem: RefineProblem, fitter: Fitter, camera: Camera) -> Refinement:
    """The starting pose at rest with the texture that explains the photo best.

    Without a texture of its own the static start would lose every comparison of images for the
    wrong reason. It gets no more steps than the refinement.
    """
    stage = Stage(
        num_steps=min(STATIC_STEPS, fitter.settings.num_steps),
        frozen=["transl", "root", "pose", "motion", "betas"],
    )
    settings = replace(
        fitter.settings.with_only(image=1.0),
        stages=[stage],
        lr=LearningRates(texture=0.05),
        num_subframes=1,
        start_noise=0.0,
    )
    module = fitter.without_priors(settings).refine(problem, torch.zeros(1, dtype=torch.long))
    return refinements_of(module, [camera])[0]
