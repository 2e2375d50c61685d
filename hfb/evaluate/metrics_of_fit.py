"""Metrics of a fitted photo: against the photo itself, and against the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.evaluate.results import FitMetrics, FittedFrame
from hfb.evaluate.trust.evidence import evidence_of
from hfb.evaluate.trust.guard import verdicts
from hfb.evaluate.trust.signs import signs_of
from hfb.metrics import functional
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.module import RefineModule
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem, build_problem, full_matte
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.result import Refinement, refinements_of, render_views
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, Target


def fitted_frames(
    module: RefineModule,
    items: Sequence[InitialisedFrame],
    fitter: Fitter,
    seconds: float,
) -> list[FittedFrame]:
    """Measure each photo of a finished fit.

    All are measured on the matte that the fit began with: one found again with the help of a fitted
    body would favour that body.

    Args:
        module: the finished fit, one problem a photo.
        items: its photos, as they went in.
        fitter: the tools of the run.
        seconds: what the fit took.
    """
    margin = fitter.settings.crop_margin
    fitted = module.problem.alone().to("cpu")
    frames, judged = [], verdicts(module)
    refinements = refinements_of(module, [item.camera for item in items])
    for row, (item, refinement) in enumerate(zip(items, refinements, strict=True)):
        first, last = first_problem(item, fitter.settings), fitted.index([row])
        metrics = metrics_of(refinement, item, first, fitter, last.alpha[0])
        box = person_box(first.alpha[0])
        evidence = evidence_of(refinement, item, first, fitter.body, box)
        verdict = judged[row]
        signs = signs_of(
            item.estimate, refinement, fitter.body, verdict.unexplained, metrics.matte_iou
        )
        verdict = verdict.with_sureness(signs, fitter.body.joint_names)
        item = with_last_matte(item, last, margin)
        frames.append(
            FittedFrame(item, refinement, metrics, seconds / len(items), evidence, verdict)
        )
    return frames


def first_problem(item: InitialisedFrame, settings: RefineSettings) -> RefineProblem:
    """The crop of a photo with its best start and first matte, which everything is measured on."""
    return build_problem(
        item.sample, item.estimate, item.alpha, settings.image_size, settings.crop_margin
    )


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


@torch.no_grad()
def metrics_of(
    refinement: Refinement,
    item: InitialisedFrame,
    problem: RefineProblem,
    fitter: Fitter,
    last_alpha: Float[Tensor, "1 S S"] | None = None,
) -> FitMetrics:
    """All metrics of one estimate of one photo.

    Args:
        refinement: the estimate.
        item: the photo.
        problem: its crop with the matte that it is measured on (one problem).
        fitter: the tools of the run.
        last_alpha: the matte of the crop after the fit.
    """
    views = render_views(
        refinement,
        fitter.body,
        problem.camera.index(0),
        problem.background[0],
        fitter.render_settings,
    )
    box = person_box(problem.alpha[0])
    psnr = functional.reblur_psnr(views.reblurred, problem.image[0], box)
    seen = views.alpha * problem.valid[0]
    metrics = FitMetrics(float(psnr), soft_iou(problem.alpha[0], seen))
    if last_alpha is not None and not torch.equal(last_alpha, problem.alpha[0]):
        metrics = replace(metrics, refreshed_matte_iou=soft_iou(last_alpha, seen))
    return with_truth(metrics, refinement, item.sample, fitter.body)


def soft_iou(one: Float[Tensor, "1 S S"], other: Float[Tensor, "1 S S"]) -> float:
    """Intersection over union of two mattes (eq. 4 without its one minus)."""
    union = torch.maximum(one, other).sum().clamp(min=1e-6)
    return float(torch.minimum(one, other).sum() / union)


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
    """Add the metrics that need ground truth, where the sample has it.

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
    runs_forward = functional.mpjpe(joints, truth, root) <= functional.mpjpe(reverse, truth, root)
    names = [body.joint_names[k] for k in index]
    metrics = _with_joints(metrics, (joints, reverse), truth, root, names)
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


def _with_joints(
    metrics: FitMetrics,
    directions: tuple[Float[Tensor, "S J 3"], Float[Tensor, "S J 3"]],
    truth: Float[Tensor, "S J 3"],
    root: functional.Root,
    names: Sequence[str],
) -> FitMetrics:
    """Add what joints tell, of the motion as it runs and of its reverse."""
    joints = directions[0]
    errors = [float(functional.mpjpe(j, truth, root)) for j in directions]
    better = directions[0 if errors[0] <= errors[1] else 1]
    per_joint, at_middle = (
        dict(zip(names, values.tolist(), strict=True))
        for values in (
            functional.per_joint_error(better, truth, root),
            functional.mid_exposure_per_joint(joints, truth, root),
        )
    )
    is_right, moves = functional.joint_directions(joints, truth)
    return replace(
        metrics,
        mpjpe_mm=errors[0],
        mpjpe_best_direction_mm=min(errors),
        pa_mpjpe_mm=float(functional.pa_mpjpe(joints, truth)),
        pa_mpjpe_best_direction_mm=float(functional.pa_mpjpe(better, truth)),
        mid_exposure_mpjpe_mm=float(functional.mid_exposure_mpjpe(joints, truth, root)),
        direction_correct=functional.direction_correct(joints, truth, root=root),
        joint_direction_accuracy=float(is_right[moves].double().mean()) if moves.any() else None,
        moving_joints=int(moves.sum()),
        per_joint_mm=per_joint,
        mid_exposure_per_joint_mm=at_middle,
    )


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
