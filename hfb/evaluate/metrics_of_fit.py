"""Figures of a finished sample: against the photo, and against the truth where it is known."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.fit.fitter import Fitter
from hfb.fit.initialise import InitialisedFrame
from hfb.fit.problem import ALPHA_FLOOR, RefineProblem, full_matte
from hfb.fit.result import Refinement, refinements_of, render_views
from hfb.fit.settings import LearningRates, Stage
from hfb.metrics import functional
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, BodyParams, Camera, Target

STATIC_STEPS = 60
"""Steps that the texture of the static start gets."""


@dataclass(frozen=True)
class FitMetrics:
    """The figures of `per_sample.csv` for one estimate; None where there is no truth to compare.

    Attributes:
        reblur_psnr_db: how well the estimate, blurred again, explains the photo inside the
            person's box, linear light.
        matte_iou: soft IoU (eq. 4) of its mean silhouette with the matte.
        mpjpe_mm: root-aligned joint error over all sub-frames.
        mpjpe_best_direction_mm: the same, of the motion or its time reversal, whichever is closer.
        pa_mpjpe_mm: after similarity alignment of each sub-frame.
        pa_mpjpe_best_direction_mm: the same in the direction of `mpjpe_best_direction_mm`.
        mid_exposure_mpjpe_mm: root-aligned, at the middle of the exposure.
        iou: mean silhouette IoU over the sub-frames.
        iou_best_direction: the same in the direction of `mpjpe_best_direction_mm`.
        direction_correct: whether the motion runs the right way; None if the truth hardly moves.
            Of several photos: the share of those that move.
        joint_direction_accuracy: share of the joints that move more than 5 cm within the exposure
            whose way points along the true one; None if none does.
        moving_joints: how many such joints there are, in all photos.
        boundary_jump_mm: of consecutive photos: how far the joints of neighbours are apart where
            their motions meet, mean.
        boundary_velocity_jump: of consecutive photos: difference of the joints' velocities there,
            as a share of their speed; mean.
        gap: of consecutive photos: shut part of the frame time, where it was estimated.
        gap_sigma: how far that may be off, standard deviation.
        per_joint_mm: error of each joint, by name, in the direction of `mpjpe_best_direction_mm`.
    """

    reblur_psnr_db: float
    matte_iou: float
    mpjpe_mm: float | None = None
    mpjpe_best_direction_mm: float | None = None
    pa_mpjpe_mm: float | None = None
    pa_mpjpe_best_direction_mm: float | None = None
    mid_exposure_mpjpe_mm: float | None = None
    iou: float | None = None
    iou_best_direction: float | None = None
    direction_correct: bool | float | None = None
    joint_direction_accuracy: float | None = None
    moving_joints: int | None = None
    boundary_jump_mm: float | None = None
    boundary_velocity_jump: float | None = None
    gap: float | None = None
    gap_sigma: float | None = None
    per_joint_mm: dict[str, float] | None = None


@dataclass(frozen=True)
class SampleResult:
    """A sample finished by one method.

    Attributes:
        item: the sample with its starting poses and matte.
        refinement: what was found.
        initial: the starting pose at rest, with a texture of its own.
        metrics: of the refinement.
        initial_metrics: of the starting pose.
        seconds: time of the refinement.
        method: what made it.
        photos: of a sample of several photos: the result of each; its own `item`, `refinement` and
            `initial` are then the first photo's, but for `item.sample`.
        object_estimate: what a method without joints found; `refinement` is the start then.
        unlifted_metrics: of the plain registration, where the start was lifted and there is truth.
    """

    item: InitialisedFrame
    refinement: Refinement
    initial: Refinement
    metrics: FitMetrics
    initial_metrics: FitMetrics
    seconds: float
    method: str = "hfb"
    photos: tuple[SampleResult, ...] = ()
    object_estimate: ObjectEstimate | None = None
    unlifted_metrics: FitMetrics | None = None


def evaluate_sample(
    item: InitialisedFrame,
    refinement: Refinement,
    problem: RefineProblem,
    fitter: Fitter,
    seconds: float,
) -> SampleResult:
    """Measure a refinement and, beside it, the static starting pose, on the fit's last matte.

    Args:
        item: the sample.
        refinement: its refinement.
        problem: the crop it was fitted on (one problem).
        fitter: the tools of the run.
        seconds: what the refinement took.
    """
    item = with_last_matte(item, problem, fitter.settings.crop_margin)
    initial = evaluate_start(item, problem, fitter)
    metrics = metrics_of(refinement, item, problem, fitter)
    return replace(initial, refinement=refinement, metrics=metrics, seconds=seconds, method="hfb")


def with_last_matte(
    item: InitialisedFrame, problem: RefineProblem, margin: float
) -> InitialisedFrame:
    """The sample with the matte that its fit ended with; a given matte stays as it came.

    Args:
        item: the sample with the matte that its crop was laid out by.
        problem: the crop after the fit (one problem).
        margin: space around the person in the crop.
    """
    if problem.matte_is_given[0]:
        return item
    return replace(item, alpha=full_matte(problem, item.alpha, margin))


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
        pose = item.estimate.unlifted.params(0)
        start = BodyParams(pose.betas[None], pose.pose_rotmat[None], pose.transl[None])
        plain = static_with_texture(replace(problem, start=start), fitter, item.camera)
        unlifted = metrics_of(plain, item, problem, fitter)
    return SampleResult(
        item, initial, initial, metrics, metrics, seconds, "static", unlifted_metrics=unlifted
    )


def static_with_texture(problem: RefineProblem, fitter: Fitter, camera: Camera) -> Refinement:
    """The starting pose at rest with the texture that explains the photo best.

    Without a texture of its own the static start would lose every comparison of pictures for the
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
    still = Fitter(fitter.body, settings, fitter.render_settings)
    module = still.refine(problem, torch.zeros(1, dtype=torch.long))
    return refinements_of(module, [camera])[0]


@torch.no_grad()
def metrics_of(
    refinement: Refinement, item: InitialisedFrame, problem: RefineProblem, fitter: Fitter
) -> FitMetrics:
    """All figures of one estimate of one sample."""
    camera = Camera(
        problem.camera.focal[0],
        problem.camera.principal_point[0],
        problem.camera.height,
        problem.camera.width,
    )
    views = render_views(
        refinement, fitter.body, camera, problem.background[0], fitter.render_settings
    )
    box = person_box(problem.alpha[0])
    psnr = functional.reblur_psnr(views.reblurred, problem.image[0], box)
    seen = problem.alpha[0], views.alpha * problem.valid[0]
    matte_iou = torch.minimum(*seen).sum() / torch.maximum(*seen).sum().clamp(min=1e-6)
    metrics = FitMetrics(float(psnr), float(matte_iou))
    return with_truth(metrics, refinement, item.sample, fitter.body)


def person_box(alpha: Float[Tensor, "1 H W"]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the matte.

    Raises:
        InputError: if the matte is empty.
    """
    rows, columns = torch.nonzero(alpha[0] > ALPHA_FLOOR, as_tuple=True)
    if len(rows) == 0:
        raise InputError("the matte is empty: there is no person to compare")
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def with_truth(
    metrics: FitMetrics, refinement: Refinement, sample: BlurSample, body: SmplBody
) -> FitMetrics:
    """Add the figures that need ground truth, where the sample has it.

    Args:
        metrics: what is known without.
        refinement: the estimate.
        sample: with its target; its first photo counts.
        body: of the estimate.

    Raises:
        InputError: if the truth's joints are not the body's.
    """
    target = sample.target
    if target is None:
        return metrics
    opening, closing = sample.exposure[0].double().tolist()
    times = ((target.times[0].double() - opening) / (closing - opening)).to(refinement.betas)
    # The reversed motion is evaluated, not the order of the sub-frames turned round: the true times
    # need not lie symmetrically about mid-exposure.
    forward, backward = refinement.posed(body, times), refinement.posed(body, 1.0 - times)
    index, root = joints_to_compare(target, body.joint_names)
    # Doubles: at a few metres from the camera, float32 leaves errors of 1e-4 mm.
    joints, reverse, truth = (
        j.double() for j in (forward.joints[:, index], backward.joints[:, index], target.joints[0])
    )
    errors = [float(functional.mpjpe(j, truth, root)) for j in (joints, reverse)]
    runs_forward = errors[0] <= errors[1]
    better = joints if runs_forward else reverse
    per_joint = functional.per_joint_error(better, truth, root).tolist()
    is_right, moves = functional.joint_directions(joints, truth)
    metrics = replace(
        metrics,
        mpjpe_mm=errors[0],
        mpjpe_best_direction_mm=min(errors),
        pa_mpjpe_mm=float(functional.pa_mpjpe(joints, truth)),
        pa_mpjpe_best_direction_mm=float(functional.pa_mpjpe(better, truth)),
        mid_exposure_mpjpe_mm=float(functional.mid_exposure_mpjpe(joints, truth, root)),
        direction_correct=functional.direction_correct(joints, truth, root=root),
        joint_direction_accuracy=float(is_right[moves].double().mean()) if moves.any() else None,
        moving_joints=int(moves.sum()),
        per_joint_mm=dict(zip([body.joint_names[k] for k in index], per_joint, strict=True)),
    )
    if target.silhouettes is None:
        return metrics
    ious = [
        float(
            functional.silhouette_iou(
                hard_silhouettes(posed.verts, body.faces, refinement.camera), target.silhouettes[0]
            )
        )
        for posed in (forward, backward)
    ]
    return replace(metrics, iou=ious[0], iou_best_direction=ious[0] if runs_forward else ious[1])


def joints_to_compare(
    target: Target, joint_names: tuple[str, ...]
) -> tuple[list[int], functional.Root]:
    """Which of the body's joints the truth knows, and what is the root among them.

    Args:
        target: the truth; a subset of the joints where it names them.
        joint_names: of the body.

    Returns:
        Indices of the body's joints, and the root's place among them: the pelvis, or both hips.

    Raises:
        InputError: if a name is unknown, or there is neither a pelvis nor both hips.
    """
    count = target.joints.shape[-2]
    names = target.joint_names or (joint_names if count == len(joint_names) else ())
    unknown = [name for name in names if name not in joint_names]
    if len(names) != count or unknown or len(set(names)) != count:
        raise InputError(
            f"the truth holds {count} joints: it must be the body's {len(joint_names)}, or "
            f"joint_names must name each once{' (unknown: ' + unknown[0] + ')' if unknown else ''}"
        )
    index = [joint_names.index(name) for name in names]
    if "pelvis" in names:
        return index, names.index("pelvis")
    if {"left_hip", "right_hip"} <= set(names):
        return index, (names.index("left_hip"), names.index("right_hip"))
    raise InputError("the truth has neither a pelvis nor both hips: nothing to align it by")
