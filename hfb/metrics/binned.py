"""Metrics over a data set as torchmetrics: means in bins of the blur rate, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from hfb.metrics.functional import Summary, bin_index, summarize, summarize_ratio


class BinnedSummary(NamedTuple):
    """What is known of a metric over a data set.

    Attributes:
        overall: over all samples, those outside all bins too.
        bins: one a bin of the blur rate.
    """

    overall: Summary
    bins: list[Summary]


class _Binned(Metric):
    """Keeps values of samples with their blur rates; processes share them when it is computed.

    Args:
        edges: of the bins of the blur rate, increasing; none: no bins.
        kwargs: torchmetrics' own options.
    """

    full_state_update = False
    is_differentiable = False
    values: list[Tensor]
    rates: list[Tensor]

    def __init__(self, edges: Sequence[float] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = tuple(edges)
        for name in ("values", "rates"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def _kept(self, values: Float[Tensor, " S"]) -> Float[Tensor, " S"]:
        """As processes can exchange it."""
        return values.detach().to(self.device, torch.float64)

    def _chosen(self, rates: Tensor) -> list[Tensor]:
        """Which samples fall into each bin."""
        if not self.edges:
            return []
        index = bin_index(rates, self.edges)
        return [index == k for k in range(len(self.edges) - 1)]


class BinnedMean(_Binned):
    """Mean of any per-sample metric in bins of the blur rate, with bootstrap intervals."""

    def update(self, values: Float[Tensor, " S"], blur_rate: Float[Tensor, " S"]) -> None:
        """Add samples.

        Args:
            values: of their metric; NaN where a sample has none.
            blur_rate: eq. 12; NaN where it is unknown.
        """
        self.values.append(self._kept(values))
        self.rates.append(self._kept(blur_rate))

    def compute(self) -> BinnedSummary:
        """All samples and each bin; the order in which samples came does not matter."""
        values, rates = dim_zero_cat(self.values), dim_zero_cat(self.rates)
        known = ~values.isnan()
        bins = [summarize(values[known & chosen]) for chosen in self._chosen(rates)]
        return BinnedSummary(summarize(values[known]), bins)


class BinnedRatio(_Binned):
    """Ratio of the means of two metrics of the same samples, in bins of the blur rate."""

    references: list[Tensor]

    def __init__(self, edges: Sequence[float] = (), **kwargs: Any) -> None:
        super().__init__(edges, **kwargs)
        self.add_state("references", [], dist_reduce_fx="cat")

    def update(
        self,
        values: Float[Tensor, " S"],
        references: Float[Tensor, " S"],
        blur_rate: Float[Tensor, " S"],
    ) -> None:
        """Add samples; those count where both metrics are known.

        Args:
            values: of the metric above the line; NaN where a sample has none.
            references: of the one below it.
            blur_rate: eq. 12; NaN where it is unknown.
        """
        self.values.append(self._kept(values))
        self.references.append(self._kept(references))
        self.rates.append(self._kept(blur_rate))

    def compute(self) -> BinnedSummary:
        """All samples and each bin; the order in which samples came does not matter."""
        values, references = dim_zero_cat(self.values), dim_zero_cat(self.references)
        known = ~(values.isnan() | references.isnan())
        chosen = [known & own for own in self._chosen(dim_zero_cat(self.rates))]
        bins = [summarize_ratio(values[own], references[own]) for own in chosen]
        return BinnedSummary(summarize_ratio(values[known], references[known]), bins)


class MeanByName(Metric):
    """Means of several values by their names, each over the samples that have it.

    Args:
        names: all that there can be.
        kwargs: torchmetrics' own options.
    """

    full_state_update = False
    is_differentiable = False
    total: Tensor
    count: Tensor

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = tuple(names)
        zeros = torch.zeros(len(self.names), dtype=torch.float64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("count", zeros.clone(), dist_reduce_fx="sum")

    def update(self, values: dict[str, float]) -> None:
        """Add a sample: what it has of the values."""
        for name, value in values.items():
            place = self.names.index(name)
            self.total[place] += value
            self.count[place] += 1.0

    def compute(self) -> dict[str, float]:
        """The means of those values that any sample has."""
        found = zip(self.names, self.total.tolist(), self.count.tolist(), strict=True)
        return {name: total / count for name, total, count in found if count}
