"""Metrics: per sample as functions in `functional`, over a data set as torchmetrics here."""

from hfb.metrics import functional
from hfb.metrics.binned import BinnedMean, BinnedRatio, BinnedSummary, MeanByName
from hfb.metrics.ranking import FailureRanking, Ranking

__all__ = [
    "BinnedMean",
    "BinnedRatio",
    "BinnedSummary",
    "FailureRanking",
    "MeanByName",
    "Ranking",
    "functional",
]
