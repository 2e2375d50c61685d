"""What an estimate is worth against landmarks of the sharp frames: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from hfb.metrics import functional
from real_footage.truth import GROUPS, OTHER_SIDE, Truth

MOVING = 0.03
"""Displacement within the exposure, in heights, from which a joint counts as moving."""

Track = Callable[[float], np.ndarray]
"""From a time in [0, 1] to the twelve limb landmarks of an estimate in the image, (12, 2) px."""


@dataclass(frozen=True)
class Measures:
    """One estimate of one photo; None where it cannot be told.

    Attributes:
        mid_pct: mean distance of the limb landmarks at mid-exposure, % of the person's height.
        ends_pct: the same at both ends of the exposure, mean of the two.
        ends_reversed_pct: the same of the motion turned round.
        moving: joints that truly move more than 3 % of the height within the exposure.
        right: those of them whose displacement points along the true one.
        length_ratio: displacements of the moving joints over the true ones, sums.
        facing_deg: angle between the directions that the chests face.
        pa_mpjpe_mm: distance from the detector's 3D landmarks of the sharp frame, aligned.
        exchanged: groups of landmarks whose sides had to be exchanged to fit the estimate best.
        psnr_db: re-blur PSNR.
        matte_iou: soft IoU with the matte that the fit began with.
        sharp_iou: IoU of the silhouette at mid-exposure with the matte of the sharp frame.
    """

    mid_pct: float
    ends_pct: float
    ends_reversed_pct: float
    moving: int
    right: int
    length_ratio: float | None
    facing_deg: float
    pa_mpjpe_mm: float
    exchanged: tuple[str, ...] = ()
    psnr_db: float = float("nan")
    matte_iou: float = float("nan")
    sharp_iou: float | None = None


def measure(
    track: Track,
    points: Float[np.ndarray, "12 3"],
    truth: Truth,
    height: float,
    trusted: Sequence[bool] | Bool[np.ndarray, " 12"],
) -> Measures:
    """Compare an estimate with the landmarks.

    The detector may have a side wrong in all frames: 2D distances, directions and 3D are taken with
    the sides of arms, legs and torso as they fit the estimate best at mid-exposure, for every
    estimate anew. The facing takes the detector by its word.

    Args:
        track: of the estimate.
        points: its limb landmarks at mid-exposure, axes of the camera, m.
        truth: of the same photo.
        height: of the person, px.
        trusted: which landmarks count; hips and shoulders always do for facing.
    """
    trusted = np.asarray(trusted)
    order, exchanged = best_sides(track(0.5), truth.at(0.5), trusted)
    mid = track(0.5) - truth.at(0.5)[order]
    start, end = (truth.at(t)[order] for t in truth.ends)
    own_start, own_end = (track(t) for t in truth.ends)
    displacement, own = (end - start)[trusted], (own_end - own_start)[trusted]
    moves = np.linalg.norm(displacement, axis=-1) > MOVING * height
    right = (displacement * own).sum(-1) > 0.0
    true_length = float(np.linalg.norm(displacement[moves], axis=-1).sum())
    own_length = float(np.linalg.norm(own[moves], axis=-1).sum())

    def percent(*differences: np.ndarray) -> float:
        lengths = [np.linalg.norm(d[trusted], axis=-1).mean() for d in differences]
        return 100.0 * float(np.mean(lengths)) / height

    return Measures(
        mid_pct=percent(mid),
        ends_pct=percent(own_start - start, own_end - end),
        ends_reversed_pct=percent(own_end - start, own_start - end),
        moving=int(moves.sum()),
        right=int((right & moves).sum()),
        length_ratio=own_length / true_length if moves.any() else None,
        facing_deg=angle_deg(facing(points), facing(truth.world)),
        pa_mpjpe_mm=aligned_error_mm(points[trusted], truth.world[order][trusted]),
        exchanged=exchanged,
    )


def best_sides(
    estimate: Float[np.ndarray, "12 2"],
    truth: Float[np.ndarray, "12 2"],
    trusted: Bool[np.ndarray, " 12"],
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which landmark to compare each point with, and the groups whose sides that exchanges.

    Args:
        estimate: points, px.
        truth: landmarks, px.
        trusted: which landmarks count.
    """
    order, exchanged = np.arange(12), []
    for name, rows in GROUPS.items():
        chosen = [row for row in rows if trusted[row]]
        if not chosen:
            continue
        other = OTHER_SIDE[chosen]
        own_way, other_way = (
            np.linalg.norm(estimate[chosen] - truth[index], axis=-1).sum()
            for index in (chosen, other)
        )
        if other_way < own_way:
            order[chosen] = other
            exchanged.append(name)
    return order, tuple(exchanged)


def facing(points: Float[np.ndarray, "12 3"]) -> Float[np.ndarray, " 3"]:
    """Unit vector out of the chest.

    Args:
        points: limb landmarks, axes of the camera: x right, y down, z away.
    """
    across = points[6] - points[7]
    up = points[[0, 1]].mean(0) - points[[6, 7]].mean(0)
    vector = np.cross(across, up)
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def angle_deg(one: Float[np.ndarray, " 3"], other: Float[np.ndarray, " 3"]) -> float:
    """Angle between unit vectors."""
    return float(np.degrees(np.arccos(np.clip(one @ other, -1.0, 1.0))))


def aligned_error_mm(points: Float[np.ndarray, "J 3"], truth: Float[np.ndarray, "J 3"]) -> float:
    """PA-MPJPE of one pose.

    Args:
        points: m.
        truth: m.
    """
    pair = (torch.from_numpy(np.ascontiguousarray(p, dtype=np.float64)) for p in (points, truth))
    return float(functional.pa_mpjpe(*(p[None] for p in pair)))


def hard_iou(one: Bool[np.ndarray, "H W"], other: Bool[np.ndarray, "H W"]) -> float:
    """Intersection over union of two masks; 0 where both are empty."""
    return float((one & other).sum() / max(1, int((one | other).sum())))
