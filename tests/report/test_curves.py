"""Which curves the page gets: weighted, of the last fit, in the order of the photos."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch

from hfb.evaluate.results import SampleResult
from hfb.report.curves import LossCurves

TRAINER = Mock(spec=pl.Trainer)


def module(names, history, phase="refine", weights=({"image": 2.0, "pose": 0.0},)):
    """What a finished fit shows of itself; each stage has one step."""
    settings = SimpleNamespace(
        weights_of=lambda stage: weights[stage],
        stage_index=lambda step: min(step, len(weights) - 1),
    )
    problem = SimpleNamespace(names=names)
    return SimpleNamespace(phase=phase, history=history, settings=settings, problem=problem)


def result(*names, method="hfb"):
    def photo(name):
        item = SimpleNamespace(sample=SimpleNamespace(sample_id=name))
        return Mock(spec=SampleResult, item=item, photos=(), method=method)

    photos = tuple(photo(name) for name in names)
    one = photo(names[0])
    one.photos = photos if len(names) > 1 else ()
    return one


def step(*totals):
    return {
        "total": torch.tensor(totals),
        "image": torch.tensor(totals) / 2,
        "pose": torch.ones(len(totals)),
    }


@pytest.fixture
def curves() -> LossCurves:
    return LossCurves()


def test_terms_come_times_their_weights(curves):
    weights = ({"image": 2.0, "pose": 0.0}, {"image": 4.0, "pose": 0.5})
    fit = module(("a/0", "b/3"), [step(8.0, 1.0), step(6.0, 1.0)], weights=weights)
    curves.on_train_end(TRAINER, fit)
    (own,) = curves.take(result("a"))
    assert own["total"] == [8.0, 6.0]
    assert own["image"] == [8.0, 12.0]
    assert own["pose"][0] != own["pose"][0], "left out of the first stage"
    assert own["pose"][1] == 0.5


def test_they_are_handed_out_once_and_photo_by_photo(curves):
    curves.on_train_end(TRAINER, module(("s_photo0/0", "s_photo1/0"), [step(3.0, 4.0)]))
    found = curves.take(result("s_photo0", "s_photo1"))
    assert [own["total"] for own in found] == [[3.0], [4.0]]
    assert curves.take(result("s_photo0", "s_photo1")) == []


def test_fits_that_rank_starts_do_not_count(curves):
    curves.on_train_end(TRAINER, module(("a/0",), [step(1.0)], phase="rank_starts"))
    assert curves.take(result("a")) == []


def test_of_several_methods_the_first_fits_curves_stay(curves):
    curves.on_train_end(TRAINER, module(("a/0",), [step(1.0)]))
    curves.on_train_end(TRAINER, module(("a/0",), [step(2.0)]))
    (own,) = curves.take(result("a"))
    assert own["total"] == [1.0]
    curves.on_train_end(TRAINER, module(("a/0",), [step(5.0)]))
    assert curves.take(result("a", method="static")) == [], "no fit, no curves"
    assert curves.take(result("a")) == [], "and nothing is left for the next run"
