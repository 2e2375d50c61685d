"""Metrics of estimates without joints: Shape from Blur and Motion from Blur."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import (
    BaselineSettings,
    ObjectEstimate,
    ObjectRecipe,
    build_object_problem,
    estimate_object,
    read_subframe_masks,
)
from hfb.evaluate.metrics_of_fit import person_box, soft_iou
from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.matte import crop_image, find_region
from hfb.metrics import functional
from hfb.motion import subframe_times
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem
from hfb.structures import BlurSample, Target


def evaluate_object(
    method: str,
    start: SampleResult,
    problems: list[RefineProblem],
    settings: BaselineSettings,
    fitter: Fitter,
) -> SampleResult:
    """Fit an object to a sample and measure what can be: silhouettes and the photo blurred again.

    Args:
        method: "sfb" or "mfb".
        start: the sample with the static start's metrics, which stand beside.
        problems: the crop of each photo that all methods are measured on.
        settings: of the methods.
        fitter: the tools of the run.
    """
    begin = time.perf_counter()
    recipe: ObjectRecipe = settings.sfb if method == "sfb" else settings.mfb
    photos = [photo.item for photo in start.photos or (start,)]
    sample = start.item.sample
    masks = None if settings.masks is None else read_subframe_masks(settings.masks, sample)
    given = build_object_problem(
        sample,
        torch.stack([photo.alpha for photo in photos]),
        recipe.image_size,
        recipe.crop_margin,
        fitter.settings.formation,
        masks,
    )
    estimate = estimate_object(given, recipe, fitter.render_settings)
    seconds = time.perf_counter() - begin
    metrics = object_metrics(estimate, sample, photos, problems, fitter.settings.crop_margin)
    return replace(start, metrics=metrics, seconds=seconds, method=method, object_estimate=estimate)


@torch.no_grad()
def object_metrics(
    estimate: ObjectEstimate,
    sample: BlurSample,
    photos: list[InitialisedFrame],
    problems: list[RefineProblem],
    margin: float,
) -> FitMetrics:
    """The metrics that need no joints; the others stay empty.

    The better direction is the one with the better silhouettes: there is nothing else to tell it.

    Args:
        estimate: of all photos.
        sample: with all its photos and their truth.
        photos: one by one.
        problems: the crop of each photo that it is measured on.
        margin: as it was given to `build_problem`.
    """
    psnrs, overlaps = [], []
    for k, (photo, problem) in enumerate(zip(photos, problems, strict=True)):
        reblurred, alpha = reblur(estimate, k, photo, problem, margin)
        box = person_box(problem.alpha[0])
        psnrs.append(float(functional.reblur_psnr(reblurred, problem.image[0], box)))
        overlaps.append(soft_iou(problem.alpha[0], alpha * problem.valid[0]))
    metrics = FitMetrics(sum(psnrs) / len(psnrs), sum(overlaps) / len(overlaps))
    target = sample.target
    if target is None or target.silhouettes is None:
        return metrics
    times = exposure_shares(target, sample.exposure)
    ious = [silhouette_iou(estimate, target, t) for t in (times, 1.0 - times)]
    return replace(metrics, iou=ious[0], iou_best_direction=max(ious))


def exposure_shares(target: Target, exposure: Float[Tensor, "T 2"]) -> Float[Tensor, "T S"]:
    """The times of the truth as times in [0, 1] of each photo's exposure."""
    opening, closing = exposure.double()[:, None].unbind(-1)
    return ((target.times.double() - opening) / (closing - opening)).float()


def silhouette_iou(estimate: ObjectEstimate, target: Target, times: Float[Tensor, "T S"]) -> float:
    """Mean over all sub-frames of all photos."""
    assert target.silhouettes is not None, "the caller has looked"
    values = [
        functional.silhouette_iou(estimate.silhouettes(k, t, *truth.shape[-2:]), truth)
        for k, (t, truth) in enumerate(zip(times, target.silhouettes, strict=True))
    ]
    return float(torch.stack(values).mean())


def reblur(
    estimate: ObjectEstimate,
    frame: int,
    item: InitialisedFrame,
    problem: RefineProblem,
    margin: float,
) -> tuple[Float[Tensor, "3 S S"], Float[Tensor, "1 S S"]]:
    """A photo as the estimate explains it, sRGB, and its mean silhouette.

    Args:
        estimate: in a crop of its own.
        frame: number of the photo.
        item: the photo.
        problem: the crop that the result is wanted in.
        margin: as it was given to `build_problem`.
    """
    height, width = item.alpha.shape[-2:]
    times = subframe_times(estimate.num_subframes)
    seen = estimate.exposure(frame, times, height, width)
    region = find_region(item.alpha[0] > ALPHA_FLOOR, margin)
    seen = crop_image(seen, region, problem.image.shape[-1], is_colour=False)
    rgb, alpha = seen[:3], seen[3:]
    is_linear = estimate.problem.is_linear
    behind = srgb_to_linear(problem.background[0]) if is_linear else problem.background[0]
    blurred = (behind * (1.0 - alpha) + rgb).clamp(0.0, 1.0)
    return linear_to_srgb(blurred) if is_linear else blurred, alpha
