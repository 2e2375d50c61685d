"""The verdict says how badly a photo is explained, and whether the result was held to the start."""

import math
from dataclasses import replace

import pytest
import torch

from hfb.evaluate.trust.guard import risk_of, verdicts
from hfb.refine import Fitter, RefineModule, Stage, join_problems
from hfb.render import RenderSettings


def test_the_risk_grows_with_the_error():
    risks = [risk_of(error) for error in (0.0, 0.1, 1.0, 10.0, 1e9)]
    assert risks == sorted(risks)
    assert 0.0 <= risks[0] < risks[2] < risks[4] <= 1.0


def test_a_held_fit_is_judged_by_how_far_it_went():
    near, far = (risk_of(9.0, moved, is_held=True) for moved in (5.0, 50.0))
    assert 0.0 < near < far < 1.0
    assert risk_of(1e9, 5.0, is_held=True) == near
    assert risk_of(9.0, 5.0) == risk_of(9.0, 50.0)


def test_the_distance_is_that_of_the_pose_from_the_start(known, body, small_settings):
    """A body that is only somewhere else has its start's pose; one arm is a share of a body."""
    module = RefineModule(body, known.problem, small_settings, RenderSettings())
    state = {name: getattr(module, name).detach().clone() for name in module.MOTION_GROUPS}
    module.load_state({"transl": state["transl"] + 0.2})
    (elsewhere,) = verdicts(module)
    assert elsewhere.moved_mm == pytest.approx(0.0, abs=0.01)
    elbow = body.joint_names.index("left_elbow")
    turned = state["pose"].clone()
    turned[:, 0, elbow - 1, 1] += 0.5  # tracks of the pose begin with joint 1
    module.load_state({**state, "pose": turned})
    (bent,) = verdicts(module)
    rest = known.problem.start
    joints = body(rest).joints[0]
    wrist, hand = (body.joint_names.index(f"left_{name}") for name in ("wrist", "hand"))
    reach = [float((joints[k] - joints[elbow]).norm()) for k in (wrist, hand)]
    longest = sum(2.0 * math.sin(0.25) * length for length in reach) / len(joints) * 1000.0
    assert 0.3 * longest < bent.moved_mm <= longest * 1.01


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
