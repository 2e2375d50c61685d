"""Figures of merit as pure functions: one value a sample, no state."""

from hfb.metrics.functional.images import reblur_psnr, silhouette_iou
from hfb.metrics.functional.joints import (
    Root,
    align_root,
    best_direction_mpjpe,
    direction_correct,
    direction_score,
    mid_exposure_mpjpe,
    mpjpe,
    pa_mpjpe,
    path_length,
)

__all__ = [
    "Root",
    "align_root",
    "best_direction_mpjpe",
    "direction_correct",
    "direction_score",
    "mid_exposure_mpjpe",
    "mpjpe",
    "pa_mpjpe",
    "path_length",
    "reblur_psnr",
    "silhouette_iou",
]
