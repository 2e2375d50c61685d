"""What the signs of a fit say: probabilities and sigmas, and files of weights that are none."""

import json
import math
from dataclasses import replace

import pytest
import torch

from hfb.errors import InputError
from hfb.evaluate.trust.guard import Verdict, joint_sureness
from hfb.evaluate.trust.signs import Signs
from hfb.evaluate.trust.sureness import (
    SurenessModel,
    Weight,
    content_of,
    expected_mm,
    load_sureness,
    sureness_of,
)
from hfb.evaluate.trust.warnings import sureness_words
from hfb.skeleton import SMPL_JOINT_NAMES

NAMES = ("pelvis", "left_knee", "right_knee")
SIGNS = Signs(
    start_mm=100.0,
    lifted_mm=20.0,
    spread_mm=20.0,
    moved_mm=20.0,
    unexplained=0.5,
    matte_iou=0.9,
    path_mm=200.0,
    tilt_deg=10.0,
    joint_start_mm=(0.0, 50.0, 100.0),
    joint_moved_mm=(0.0, 20.0, 20.0),
)
MODEL = SurenessModel(
    bias=-2.0,
    signs={"start_mm": Weight(math.log(100.0), 2.0), "moved_mm": Weight(math.log(20.0), 1.0)},
    joint_bias={"left_knee": math.log(60.0), "right_knee": math.log(60.0)},
    joint_signs={"start_mm": Weight(math.log(50.0), 1.0)},
    card={"photos": 3},
)


def test_at_the_centre_of_all_signs_the_bias_speaks():
    found = sureness_of(SIGNS, NAMES, MODEL)
    assert found.sure == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert found.signs is SIGNS


def test_a_less_certain_start_makes_less_sure():
    twice = sureness_of(replace(SIGNS, start_mm=200.0), NAMES, MODEL)
    assert twice.sure == pytest.approx(1 / (1 + math.exp(-2.0 + 2.0 * math.log(2.0))))


def test_what_is_not_known_counts_as_usual():
    unknown = replace(SIGNS, start_mm=None, joint_start_mm=None)
    found = sureness_of(unknown, NAMES, MODEL)
    assert found.sure == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert expected_mm(found.joint_sigma_mm["right_knee"]) == pytest.approx(60.0)


def test_sigmas_are_of_one_axis_and_follow_the_joint_s_own_sign():
    sigma = sureness_of(SIGNS, NAMES, MODEL).joint_sigma_mm
    assert list(sigma) == list(NAMES)
    assert sigma["pelvis"] == 0.0
    assert expected_mm(sigma["left_knee"]) == pytest.approx(60.0)
    assert sigma["right_knee"] == pytest.approx(2 * sigma["left_knee"])
    # The mean length of vectors whose three axes have this standard deviation.
    drawn = sigma["left_knee"] * torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
    assert float(drawn.norm(dim=-1).mean()) == pytest.approx(60.0, rel=0.01)


def test_a_joint_that_the_weights_do_not_know_is_like_the_others():
    sigma = sureness_of(SIGNS, ("pelvis", "tail", "right_knee"), MODEL).joint_sigma_mm
    assert expected_mm(sigma["tail"]) == pytest.approx(60.0)


def test_a_fit_that_has_run_away_is_not_believed():
    away = replace(SIGNS, start_mm=1e12, moved_mm=1e12)
    assert 0.0 <= sureness_of(away, NAMES, MODEL).sure < 1e-9


def test_the_shipped_weights_judge_every_joint():
    many = replace(SIGNS, joint_start_mm=(60.0,) * 24, joint_moved_mm=(20.0,) * 24)
    found = sureness_of(many, SMPL_JOINT_NAMES)
    assert 0.05 < found.sure < 0.999
    assert all(5.0 < mm < 300.0 for name, mm in found.joint_sigma_mm.items() if name != "pelvis")
    assert set(load_sureness().joint_bias) == set(SMPL_JOINT_NAMES[1:])
    unsure = sureness_of(replace(many, start_mm=300.0), SMPL_JOINT_NAMES)
    assert unsure.sure < found.sure


def test_files_keep_a_model(tmp_path):
    path = tmp_path / "sureness.json"
    path.write_text(json.dumps(content_of(MODEL)))
    assert load_sureness(path) == MODEL


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("bias"),
        lambda c: c.update(version=2),
        lambda c: c["signs"].update(colour={"centre": 0, "weight": 1}),
        lambda c: c["signs"].update(start_mm=3),
        lambda c: c.update(joint_bias=[1, 2]),
    ],
)
def test_other_files_are_refused(tmp_path, change):
    content = content_of(MODEL)
    change(content)
    path = tmp_path / "sureness.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"sureness\.json is no table of weights"):
        load_sureness(path)


def test_words_tell_the_probability_and_the_widest_joint():
    verdict = Verdict(0.5, 20.0, 0.3, False)
    assert sureness_words([verdict]) is None
    assert joint_sureness([verdict]) is None
    one, other = (
        replace(verdict, sure=sure, joint_sigma_mm={"pelvis": 0.0, "left_knee": 30.0, "neck": 60.0})
        for sure in (0.9, 0.7)
    )
    assert sureness_words([one]) == (
        "90 % that the mean joint error is below 150 mm; expected error 48 mm, neck 96 mm"
    )
    assert "80 % that" in sureness_words([one, other])
    assert "mean over the photos" in sureness_words([one, other])
