"""How well probabilities rank failures: against a count of pairs."""

import math

import pytest
import torch

from hfb.metrics import FailureRanking


def test_the_auroc_is_the_share_of_pairs_in_order():
    generator = torch.Generator().manual_seed(0)
    sure = (10 * torch.rand(40, generator=generator)).round() / 10  # with ties
    error = 300 * torch.rand(40, generator=generator)
    metric = FailureRanking(150.0)
    metric.update(sure[:15], error[:15])
    metric.update(sure[15:], error[15:])
    found = metric.compute()
    pairs = [
        1.0 if sure[i] < sure[j] else 0.5 if sure[i] == sure[j] else 0.0
        for i in range(40) if error[i] >= 150
        for j in range(40) if error[j] < 150
    ]  # fmt: skip
    assert found.auroc == pytest.approx(sum(pairs) / len(pairs))
    assert (found.n, found.failed) == (40, int((error >= 150).sum()))
    assert found.expected == pytest.approx(float((1 - sure).sum()), abs=1e-5)
    brier = ((1 - sure - (error >= 150).float()) ** 2).mean()
    assert found.brier == pytest.approx(float(brier), abs=1e-6)


def test_samples_without_truth_or_probability_do_not_count():
    metric = FailureRanking(150.0)
    nan = math.nan
    metric.update(torch.tensor([0.9, nan, 0.2, 0.4]), torch.tensor([80.0, 300.0, nan, 200.0]))
    found = metric.compute()
    assert (found.n, found.failed, found.auroc) == (2, 1, 1.0)


def test_without_failures_there_is_nothing_to_rank():
    metric = FailureRanking(150.0)
    metric.update(torch.tensor([0.9, 0.8]), torch.tensor([80.0, 90.0]))
    assert metric.compute().auroc is None
    empty = FailureRanking(150.0)
    empty.update(torch.tensor([]), torch.tensor([]))
    assert empty.compute() == (0, 0, 0.0, None, None)
