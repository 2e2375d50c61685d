"""Metrics of a sample of several photos: means over its photos, and how their motions meet."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.results import FitMetrics, SampleResult
from hfb.losses import BoundaryState
from hfb.metrics.functional.joints import MM_PER_M
from hfb.motion import PolynomialMotion
from hfb.refine.result import Refinement
from hfb.refine.sequence.boundaries import Sequences, boundary_states, boundary_times
from hfb.structures import BlurSample

MIN_SPEED = 1e-3
"""Mean speed of the joints, m per exposure, below which a share of it means nothing."""


def join_results(
    sample: BlurSample, photos: list[SampleResult], body: SmplBody, gap_fraction: float
) -> SampleResult:
    """One result out of the results of a sample's photos; that of a single photo stays as it is.

    Args:
        sample: the sample with all its photos.
        photos: results of one method, in the order of time.
        body: the body model.
        gap_fraction: where in a gap neighbouring motions are compared, see `boundary_times`.
    """
    if len(photos) == 1:
        return photos[0]
    first = photos[0]
    unlifted = [p.unlifted_metrics for p in photos if p.unlifted_metrics is not None]
    return replace(
        first,
        item=replace(first.item, sample=sample),
        metrics=_joined([p.metrics for p in photos], [p.refinement for p in photos], sample, body,
                        gap_fraction),
        initial_metrics=_joined([p.initial_metrics for p in photos], [p.initial for p in photos],
                                sample, body, gap_fraction),
        seconds=sum(photo.seconds for photo in photos),
        photos=tuple(photos),
        unlifted_metrics=mean_metrics(unlifted) if len(unlifted) == len(photos) else None,
    )  # fmt: skip


def _joined(
    metrics: list[FitMetrics],
    refinements: list[Refinement],
    sample: BlurSample,
    body: SmplBody,
    gap_fraction: float,
) -> FitMetrics:
    """Means over the photos, and the jumps between them."""
    jump, change = boundary_jumps(refinements, sample.exposure, body, gap_fraction)
    gap = refinements[0].gap
    return replace(
        mean_metrics(metrics),
        boundary_jump_mm=jump,
        boundary_velocity_jump=change,
        gap=gap.share if gap else None,
        gap_sigma=gap.sigma if gap else None,
    )


def mean_metrics(photos: list[FitMetrics]) -> FitMetrics:
    """Means over the photos that have a metric; joints that move are pooled."""
    values: dict[str, object] = {}
    for name in (field.name for field in fields(FitMetrics)):
        known = [getattr(photo, name) for photo in photos if getattr(photo, name) is not None]
        if not known:
            values[name] = None
        elif name.endswith("per_joint_mm"):
            joints = {joint for table in known for joint in table}
            values[name] = {
                joint: _mean([table[joint] for table in known if joint in table])
                for joint in known[0]
                if joint in joints
            }
        elif name == "moving_joints":
            values[name] = sum(known)
        else:
            values[name] = _mean([float(value) for value in known])
    right = [(p.joint_direction_accuracy or 0.0) * (p.moving_joints or 0) for p in photos]
    moving = sum(photo.moving_joints or 0 for photo in photos)
    values["joint_direction_accuracy"] = sum(right) / moving if moving else None
    return FitMetrics(**values)  # type: ignore[arg-type]


@torch.no_grad()
def boundary_jumps(
    refinements: list[Refinement],
    exposure: Float[Tensor, "T 2"],
    body: SmplBody,
    gap_fraction: float,
) -> tuple[float, float | None]:
    """Jumps of position and velocity where the motions of neighbouring photos meet.

    Args:
        refinements: one a photo, in the order of time.
        exposure: opening and closing of each shutter, s.
        body: the body model.
        gap_fraction: see `boundary_times`.

    Returns:
        Distance of the joints, mm; change of their velocity as a share of the speed, None at rest.
    """
    end, start = states_at_boundaries(refinements, exposure, body, gap_fraction)
    jump = torch.linalg.vector_norm(end.joints - start.joints, dim=-1).mean(-1)
    change, before, after = (
        torch.linalg.vector_norm(v, dim=-1).mean(-1)
        for v in (end.velocity - start.velocity, end.velocity, start.velocity)
    )
    speed = 0.5 * (before + after)
    share = (change / speed)[speed > MIN_SPEED]
    return float(jump.mean()) * MM_PER_M, float(share.mean()) if len(share) else None


def states_at_boundaries(
    refinements: list[Refinement],
    exposure: Float[Tensor, "T 2"],
    body: SmplBody,
    gap_fraction: float,
) -> tuple[BoundaryState, BoundaryState]:
    """Ends and starts of neighbouring motions where they meet, one entry a boundary."""
    motion = PolynomialMotion.stack([refinement.motion for refinement in refinements])
    betas = torch.stack([refinement.betas for refinement in refinements])
    number = torch.zeros(len(betas), dtype=torch.long)
    sequences = Sequences(number, exposure.to(betas))
    gap = refinements[0].gap
    estimated = None if gap is None else betas.new_tensor([gap.share])
    times = boundary_times(sequences, gap_fraction, estimated)
    return boundary_states(motion, betas, sequences, times, body)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
