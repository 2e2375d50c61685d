"""Fits that explain nothing say so: each warning has a case, good fits have none."""

import math
from dataclasses import replace

import pytest
import torch

from hfb.body import SmplBody
from hfb.evaluate.results import FitMetrics
from hfb.evaluate.trust.evidence import FitEvidence, evidence_of
from hfb.evaluate.trust.guard import Verdict
from hfb.evaluate.trust.warnings import (
    FitWarning,
    explained_share,
    explains_nothing,
    join_warnings,
    warnings_of,
)
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.motion import static_motion
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import build_problem
from hfb.refine.result import Refinement
from hfb.structures import BlurSample, Camera, InitialEstimate

GOOD = FitEvidence(20.0, 40.0, 1.0, 1.0, 1.0, 1.0, (1.0, 1.0, 1.0))
FIT = FitMetrics(30.0, 0.8)


def codes(evidence=GOOD, metrics=FIT, start=None):
    return [warning.code for warning in warnings_of(evidence, metrics, start)]


@pytest.mark.parametrize(
    ("psnr", "empty", "noise", "iou"),
    [
        # Real photos whose fits are good to look at (docs/lab/trust.md).
        (29.3, 21.1, 36.1, 0.69),
        (30.8, 17.7, 41.5, 0.86),
        (33.7, 22.7, 51.0, 0.55),
        (36.6, 16.5, 39.3, 0.86),
        (27.1, 18.9, 31.2, 0.67),
        (23.9, 13.8, 26.7, 0.61),
        (30.4, 25.9, 46.0, 0.87),
        (32.5, 16.3, 40.0, 0.58),
    ],
)
def test_good_fits_have_no_warning(psnr, empty, noise, iou):
    evidence = replace(GOOD, empty_psnr_db=empty, noise_psnr_db=noise)
    assert codes(evidence, FitMetrics(psnr, iou)) == []


def test_the_two_cases_that_ended_without_a_word():
    behind = replace(GOOD, empty_psnr_db=26.02, noise_psnr_db=52.3, in_front=0.0, inside=0.0)
    behind = replace(behind, start_in_front=0.0, start_inside=0.0)
    found = codes(behind, FitMetrics(26.02, 0.0), FitMetrics(26.02, 0.0))
    assert found == [
        "behind_camera",
        "matte_not_covered",
        "photo_not_explained",
        "start_outside_picture",
    ]
    everywhere = replace(GOOD, empty_psnr_db=33.2, noise_psnr_db=None, brightness=())
    found = codes(everywhere, FitMetrics(41.5, 0.091), FitMetrics(44.5, 0.059))
    assert found == ["matte_not_covered", "psnr_below_start"]


@pytest.mark.parametrize(
    ("evidence", "metrics", "expected"),
    [
        ({"inside": 0.05}, {}, "outside_picture"),
        ({}, {"matte_iou": 0.3}, "matte_poorly_covered"),
        ({}, {"reblur_psnr_db": 20.2}, "photo_not_explained"),
        ({}, {"reblur_psnr_db": 22.0}, "photo_poorly_explained"),
        ({"noise_psnr_db": 21.0}, {}, "hidden_in_noise"),
        ({"brightness": (1.25, 1.26, 1.27)}, {}, "other_exposure"),
        ({}, {"reblur_psnr_db": math.nan}, "not_finite"),
        ({"inside": math.nan}, {}, "not_finite"),
    ],
)
def test_each_fault_has_its_name(evidence, metrics, expected):
    assert codes(replace(GOOD, **evidence), replace(FIT, **metrics)) == [expected]


def test_falling_behind_the_start_is_said():
    start = FitMetrics(31.0, 0.9)
    assert codes(start=start) == ["psnr_below_start", "iou_below_start"]
    assert codes(start=replace(start, reblur_psnr_db=30.05, matte_iou=0.805)) == []


def test_severe_ones_come_first_and_decide():
    evidence = replace(GOOD, brightness=(2.0, 1.0, 1.0), inside=0.0)
    found = warnings_of(evidence, FIT)
    assert [warning.is_severe for warning in found] == [True, False]
    assert explains_nothing(found)
    assert not explains_nothing(found[1:])
    assert str(found[0]) == "the body lies outside the photo (0 % of it inside) [outside_picture]"


def test_several_photos_are_severe_where_most_are():
    bad, mild = FitWarning("a", "is bad", True), FitWarning("b", "is mild")
    joined = join_warnings([(bad,), (mild,), (bad, mild)])
    assert [str(w) for w in joined] == [
        "2 of 3 photos: is bad [a]",
        "2 of 3 photos: is mild [b]",
    ]
    assert explains_nothing(joined)
    assert not explains_nothing(join_warnings([(bad,), (mild,)]))
    assert join_warnings([(), ()]) == ()


def test_the_share_runs_from_the_empty_scene_to_the_noise():
    assert explained_share(GOOD, 20.0) == 0.0
    assert explained_share(GOOD, 40.0) == 1.0
    assert explained_share(replace(GOOD, noise_psnr_db=None), 30.0) is None


def measured(body: SmplBody, z: float = 4.0, x: float = 0.0, gain: float = 1.0) -> FitEvidence:
    """Evidence of a still body before a noisy grey wall."""
    generator = torch.Generator().manual_seed(1)
    wall = 0.3 + 0.4 * torch.rand(1, 96, 96, generator=generator).expand(3, -1, -1)
    noise = 0.01 * torch.randn(3, 96, 96, generator=generator)
    image = linear_to_srgb((gain * srgb_to_linear(wall) + noise).clamp(0, 1))
    alpha = torch.zeros(1, 96, 96)
    alpha[:, 30:70, 40:56] = 1.0
    image = torch.where(alpha > 0, torch.tensor(0.05), image)
    camera = Camera(torch.tensor([100.0, 100.0]), torch.tensor([48.0, 48.0]), 96, 96)
    pose = torch.eye(3).repeat(24, 1, 1)
    place = torch.tensor([x, 0.0, z])
    estimate = InitialEstimate(
        torch.zeros(1, 10), pose[None], place[None], camera, torch.ones(1), body.identity, "test"
    )
    sample = BlurSample("s", image[None], wall)
    item = InitialisedFrame(sample, estimate, alpha, camera, True)
    problem = build_problem(sample, estimate, alpha, 64, 0.2)
    refinement = Refinement(
        "s", static_motion(pose, place, 1), torch.zeros(10), torch.zeros(3, 4, 4), camera, 2,
        "linear",
    )  # fmt: skip
    return evidence_of(refinement, item, problem, body, (10, 50, 10, 50))


def test_the_limits_are_measured_on_the_photo(body):
    evidence = measured(body)
    # 0.01 of noise in linear light; the crop of 40 px is nearly the 64 px that it is worked on.
    assert 40.0 < evidence.noise_psnr_db < 45.0
    assert evidence.empty_psnr_db < 20.0
    assert (evidence.in_front, evidence.inside) == (1.0, 1.0)
    assert evidence.brightness == pytest.approx((1.0, 1.0, 1.0), abs=0.02)
    assert measured(body, gain=0.8).brightness == pytest.approx((0.8, 0.8, 0.8), abs=0.02)


def test_places_are_told_apart(body):
    behind, aside = measured(body, z=-4.0), measured(body, x=30.0)
    assert (behind.in_front, behind.inside, behind.start_inside) == (0.0, 0.0, 0.0)
    assert (aside.in_front, aside.inside, aside.start_inside) == (1.0, 0.0, 0.0)


def test_a_pose_that_is_rather_wrong_than_right_is_said():
    for sure, expected in ((None, []), (0.51, []), (0.49, ["pose_unsure"])):
        found = warnings_of(GOOD, FIT, guard=Verdict(0.5, 20.0, 0.3, False, sure))
        assert [warning.code for warning in found] == expected
        assert not explains_nothing(found)
    assert "49 % that the mean joint error is below 150 mm" in found[0].text


def test_a_pose_that_was_held_is_said():
    for is_held in (False, True):
        found = warnings_of(GOOD, FIT, guard=Verdict(4.2, 20.0, 0.8, is_held))
        assert [warning.code for warning in found] == ["held_to_start"] * is_held
        assert not explains_nothing(found)
        assert all("4.2 times" in warning.text for warning in found)
    (cut,) = warnings_of(GOOD, FIT, guard=Verdict(0.8, 20.0, 0.4, True))
    assert (
        cut.text
        == "the frame or somebody else hides part of the person: the pose stays near its start"
    )
