"""Landmarks reach the fit, hold it, and weigh as the photo is left unexplained."""

from dataclasses import replace

import pytest
import torch

from hfb.geometry import project
from hfb.init.register.correspondence import CHANNEL_NAMES, correspondence, legs_exchanged
from hfb.losses import image_loss
from hfb.refine import Fitter, RefineModule, Stage, join_problems
from hfb.refine.energy import prior_strength
from hfb.refine.landmark_target import landmark_target
from hfb.refine.problem import build_problem
from hfb.render import RenderSettings
from hfb.structures import BlurSample, Camera, InitialEstimate, SeenLandmarks

LEFT_WRIST = CHANNEL_NAMES.index("left_wrist")


def shown_by_start(problem, body):
    """The channels of a problem's start in its crop."""
    table, posed = correspondence(body), body(problem.start)
    points = torch.cat([posed.joints, posed.verts[:, table.vertices]], 1)
    return project(table.from_points.to(points) @ points, problem.camera)


def with_wrist_moved(problem, body, px):
    """The problem whose detector saw the left wrist elsewhere, and the rest where it is."""
    xy = shown_by_start(problem, body)
    xy[:, LEFT_WRIST, 0] += px
    return replace(problem, landmarks=SeenLandmarks(xy, torch.ones(xy.shape[:2])))


@pytest.fixture
def held(small_settings):
    return replace(
        small_settings.with_weights(landmarks=300.0), stages=[Stage(25)], noise_level=1e-6
    )


def test_the_target_lies_between_the_detector_and_the_start(body, known):
    assert landmark_target(known.problem, body) is None
    target = landmark_target(with_wrist_moved(known.problem, body, 8.0), body)
    expected = shown_by_start(known.problem, body)
    expected[:, LEFT_WRIST, 0] += 4.0
    torch.testing.assert_close(target.xy, expected)
    assert bool((target.trust == 1.0).all())


def test_landmarks_move_into_the_crop(body, known):
    problem = known.problem
    full = Camera(torch.tensor([700.0, 700.0]), torch.tensor([160.0, 130.0]), 240, 320)
    posed = body(problem.start)
    table = correspondence(body)
    points = torch.cat([posed.joints, posed.verts[:, table.vertices]], 1)
    xy = project(table.from_points.to(points) @ points, full)
    seen = SeenLandmarks(xy, torch.full((1, len(CHANNEL_NAMES)), 0.5))
    estimate = InitialEstimate(
        problem.start.betas, problem.start.pose_rotmat, problem.start.transl, full,
        torch.ones(1), body.identity, "test", landmarks=seen,
    )  # fmt: skip
    alpha = torch.zeros(1, 240, 320)
    alpha[:, 60:200, 100:220] = 1.0
    image = torch.rand(1, 3, 240, 320)
    built = build_problem(BlurSample("a", image, image[0]), estimate, alpha, 96, 0.1)
    torch.testing.assert_close(
        built.landmarks.xy, shown_by_start(built, body), atol=1e-2, rtol=1e-4
    )
    assert torch.equal(built.landmarks.trust, seen.trust)


def test_a_landmark_pulls_its_joint(body, known, held):
    fitter = Fitter(body, held, RenderSettings())
    ends = []
    for px in (-8.0, 8.0):
        problem = with_wrist_moved(known.problem, body, px)
        module = fitter.refine(problem, torch.arange(1))
        prediction = module.predict()
        seen = module.context.landmarks.seen(
            prediction.joints[:, 0], prediction.verts[:, 0], problem.camera
        )
        ends.append(float(seen.detach()[0, LEFT_WRIST, 0]))
    assert ends[1] > ends[0] + 2.0


def test_problems_with_and_without_landmarks_go_together(body, known, held):
    fitter = Fitter(body, held, RenderSettings())
    with_one = with_wrist_moved(known.problem, body, 8.0)
    neither = fitter.refine(join_problems([known.problem, known.problem]), torch.arange(2)).pose
    both = fitter.refine(join_problems([known.problem, with_one]), torch.arange(2)).pose
    torch.testing.assert_close(both[0], neither[0], atol=1e-5, rtol=1e-4)
    assert float((both[1] - neither[1]).detach().abs().max()) > 0.01


def test_exchanged_legs_take_their_landmarks_along():
    count = len(CHANNEL_NAMES)
    xy = torch.arange(2.0 * count).reshape(1, count, 2)
    seen = SeenLandmarks(xy, torch.arange(float(count))[None])
    changed = legs_exchanged(seen)
    for row, name in enumerate(CHANNEL_NAMES):
        other = name.replace("left", "x").replace("right", "left").replace("x", "right")
        is_leg = name.split("_")[-1] in ("knee", "ankle", "heel", "toe")
        expected = CHANNEL_NAMES.index(other) if is_leg else row
        assert torch.equal(changed.xy[:, row], xy[:, expected])
        assert float(changed.trust[0, row]) == expected


def test_priors_weigh_as_the_photo_is_left_unexplained(body, known, small_settings):
    settings = replace(small_settings, noise_level=1e-3, noise_power=1.0, normalize_by_area=False)
    settings = replace(settings, stages=[Stage(1, raise_priors=True)])
    problem = with_wrist_moved(known.problem, body, 20.0)
    module = RefineModule(body, problem, settings, RenderSettings())
    prediction = module.predict()
    error = float(image_loss(prediction.image, problem.image, problem.valid).detach())
    found = prior_strength(prediction, module.context)
    assert float(found) == pytest.approx(min(max(error / 1e-3, 1.0), 50.0))
    assert float(found) > 2.0
    exact = replace(prediction, image=problem.image)
    assert float(prior_strength(exact, module.context)) == 1.0
    total, terms = module.losses(prediction)
    weights = module.weights
    priors = sum(
        weights[name] * float(terms[name].detach())
        for name in ("motion", "pose_anchor", "landmarks")
    )
    others = sum(
        weights[name] * float(terms[name].detach()) for name in ("image", "matting", "shape")
    )
    assert float(total.detach()) == pytest.approx(others + priors * float(found), rel=1e-4)


def test_a_photo_that_is_explained_outweighs_the_detector(body, known, small_settings):
    problem = with_wrist_moved(known.problem, body, 20.0)
    module = RefineModule(body, problem, small_settings, RenderSettings())
    prediction = module.predict()
    unexplained = float(module.losses(prediction)[1]["landmarks"].detach())
    exact = replace(prediction, image=problem.image)
    assert unexplained > 0.0
    assert float(module.losses(exact)[1]["landmarks"].detach()) == 0.0
