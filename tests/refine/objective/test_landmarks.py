"""Landmarks reach the fit; photos that are not explained go back to their starts and are held."""

from dataclasses import replace

import pytest
import torch
from photo_sequences import two_photos

from hfb.geometry import project
from hfb.init.register.correspondence import CHANNEL_NAMES, correspondence, legs_exchanged
from hfb.losses import image_loss
from hfb.refine import Fitter, RefineModule, Stage, join_problems
from hfb.refine.objective.holding import holding_factor
from hfb.refine.objective.landmark_target import landmark_target
from hfb.refine.problem import build_problem, is_cut
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
def never_explained(small_settings):
    """All photos are held, strongly."""
    settings = replace(small_settings.with_weights(landmarks=300.0), stages=[Stage(25)])
    return replace(settings, explained_error=1e-9)


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


def test_a_landmark_pulls_its_joint(body, known, never_explained):
    fitter = Fitter(body, never_explained, RenderSettings())
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


def test_problems_with_and_without_landmarks_go_together(body, known, never_explained):
    fitter = Fitter(body, never_explained, RenderSettings())
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


def test_held_photos_weigh_by_their_error(body, known, small_settings):
    settings = replace(small_settings, explained_error=4.3e-3, held_power=1.5)
    problem = with_wrist_moved(known.problem, body, 20.0)
    problem = join_problems([problem] * 2)
    module = RefineModule(body, problem, settings, RenderSettings(), is_held=True)
    prediction = module.predict()
    image = prediction.image.detach().clone()
    image[1] = problem.image[1]
    prediction = replace(prediction, image=image)
    area = (problem.alpha * problem.valid).sum((-3, -2, -1))
    error = float(image_loss(image, problem.image, problem.valid, area)[0])
    factor = [(error / 4.3e-3) ** 1.5, 15.0]
    assert 15.0 < factor[0] < 50.0
    found = holding_factor(prediction, module.context)
    torch.testing.assert_close(found, torch.tensor(factor))
    total, terms = module.losses(prediction)
    weights = module.weights
    by_hand = [
        sum(
            weights[name] * float(terms[name][p].detach())
            / (1.0 if name in ("motion", "pose_anchor", "landmarks") else factor[p])
            for name in terms
        )
        for p in range(2)
    ]  # fmt: skip
    torch.testing.assert_close(total.detach(), torch.tensor(by_hand), rtol=1e-4, atol=1e-5)


def test_a_photo_that_is_not_explained_is_fitted_once_more(body, known, small_settings):
    """Among others that are, whose results stay as they were."""
    settings = replace(small_settings, stages=[Stage(8)])
    fine = known.problem
    odd = replace(fine, names=("odd/0",), image=1.0 - fine.image)
    problems, groups = join_problems([fine, odd]), torch.arange(2)
    free = fitter_of(body, replace(settings, hold_unexplained=False)).refine(problems, groups)
    error = free.judge()
    assert float(error[1]) > 2.0 * float(error[0])
    between = settings.explained_error * float(error.mean())
    some = fitter_of(body, replace(settings, explained_error=between)).refine(problems, groups)
    assert some.held.tolist() == [False, True]
    for name in ("pose", "motion", "texture", "betas", "transl"):
        one, other = getattr(some, name), getattr(free, name)
        assert torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])
    assert float(some.pose[1].detach().norm()) < float(free.pose[1].detach().norm())


def test_people_whom_the_frame_cuts_are_held(body, known, small_settings):
    settings = replace(small_settings, stages=[Stage(2)], explained_error=1e3)
    assert not bool(is_cut(known.problem, body))
    valid = known.problem.valid.clone()
    valid[:, :, 60:] = 0.0
    cut = replace(known.problem, valid=valid)
    assert bool(is_cut(cut, body))
    module = fitter_of(body, settings).refine(join_problems([known.problem, cut]), torch.arange(2))
    assert module.held.tolist() == [False, True]


def test_photos_of_a_sequence_share_their_fate(make_known, body, small_settings):
    settings = replace(small_settings, stages=[Stage(4)], explained_error=1e-9)
    module = fitter_of(body, settings).refine(two_photos(make_known), torch.arange(2))
    assert module.held.tolist() == [True, True]
    assert float(module.unexplained[0]) == float(module.unexplained[1])


def fitter_of(body, settings):
    return Fitter(body, settings, RenderSettings(num_threads=1))
