"""Figures of merit: torchmetrics classes here, the same as functions in `functional`."""

from hfb.metrics import functional
from hfb.metrics.metrics import (
    MPJPE,
    PAMPJPE,
    BestDirectionMPJPE,
    BinnedMean,
    DirectionAccuracy,
    MidExposureMPJPE,
    PerJointError,
    ReblurPSNR,
    SilhouetteIoU,
)

__all__ = [
    "MPJPE",
    "PAMPJPE",
    "BestDirectionMPJPE",
    "BinnedMean",
    "DirectionAccuracy",
    "MidExposureMPJPE",
    "PerJointError",
    "ReblurPSNR",
    "SilhouetteIoU",
    "functional",
]
