"""Stages on a smaller image: the same photo, seen by a smaller camera."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

from hfb.formation import srgb_to_linear
from hfb.init.register.correspondence import CHANNEL_NAMES
from hfb.refine import Fitter, RefineModule, RefineSettings, Stage
from hfb.refine.objective.coarse import coarser
from hfb.render import RenderSettings
from hfb.structures import SeenLandmarks


@pytest.fixture
def module(make_known) -> RefineModule:
    known = make_known(size=192)
    channels = len(CHANNEL_NAMES)
    xy = torch.rand(1, channels, 2, generator=torch.Generator().manual_seed(0)) * 192
    seen = SeenLandmarks(xy, torch.ones(1, channels))
    problem = replace(known.problem, landmarks=seen)
    settings = replace(RefineSettings(), image_size=192, num_subframes=8)
    return RefineModule(known.body, problem, settings, RenderSettings(num_threads=1))


def test_a_smaller_prediction_is_the_mean_of_the_large_one(module: RefineModule) -> None:
    small = coarser(module.context, 0.5)
    with torch.no_grad():
        large, found = module.predict(), module.predict(small)
    assert found.image.shape[-1] == 96
    assert found.pose_rotmat.shape[1] == 4
    expected = adaptive_avg_pool2d(srgb_to_linear(large.image), 96)
    # Other sub-frames, and each image's own smoothing at the outline.
    difference = (srgb_to_linear(found.image) - expected).abs()
    assert float(difference.mean()) < 2e-3
    covered = adaptive_avg_pool2d(large.exposure.alpha, 96)
    assert float((found.exposure.alpha - covered).abs().mean()) < 4e-3


def test_the_photo_is_averaged_in_linear_light(module: RefineModule) -> None:
    small, problem = coarser(module.context, 0.5), module.problem
    for name in ("image", "background"):
        expected = adaptive_avg_pool2d(srgb_to_linear(getattr(problem, name)), 96)
        found = srgb_to_linear(getattr(small.problem, name))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(small.background, srgb_to_linear(small.problem.background))


def test_landmarks_and_camera_shrink_together(module: RefineModule) -> None:
    small = coarser(module.context, 0.5)
    torch.testing.assert_close(small.landmarks.xy, module.context.landmarks.xy / 2)
    torch.testing.assert_close(small.landmarks.height, module.context.landmarks.height / 2)


@pytest.mark.parametrize(("size", "scale", "side"), [(96, 0.5, 96), (128, 0.5, 96), (64, 0.1, 64)])
def test_crops_do_not_get_too_small(make_known, size: int, scale: float, side: int) -> None:
    known = make_known(size=size)
    settings = replace(RefineSettings(), image_size=size)
    context = RefineModule(known.body, known.problem, settings, RenderSettings()).context
    found = coarser(context, scale)
    assert found.problem.image.shape[-1] == side
    assert (found is context) == (side == size)


def test_each_stage_has_its_size_and_results_are_of_the_full_one(
    make_known, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, sides = make_known(size=192), []
    predict = RefineModule.predict

    def watched(self, context=None):
        prediction = predict(self, context)
        if torch.is_grad_enabled():
            sides.append(prediction.image.shape[-1])
        return prediction

    monkeypatch.setattr(RefineModule, "predict", watched)
    stages = [Stage(2, scale=0.5, refresh_matte=True), Stage(1), Stage(1, scale=0.75)]
    settings = replace(RefineSettings(), image_size=192, stages=stages, hold_unexplained=False)
    fitter = Fitter(known.body, settings, RenderSettings(num_threads=1))
    module = fitter.refine(known.problem, torch.zeros(1, dtype=torch.long))
    assert sides == [96, 96, 192, 144]
    assert module.problem.alpha.shape[-1] == 192
    assert module.predict().image.shape[-1] == 192


def test_a_new_matte_reaches_the_small_image(module: RefineModule) -> None:
    before = module.stage_context.problem.alpha
    assert before.shape[-1] == 96
    module.set_problem(replace(module.problem, alpha=torch.zeros_like(module.problem.alpha)))
    assert float(module.stage_context.problem.alpha.max()) == 0.0 < float(before.max())
