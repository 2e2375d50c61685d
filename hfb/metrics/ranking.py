"""How well a probability that a result is good ranks the bad ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities import dim_zero_cat


class Ranking(NamedTuple):
    """What is known of it over a data set.

    Attributes:
        n: samples with both a probability and an error.
        failed: how many of them are failures.
        expected: how many the probabilities let expect.
        auroc: share of pairs of a failure and another sample in which the failure is called less
            sure; None without failures, or without others.
        brier: mean squared difference of the probability from what came about; None without
            samples.
    """

    n: int
    failed: int
    expected: float
    auroc: float | None
    brier: float | None


class FailureRanking(Metric):
    """Area under the receiver operating characteristic of failures, and calibration.

    Args:
        limit: error from which a sample is a failure.
        kwargs: torchmetrics' own options.
    """

    full_state_update = False
    is_differentiable = False
    sure: list[Tensor]
    errors: list[Tensor]

    def __init__(self, limit: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        for name in ("sure", "errors"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, sure: Float[Tensor, " S"], error: Float[Tensor, " S"]) -> None:
        """Add samples; those count where both are known.

        Args:
            sure: probability that each is no failure; NaN where there is none.
            error: of each; NaN where it is unknown.
        """
        self.sure.append(sure.detach().to(self.device, torch.float64))
        self.errors.append(error.detach().to(self.device, torch.float64))

    def compute(self) -> Ranking:
        """Over all samples; the order in which they came does not matter."""
        sure, errors = dim_zero_cat(self.sure), dim_zero_cat(self.errors)
        known = ~(sure.isnan() | errors.isnan())
        doubt, is_failure = 1.0 - sure[known], (errors[known] >= self.limit).long()
        n, failed = len(doubt), int(is_failure.sum())
        auroc = float(binary_auroc(doubt, is_failure)) if 0 < failed < n else None
        brier = float((doubt - is_failure).square().mean()) if n else None
        return Ranking(n, failed, float(doubt.sum()), auroc, brier)
