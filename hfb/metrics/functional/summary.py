"""From metrics of single samples to tables: bins of the blur rate, means, bootstrap intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.errors import InputError, ShapeError

NUM_RESAMPLES = 2000
LEVEL = 0.95


class Summary(NamedTuple):
    """A mean over samples (a tuple: torchmetrics takes no frozen dataclass as a result).

    Attributes:
        n: samples.
        mean: NaN without samples.
        low: lower end of the bootstrap interval; NaN without samples.
        high: upper end.
    """

    n: int
    mean: float
    low: float
    high: float


def bin_index(blur_rate: Float[Tensor, " S"], edges: Sequence[float]) -> Int[Tensor, " S"]:
    """Which bin a blur rate falls into: low <= rate < high, the last one includes its upper edge.

    Args:
        blur_rate: eq. 12.
        edges: increasing; one more than bins.

    Returns:
        Number of the bin; -1 outside all of them and for NaN.

    Raises:
        InputError: if the edges do not increase.

    Example:
        >>> import torch
        >>> bin_index(torch.tensor([0.01, 0.05, 0.1, 1.1, 2.0]), (0.05, 0.1, 1.1)).tolist()
        [-1, 0, 1, 1, -1]
    """
    limits = torch.tensor(list(edges), dtype=torch.float64, device=blur_rate.device)
    if len(limits) < 2 or not bool((limits.diff() > 0).all()):
        raise InputError(f"edges {tuple(edges)} must be two or more increasing numbers")
    # Rates come as float32 more often than not: 0.1 must fall on the edge 0.1.
    rate = blur_rate.double()
    rate = torch.where((rate - rate.round(decimals=6)).abs() < 1e-7, rate.round(decimals=6), rate)
    index = torch.bucketize(rate, limits, right=True) - 1
    index = torch.where(rate == limits[-1], len(limits) - 2, index)
    inside = (rate >= limits[0]) & (rate <= limits[-1])
    return torch.where(inside, index, -1)


def summarize(
    values: Float[Tensor, " S"],
    level: float = LEVEL,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Summary:
    """Mean with its percentile-bootstrap interval; does not depend on the order of the samples.

    Args:
        values: one a sample.
        level: of the interval.
        num_resamples: bootstrap samples.
        seed: of the resampling.

    Example:
        >>> import torch
        >>> summarize(torch.tensor([2.0, 4.0]))
        Summary(n=2, mean=3.0, low=2.0, high=4.0)
    """
    ordered = values.detach().double().cpu().sort().values
    if len(ordered) == 0:
        return Summary(0, torch.nan, torch.nan, torch.nan)
    means = ordered[_resamples(len(ordered), num_resamples, seed)].mean(1)
    low, high = _interval(means, level)
    return Summary(len(ordered), float(ordered.mean()), low, high)


def summarize_ratio(
    numerator: Float[Tensor, " S"],
    denominator: Float[Tensor, " T"],
    level: float = LEVEL,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Summary:
    """Ratio of two means over the same samples, with its paired bootstrap interval.

    Does not depend on the order of the samples.

    Args:
        numerator: one a sample.
        denominator: of the same samples, in the same order.
        level: of the interval.
        num_resamples: bootstrap samples.
        seed: of the resampling.

    Raises:
        ShapeError: if the numbers of samples differ.

    Example:
        >>> import torch
        >>> summarize_ratio(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 6.0])).mean
        0.5
    """
    if numerator.shape != denominator.shape:
        raise ShapeError(f"{len(numerator)} and {len(denominator)} samples cannot be paired")
    if len(numerator) == 0:
        return Summary(0, torch.nan, torch.nan, torch.nan)
    above, below = numerator.detach().double().cpu(), denominator.detach().double().cpu()
    # One order whatever order they came in: the resampling goes by places.
    above, order = above.sort(stable=True)
    below, again = below[order].sort(stable=True)
    above = above[again]
    index = _resamples(len(above), num_resamples, seed)
    low, high = _interval(above[index].mean(1) / below[index].mean(1), level)
    return Summary(len(above), float(above.mean() / below.mean()), low, high)


def _resamples(count: int, num_resamples: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(count, (num_resamples, count), generator=generator)


def _interval(means: Tensor, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2.0
    low, high = torch.quantile(means, means.new_tensor([tail, 1.0 - tail])).tolist()
    return low, high
