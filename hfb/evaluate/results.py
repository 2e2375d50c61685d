"""What is known of a sample when a method has finished it."""

from __future__ import annotations

from dataclasses import dataclass

from hfb.baselines import ObjectEstimate
from hfb.evaluate.trust.evidence import FitEvidence
from hfb.evaluate.trust.guard import Verdict
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.result import Refinement


@dataclass(frozen=True)
class FitMetrics:
    """The metrics of `per_sample.csv` for one estimate; None where there is no truth to compare.

    Attributes:
        reblur_psnr_db: how well the estimate, blurred again, explains the photo inside the
            person's box, linear light.
        matte_iou: soft IoU (eq. 4) of its mean silhouette with the matte that the fit began with.
        mpjpe_mm: root-aligned joint error over all sub-frames.
        mpjpe_best_direction_mm: the same, of the motion or its time reversal, whichever is closer.
        pa_mpjpe_mm: after similarity alignment of each sub-frame.
        pa_mpjpe_best_direction_mm: the same in the direction of `mpjpe_best_direction_mm`.
        mid_exposure_mpjpe_mm: root-aligned, at the middle of the exposure.
        iou: mean silhouette IoU over the sub-frames.
        iou_best_direction: the same in the direction of `mpjpe_best_direction_mm`.
        direction_correct: whether the motion runs in the right direction of time; None if the truth
            hardly moves. Of several photos: the share of those that move.
        joint_direction_accuracy: share of the joints that move more than 5 cm within the exposure
            whose displacement points along the true one; None if none does.
        moving_joints: how many such joints there are, in all photos.
        boundary_jump_mm: of consecutive photos: how far the joints of neighbours are apart where
            their motions meet, mean.
        boundary_velocity_jump: of consecutive photos: difference of the joints' velocities there,
            as a share of their speed; mean.
        gap: of consecutive photos: shut part of the frame time, where it was estimated.
        gap_sigma: how far that may be off, standard deviation.
        refreshed_matte_iou: as `matte_iou`, with the matte that was found again with the help of
            the fitted body, which favours that body; None where the matte stayed as it was.
        per_joint_mm: error of each joint, by name, in the direction of `mpjpe_best_direction_mm`.
        mid_exposure_per_joint_mm: error of each joint at the middle of the exposure, by name.
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
    refreshed_matte_iou: float | None = None
    per_joint_mm: dict[str, float] | None = None
    mid_exposure_per_joint_mm: dict[str, float] | None = None


@dataclass(frozen=True)
class FittedFrame:
    """A photo after its fit, measured.

    Attributes:
        item: the photo with the matte that its fit ended with.
        refinement: what was found.
        metrics: how well it explains the photo and, where it is known, the truth.
        seconds: its share of the time of the fit.
        evidence: what tells whether it is to be believed (`hfb.evaluate.trust.warnings`).
        guard: whether it is to be preferred to its start.
    """

    item: InitialisedFrame
    refinement: Refinement
    metrics: FitMetrics
    seconds: float
    evidence: FitEvidence
    guard: Verdict


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
        evidence: of a fit of one photo: what tells whether it is to be believed.
        guard: of a fit of one photo: whether it is to be preferred to its start.
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
    evidence: FitEvidence | None = None
    guard: Verdict | None = None
