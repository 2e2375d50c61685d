"""Bins, means and intervals against slow computations."""

import doctest
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hfb.errors import InputError, ShapeError
from hfb.metrics import BinnedMean, BinnedRatio, MeanByName, functional
from hfb.metrics.functional import summary

EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1)


def test_the_examples_in_the_docstrings() -> None:
    results = doctest.testmod(summary)
    assert results.attempted > 5
    assert results.failed == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-0.5, 2.0), min_size=1, max_size=30))
def test_bins_are_those_of_a_loop(rates: list[float]) -> None:
    rates += list(EDGES)
    expected = []
    for rate in rates:
        found = -1
        for k in range(len(EDGES) - 1):
            last = k == len(EDGES) - 2
            if EDGES[k] - 1e-7 <= rate < EDGES[k + 1] - 1e-7 or (last and rate == EDGES[-1]):
                found = k
        expected.append(found)
    given_rates = torch.tensor(rates, dtype=torch.float64)
    near_edge = [min(abs(r - e) for e in EDGES) < 1e-6 and r not in EDGES for r in rates]
    result = functional.bin_index(given_rates, EDGES).tolist()
    assert [r for r, n in zip(result, near_edge, strict=True) if not n] == [
        e for e, n in zip(expected, near_edge, strict=True) if not n
    ]
    assert functional.bin_index(torch.tensor(EDGES), EDGES).tolist() == [*range(10), 9]


def test_mean_and_interval_are_numpys(generator: torch.Generator) -> None:
    values = torch.rand(37, dtype=torch.float64, generator=generator) * 100
    result = functional.summarize(values)
    ordered = np.sort(values.numpy())
    index = torch.randint(37, (2000, 37), generator=torch.Generator().manual_seed(0)).numpy()
    means = np.array([np.mean([ordered[k] for k in row]) for row in index])
    assert result.n == 37
    assert result.mean == pytest.approx(ordered.mean(), abs=1e-9)
    assert result.low == pytest.approx(np.percentile(means, 2.5), abs=1e-9)
    assert result.high == pytest.approx(np.percentile(means, 97.5), abs=1e-9)


def test_the_interval_covers_the_true_mean_as_often_as_it_says(generator: torch.Generator) -> None:
    hits = 0
    for _ in range(200):
        sample = torch.randn(40, dtype=torch.float64, generator=generator) + 3.0
        result = functional.summarize(sample, num_resamples=400)
        hits += result.low <= 3.0 <= result.high
    assert 0.88 <= hits / 200 <= 0.99


def test_neither_order_nor_batches_matter(generator: torch.Generator) -> None:
    values, rates = torch.rand(2, 50, dtype=torch.float64, generator=generator)
    shuffled = torch.randperm(50, generator=generator)
    one, other = BinnedMean(EDGES), BinnedMean(EDGES)
    one.update(values, rates)
    for part in shuffled.split(7):
        other.update(values[part], rates[part])
    # As text: empty bins are NaN, which equals nothing.
    assert repr(one.compute()) == repr(other.compute())
    summary = one.compute()
    loop = [
        [v for v, r in zip(values.tolist(), rates.tolist(), strict=True) if low <= r < high]
        for low, high in pairwise(EDGES)
    ]
    assert [s.n for s in summary.bins] == [len(part) for part in loop]
    assert summary.overall == functional.summarize(values)
    for entry, part in zip(summary.bins, loop, strict=True):
        if part:
            assert entry.mean == pytest.approx(sum(part) / len(part), abs=1e-9)


def test_neither_order_nor_batches_matter_to_a_ratio(generator: torch.Generator) -> None:
    values, references, rates = torch.rand(3, 50, dtype=torch.float64, generator=generator)
    one, other = BinnedRatio(EDGES), BinnedRatio(EDGES)
    one.update(values, references, rates)
    for part in torch.randperm(50, generator=generator).split(7):
        other.update(values[part], references[part], rates[part])
    assert repr(one.compute()) == repr(other.compute())
    assert one.compute().overall.mean == pytest.approx(float(values.mean() / references.mean()))
    inside = (rates >= 0.3) & (rates < 0.4)
    expected = float(values[inside].mean() / references[inside].mean())
    assert one.compute().bins[3].mean == pytest.approx(expected)


def test_samples_without_the_metric_do_not_count() -> None:
    metric = BinnedMean((0.0, 1.0))
    metric.update(torch.tensor([1.0, torch.nan, 3.0]), torch.tensor([0.1, 0.1, torch.nan]))
    overall, (entry,) = metric.compute()
    assert (entry.n, entry.mean) == (1, 1.0)
    assert (overall.n, overall.mean) == (2, 2.0)
    empty = functional.summarize(torch.zeros(0))
    assert empty.n == 0
    assert np.isnan(empty.mean)


def test_values_by_name_are_means_over_those_that_have_them() -> None:
    metric = MeanByName(["hip", "knee", "toe"])
    metric.update({"hip": 1.0, "knee": 4.0})
    metric.update({"hip": 3.0})
    assert metric.compute() == {"hip": 2.0, "knee": 4.0}


def test_a_ratio_is_paired(generator: torch.Generator) -> None:
    start = 50 + 100 * torch.rand(30, dtype=torch.float64, generator=generator)
    result = functional.summarize_ratio(0.7 * start, start)
    assert result.mean == pytest.approx(0.7)
    assert result.low == pytest.approx(0.7)
    assert result.high == pytest.approx(0.7)
    with pytest.raises(ShapeError, match="cannot be paired"):
        functional.summarize_ratio(start, start[1:])


def test_per_joint_errors_are_those_of_a_loop(generator: torch.Generator) -> None:
    preds, target = torch.randn(2, 4, 6, 24, 3, generator=generator)
    errors = functional.per_joint_error(preds, target)
    for sample in range(4):
        for joint in range(24):
            total = 0.0
            for s in range(6):
                p, t = preds[sample, s].double().numpy(), target[sample, s].double().numpy()
                gap = (p[joint] - p[0]) - (t[joint] - t[0])
                total += 1000 * float(np.sqrt((gap**2).sum())) / 6
            assert float(errors[sample, joint]) == pytest.approx(total, abs=1e-3)
    torch.testing.assert_close(errors.mean(-1), functional.mpjpe(preds, target))


def test_bad_edges_are_refused() -> None:
    with pytest.raises(InputError, match="increasing"):
        functional.bin_index(torch.zeros(1), (0.1, 0.1))
