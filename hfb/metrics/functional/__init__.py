"""Metrics as pure functions: one value a sample, no state."""

from hfb.metrics.functional.directions import joint_directions
from hfb.metrics.functional.images import reblur_psnr, silhouette_iou
from hfb.metrics.functional.joints import (
    Root,
    align_root,
    best_direction_mpjpe,
    direction_correct,
    direction_score,
    mid_exposure_mpjpe,
    mid_exposure_per_joint,
    mpjpe,
    pa_mpjpe,
    path_length,
    per_joint_error,
)
from hfb.metrics.functional.summary import (
    Summary,
    bin_index,
    summarize,
    summarize_ratio,
)

__all__ = [
    "Root",
    "Summary",
    "align_root",
    "best_direction_mpjpe",
    "bin_index",
    "direction_correct",
    "direction_score",
    "joint_directions",
    "mid_exposure_mpjpe",
    "mid_exposure_per_joint",
    "mpjpe",
    "pa_mpjpe",
    "path_length",
    "per_joint_error",
    "reblur_psnr",
    "silhouette_iou",
    "summarize",
    "summarize_ratio",
]
