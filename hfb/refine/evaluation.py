"""Figures of a finished sample: against the photo, and against the truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.losses import LossWeights
from hfb.metrics import functional as metrics
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem
from hfb.refine.results import Refinement, refinements_of, render_views
from hfb.refine.runner import Refiner
from hfb.refine.settings import LearningRates, Stage
from hfb.refine.start import StartedSample
from hfb.render import hard_silhouettes
from hfb.structures import Camera, Target


@dataclass(frozen=True)
class Figures:
    """The figures of `per_sample.csv` for one estimate; None where there is no truth to compare.

    Attributes:
        reblur_psnr_db: how well the estimate, blurred again, explains the photo inside the
            person's box, linear light.
        matte_iou: soft IoU (eq. 4) of its mean silhouette with the matte.
        mpjpe_mm: root-aligned joint error over all sub-frames.
        mpjpe_best_direction_mm: the same, of the motion or its time reversal, whichever is closer.
        pa_mpjpe_mm: after similarity alignment of each sub-frame.
        mid_exposure_mpjpe_mm: root-aligned, at the middle of the exposure.
        iou: mean silhouette IoU over the sub-frames.
        iou_best_direction: the same in the direction of `mpjpe_best_direction_mm`.
        direction_correct: whether the motion runs the right way; None if the truth hardly moves.
    """

    reblur_psnr_db: float
    matte_iou: float
    mpjpe_mm: float | None = None
    mpjpe_best_direction_mm: float | None = None
    pa_mpjpe_mm: float | None = None
    mid_exposure_mpjpe_mm: float | None = None
    iou: float | None = None
    iou_best_direction: float | None = None
    direction_correct: bool | None = None


@dataclass(frozen=True)
class SampleResult:
    """A finished sample.

    Attributes:
        item: the sample with its starting poses and matte.
        refinement: what was found.
        initial: the starting pose at rest, with a texture of its own.
        figures: of the refinement.
        initial_figures: of the starting pose.
        seconds: time of the refinement.
    """

    item: StartedSample
    refinement: Refinement
    initial: Refinement
    figures: Figures
    initial_figures: Figures
    seconds: float


def evaluate_sample(
    item: StartedSample,
    refinement: Refinement,
    problem: RefineProblem,
    refiner: Refiner,
    seconds: float,
) -> SampleResult:
    """Measure a refinement and, beside it, the static starting pose.

    Args:
        item: the sample.
        refinement: its refinement.
        problem: the crop it was fitted on (one problem).
        refiner: the tools of the run.
        seconds: what the refinement took.
    """
    initial = static_with_texture(problem, refiner, refinement.camera)
    return SampleResult(
        item=item,
        refinement=refinement,
        initial=initial,
        figures=figures_of(refinement, item, problem, refiner),
        initial_figures=figures_of(initial, item, problem, refiner),
        seconds=seconds,
    )


def static_with_texture(problem: RefineProblem, refiner: Refiner, camera: Camera) -> Refinement:
    """The starting pose at rest with the texture that explains the photo best.

    Without a texture of its own the static start would lose every comparison of pictures for the
    wrong reason.
    """
    stage = Stage(
        num_steps=60,
        weights=LossWeights(
            image=1.0, matting=0.0, pose=0.0, shape=0.0, motion=0.0, pose_anchor=0.0
        ),
        frozen=["transl", "root", "pose", "motion", "betas"],
    )
    settings = replace(
        refiner.settings,
        stages=[stage],
        lr=LearningRates(texture=0.05),
        num_subframes=1,
        start_noise=0.0,
    )
    still = Refiner(refiner.body, settings, refiner.render_settings)
    module = still.refine(problem, torch.zeros(1, dtype=torch.long))
    return refinements_of(module, [camera])[0]


@torch.no_grad()
def figures_of(
    refinement: Refinement, item: StartedSample, problem: RefineProblem, refiner: Refiner
) -> Figures:
    """All figures of one estimate of one sample."""
    camera = Camera(
        problem.camera.focal[0],
        problem.camera.principal_point[0],
        problem.camera.height,
        problem.camera.width,
    )
    views = render_views(
        refinement, refiner.body, camera, problem.background[0], refiner.render_settings
    )
    box = person_box(problem.alpha[0])
    psnr = metrics.reblur_psnr(views.reblurred, problem.image[0], box)
    seen = problem.alpha[0], views.alpha * problem.valid[0]
    matte_iou = torch.minimum(*seen).sum() / torch.maximum(*seen).sum().clamp(min=1e-6)
    figures = Figures(float(psnr), float(matte_iou))
    target = item.sample.target
    if target is None:
        return figures
    return _against_target(figures, refinement, item, target, refiner.body)


def person_box(alpha: Float[Tensor, "1 H W"]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the matte.

    Raises:
        InputError: if the matte is empty.
    """
    rows, columns = torch.nonzero(alpha[0] > ALPHA_FLOOR, as_tuple=True)
    if len(rows) == 0:
        raise InputError("the matte is empty: there is no person to compare")
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _against_target(
    figures: Figures,
    refinement: Refinement,
    item: StartedSample,
    target: Target,
    body: SmplBody,
) -> Figures:
    """Add the figures that need ground truth."""
    opening, closing = item.sample.exposure[0].tolist()
    times = ((target.times[0] - opening) / (closing - opening)).to(refinement.betas)
    posed = refinement.posed(body, times)
    joints, truth = posed.joints, target.joints[0].to(posed.joints)
    forward = metrics.mpjpe(joints, truth)
    backward = metrics.mpjpe(joints.flip(0), truth)
    figures = replace(
        figures,
        mpjpe_mm=float(forward),
        mpjpe_best_direction_mm=float(torch.minimum(forward, backward)),
        pa_mpjpe_mm=float(metrics.pa_mpjpe(joints, truth)),
        mid_exposure_mpjpe_mm=float(metrics.mid_exposure_mpjpe(joints, truth)),
        direction_correct=metrics.direction_correct(joints, truth),
    )
    if target.silhouettes is None:
        return figures
    silhouettes = hard_silhouettes(posed.verts, body.faces, refinement.camera)
    true_silhouettes = target.silhouettes[0]
    iou = float(metrics.silhouette_iou(silhouettes, true_silhouettes))
    reverse_iou = float(metrics.silhouette_iou(silhouettes.flip(0), true_silhouettes))
    return replace(
        figures,
        iou=iou,
        iou_best_direction=iou if forward <= backward else reverse_iou,
    )
