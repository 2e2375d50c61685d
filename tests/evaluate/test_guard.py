"""The verdict says how badly a photo is explained, and whether the result was held to the start."""

from dataclasses import replace

import pytest
import torch

from hfb.evaluate.guard import risk_of, verdicts
from hfb.refine import Fitter, Stage, join_problems
from hfb.render import RenderSettings


def test_the_risk_grows_with_the_error():
    risks = [risk_of(error) for error in (0.0, 0.1, 1.0, 10.0, 1e9)]
    assert risks == sorted(risks)
    assert 0.0 <= risks[0] < risks[2] < risks[4] <= 1.0


def test_each_photo_has_a_verdict(known, body, small_settings):
    settings = replace(small_settings, stages=[Stage(3)])
    odd = replace(known.problem, names=("odd/0",), image=1.0 - known.problem.image)
    problems, groups = join_problems([known.problem, odd]), torch.arange(2)
    free = Fitter(body, replace(settings, hold_unexplained=False), RenderSettings())
    module = free.refine(problems, groups)
    first, second = verdicts(module)
    assert not first.is_held
    assert not second.is_held
    assert second.unexplained > first.unexplained
    assert second.risk == pytest.approx(risk_of(second.unexplained))
    between = settings.explained_error * (first.unexplained + second.unexplained) / 2
    judging = Fitter(body, replace(settings, explained_error=between), RenderSettings())
    assert [v.is_held for v in verdicts(judging.refine(problems, groups))] == [False, True]
