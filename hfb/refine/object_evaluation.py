"""Figures and files of estimates without joints: Shape from Blur and Motion from Blur."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

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
from hfb.export import write_glb, write_image, write_video
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.init import crop_image, find_region
from hfb.metrics import functional as metrics
from hfb.motion import subframe_times
from hfb.refine.evaluation import Figures, SampleResult, person_box
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem
from hfb.refine.runner import Refiner
from hfb.refine.start import StartedSample
from hfb.structures import BlurSample, Mesh, Target
from hfb.viz import panel_sheet

VIDEO_FPS = 12.0
VIDEO_SUBFRAMES = 24


def evaluate_object(
    method: str,
    start: SampleResult,
    problems: list[RefineProblem],
    settings: BaselineSettings,
    refiner: Refiner,
) -> SampleResult:
    """Fit an object to a sample and measure what can be: silhouettes and the photo blurred again.

    Args:
        method: "sfb" or "mfb".
        start: the sample with the static start's figures, which stand beside.
        problems: the crop of each photo that all methods are measured on.
        settings: of the methods.
        refiner: the tools of the run.
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
        refiner.settings.formation,
        masks,
    )
    estimate = estimate_object(given, recipe, refiner.render_settings)
    seconds = time.perf_counter() - begin
    figures = object_figures(estimate, sample, photos, problems, refiner.settings.crop_margin)
    return replace(start, figures=figures, seconds=seconds, method=method, object_estimate=estimate)


@torch.no_grad()
def object_figures(
    estimate: ObjectEstimate,
    sample: BlurSample,
    photos: list[StartedSample],
    problems: list[RefineProblem],
    margin: float,
) -> Figures:
    """The figures that need no joints; the others stay empty.

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
        psnrs.append(float(metrics.reblur_psnr(reblurred, problem.image[0], box)))
        seen = problem.alpha[0], alpha * problem.valid[0]
        overlap = torch.minimum(*seen).sum() / torch.maximum(*seen).sum().clamp(min=1e-6)
        overlaps.append(float(overlap))
    figures = Figures(sum(psnrs) / len(psnrs), sum(overlaps) / len(overlaps))
    target = sample.target
    if target is None or target.silhouettes is None:
        return figures
    times = exposure_shares(target, sample.exposure)
    ious = [silhouette_iou(estimate, target, t) for t in (times, 1.0 - times)]
    return replace(figures, iou=ious[0], iou_best_direction=max(ious))


def exposure_shares(target: Target, exposure: Float[Tensor, "T 2"]) -> Float[Tensor, "T S"]:
    """The moments of the truth as times in [0, 1] of each photo's exposure."""
    opening, closing = exposure.double()[:, None].unbind(-1)
    return ((target.times.double() - opening) / (closing - opening)).float()


def silhouette_iou(estimate: ObjectEstimate, target: Target, times: Float[Tensor, "T S"]) -> float:
    """Mean over all sub-frames of all photos."""
    assert target.silhouettes is not None, "the caller has looked"
    values = [
        metrics.silhouette_iou(estimate.silhouettes(k, t, *truth.shape[-2:]), truth)
        for k, (t, truth) in enumerate(zip(times, target.silhouettes, strict=True))
    ]
    return float(torch.stack(values).mean())


def reblur(
    estimate: ObjectEstimate,
    frame: int,
    item: StartedSample,
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


@torch.no_grad()
def fill_object_folder(folder: Path, result: SampleResult) -> None:
    """Write the files of an estimate without joints.

    Args:
        folder: exists and is empty.
        result: with its `object_estimate`.
    """
    estimate, sample = result.object_estimate, result.item.sample
    assert isinstance(estimate, ObjectEstimate), "the caller has looked"
    times = subframe_times(VIDEO_SUBFRAMES)
    subframes = sharp_subframes(estimate, times)
    write_video(folder / "subframes.mp4", subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", object_picture(estimate, subframes))
    model = estimate.parts[0].model
    texture = shown(model.texture[0], estimate.problem.is_linear)
    write_image(folder / "texture.png", texture)
    shape, count = model.prototype, estimate.num_subframes
    grid = subframe_times(count).expand(len(estimate.problem.image), count)
    opening, closing = sample.exposure[0].double()
    write_glb(
        folder / "mesh.glb",
        Mesh(model.moving_verts(grid)[0, :count], shape.faces, shape.uv, shape.faces_uv, texture),
        opening + grid[0].double() * (closing - opening),
        extras={"prototype": shape.name, "sample_id": sample.sample_id},
    )


def sharp_subframes(estimate: ObjectEstimate, t: Float[Tensor, " N"]) -> Float[Tensor, "N 3 S S"]:
    """The first photo's sub-frames on the background, sRGB."""
    problem = estimate.problem
    layers = estimate.layers(0, t)
    sharp = layers.alpha * layers.rgb + (1.0 - layers.alpha) * problem.background
    return shown(sharp, problem.is_linear)


def object_picture(
    estimate: ObjectEstimate, subframes: Float[Tensor, "N 3 S S"]
) -> Float[Tensor, "3 h w"]:
    """`comparison.png`: input, explanation, sub-frames and mattes."""
    problem = estimate.problem
    layers = estimate.layers(0, subframe_times(estimate.num_subframes))
    alpha = layers.alpha.mean(0)
    blurred = (layers.rgb * layers.alpha).mean(0) + (1.0 - alpha) * problem.background
    middle, last = len(subframes) // 2, len(subframes) - 1
    return panel_sheet(
        {
            "input": shown(problem.image[0], problem.is_linear),
            "re-blurred": shown(blurred, problem.is_linear),
            "sharp, first": subframes[0],
            "sharp, middle": subframes[middle],
            "sharp, last": subframes[last],
            "matte, fitted": problem.alpha[0],
            "matte, model": alpha,
        }
    )


def shown(image: Float[Tensor, "*B"], is_linear: bool) -> Float[Tensor, "*B"]:
    """A picture as sRGB in [0, 1]; the texture of these methods is not bounded."""
    image = image.clamp(0.0, 1.0)
    return linear_to_srgb(image) if is_linear else image
