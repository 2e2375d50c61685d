"""How good lifted poses are: by blur rate, by joint, and whether they know it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import procrustes_align
from hfb.init.lift.network import LiftedPose
from hfb.init.lift.turn import turn_likelihood
from hfb.training.lifting.batch import LiftingTruth

BLUR_EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.1, math.inf)
"""Edges of the bins of the blur rate that metrics are given for."""


@dataclass(frozen=True)
class LiftingMetrics:
    """Errors of B poses.

    Attributes:
        distance_mm: of each joint relative to the root.
        aligned_mm: the same after a similarity transform.
        angle_deg: of each joint's rotation.
        expected_mm: what the network expected of the distance.
        expected_deg: what the network expected of the angle.
        blur_rate: eq. (12).
        turn_likelihood: log-likelihood of where the person faces and which way up they are.
    """

    distance_mm: Float[Tensor, "B J"]
    aligned_mm: Float[Tensor, "B J"]
    angle_deg: Float[Tensor, "B J"]
    expected_mm: Float[Tensor, "B J"]
    expected_deg: Float[Tensor, "B J"]
    blur_rate: Float[Tensor, " B"]
    turn_likelihood: Float[Tensor, " B"]


@dataclass(frozen=True)
class LiftingSummary:
    """Means over all poses.

    Attributes:
        scalars: by name.
        text: tables to print.
    """

    scalars: dict[str, float]
    text: str


@torch.no_grad()
def metrics_of(
    pose: LiftedPose, joints: Float[Tensor, "B J 3"], truth: LiftingTruth
) -> LiftingMetrics:
    """Compare poses with the truth.

    Args:
        pose: the network's answer.
        joints: its joints relative to the root, m.
        truth: the poses that the images show.
    """
    aligned = procrustes_align(joints, truth.joints)
    chord = (pose.rotmat - truth.rotmat).flatten(-2).norm(dim=-1)
    angle = 2.0 * (chord / math.sqrt(8.0)).clamp(max=1.0).asin()
    return LiftingMetrics(
        distance_mm=1000.0 * (joints - truth.joints).norm(dim=-1),
        aligned_mm=1000.0 * (aligned - truth.joints).norm(dim=-1),
        angle_deg=torch.rad2deg(angle),
        expected_mm=1000.0 * pose.expected_distance,
        expected_deg=torch.rad2deg(pose.expected_angle),
        blur_rate=truth.blur_rate,
        turn_likelihood=turn_likelihood(truth.rotmat[:, 0], pose.facing_logits, pose.up_logits),
    )


def summarise(parts: Sequence[LiftingMetrics], names: Sequence[str] = ()) -> LiftingSummary:
    """Means over batches.

    Args:
        parts: at least one.
        names: of the joints, for the table by joint.
    """
    joined = join_metrics(parts)
    scalars = {
        "mpjpe_mm": float(joined.distance_mm.mean()),
        "pa_mpjpe_mm": float(joined.aligned_mm.mean()),
        "angle_deg": float(joined.angle_deg.mean()),
        "root_angle_deg": float(joined.angle_deg[:, 0].mean()),
        "facing_wrong": float((joined.angle_deg[:, 0] > 90.0).float().mean()),
        "expected_mm": float(joined.expected_mm.mean()),
        "beyond_200_mm": float((joined.distance_mm.mean(-1) > 200.0).float().mean()),
        "turn_likelihood": float(joined.turn_likelihood.mean()),
    }
    lines = ["| blur rate | pairs | MPJPE mm | PA-MPJPE mm | expected mm |"]
    lines.append("|---|---|---|---|---|")
    for low, high in pairwise(BLUR_EDGES):
        rows = (joined.blur_rate >= low) & (joined.blur_rate < high)
        if rows.any():
            means = [
                float(values[rows].mean())
                for values in (joined.distance_mm, joined.aligned_mm, joined.expected_mm)
            ]
            cells = " | ".join(f"{value:.1f}" for value in means)
            lines.append(f"| {low:g} to {high:g} | {int(rows.sum())} | {cells} |")
    if names:
        lines += ["", "| joint | error mm | expected mm | error deg | expected deg |"]
        lines.append("|---|---|---|---|---|")
        for number, name in enumerate(names):
            columns = (joined.distance_mm, joined.expected_mm, joined.angle_deg,
                       joined.expected_deg)  # fmt: skip
            cells = " | ".join(f"{float(values[:, number].mean()):.1f}" for values in columns)
            lines.append(f"| {name} | {cells} |")
    lines += ["", *(f"{name} {value:.3f}" for name, value in scalars.items())]
    return LiftingSummary(scalars, "\n".join(lines))


def join_metrics(parts: Sequence[LiftingMetrics]) -> LiftingMetrics:
    """The metrics of several batches as one set."""
    return LiftingMetrics(
        **{
            name: torch.cat([getattr(part, name) for part in parts])
            for name in LiftingMetrics.__dataclass_fields__
        }
    )
