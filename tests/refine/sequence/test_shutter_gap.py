"""An unknown gap between consecutive photos: the fits that find it."""

from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch
from photo_sequences import quick, two_photos

from hfb.geometry import default_camera
from hfb.motion import evaluate
from hfb.refine import Fitter, RefineModule, RefineSettings, Stage
from hfb.refine.result import refinements_of
from hfb.refine.sequence.shutter_gap import blur_in_crop, free_settings, second_settings
from hfb.render import RenderSettings
from hfb.structures import BodyParams

TORSO = [0, 1, 2, 3, 6, 9, 12]  # root, hips, spine and neck


class CountSteps(pl.Callback):
    """How many steps each of the fits takes, in their order."""

    def __init__(self):
        self.of_phase = {}

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.of_phase[pl_module.phase] = trainer.global_step


def test_photos_go_on_from_where_others_ended_moving_as_their_places_say(
    body, make_known, small_settings
):
    problem = two_photos(make_known)
    settings = quick(small_settings, Stage(3))
    render_settings = RenderSettings(num_threads=1)
    fitted = Fitter(body, settings, render_settings).refine(problem, torch.arange(2))
    module = RefineModule(body, problem, settings, render_settings, gap=torch.tensor([0.2]))
    module.restart_from(fitted)
    for name in ("transl", "root", "pose", "betas", "texture"):
        torch.testing.assert_close(getattr(module, name), getattr(fitted, name))
    apart = fitted.polynomial_motion().with_coeffs(fitted.polynomial_motion().coeffs.detach())
    _, middle = evaluate(apart, torch.tensor([0.5]))
    displacement = 0.8 * (middle[1, 0] - middle[0, 0])
    torch.testing.assert_close(module.motion[:, 0, 0].detach(), displacement.expand(2, 3))
    assert float(module.motion[:, 1:].detach().abs().max()) == 0.0


def test_blur_is_measured_in_pixels_of_the_crop():
    rod = torch.stack([torch.zeros(9), torch.linspace(-1.0, 1.0, 9), torch.full((9,), 4.0)], -1)
    slides = torch.tensor([-0.05, 0.0, 0.05])[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    settings = replace(RefineSettings(), image_size=248, crop_margin=0.12)
    assert blur_in_crop((rod + slides)[None], settings).item() == pytest.approx(10.0)


def test_a_matte_without_its_faint_edges_does_not_shorten_displacements(
    body, make_known, small_settings
):
    """With the weights of the fit before, the person who slides by 25 cm would go 19."""
    still = make_known().truth
    slide = torch.zeros_like(still.coeffs)
    slide[:, 1, 0, 0] = 0.25
    truth = still.with_coeffs(slide)
    made = make_known(truth=truth).problem
    start = BodyParams(torch.zeros(1, 10), truth.base_rotmat, truth.base_transl)
    problem = replace(made, start=start, alpha=((made.alpha - 0.2) / 0.6).clamp(0.0, 1.0))
    settings = small_settings.with_weights(image=50.0, matting=0.3)
    settings = quick(replace(settings, num_subframes=8), Stage(60))

    def displacement(settings):
        fitted = Fitter(body, settings, RenderSettings(num_threads=1))
        motion = fitted.refine(problem, torch.arange(1)).polynomial_motion()
        pose, transl = evaluate(motion, torch.tensor([0.0, 1.0]))
        joints = body.joints(BodyParams(torch.zeros(1, 2, 10), pose, transl)).detach()
        return abs(float((joints[0, 1] - joints[0, 0])[TORSO, 0].mean()))

    assert displacement(settings) < 0.2
    assert displacement(second_settings(settings)) == pytest.approx(0.25, abs=0.025)


def test_an_unknown_gap_is_found_before_the_photos_meet(body, make_known, small_settings):
    problem = two_photos(make_known)
    untimed = replace(problem, sequences=replace(problem.sequences, is_timed=False))
    stages = Stage(4, choose_directions=True), Stage(3)
    settings = replace(quick(small_settings, *stages), hold_unexplained=False)
    free = free_settings(settings)
    assert [stage.num_steps for stage in free.stages] == [4]
    assert free.weights_of(0) == {**settings.weights_of(0), "boundary": 0.0}
    assert free.start_noise == 0.0
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    steps = CountSteps()
    fitted = fitter.refine(untimed, torch.arange(2), [steps])
    assert list(steps.of_phase.items()) == [("find_gap_1", 4), ("find_gap_2", 4), ("refine", 7)]
    assert fitted.gap.shape == (1,)
    assert 0.0 <= float(fitted.gap) <= 0.75
    cameras = [default_camera(8, 8)] * 2
    one, two = (refinement.gap for refinement in refinements_of(fitted, cameras))
    assert one == two == fitted.found_gaps[0]
    assert float(fitted.gap) == pytest.approx(one.share)
    assert one.sigma > 0.05  # of a few steps nothing is sure
    # Told the closings that this gap means, the same fit begins. (Where photos are alike, the signs
    # of L1 differences soon depend on rounding.)
    closing = 0.1 * (1.0 - float(fitted.gap))
    exposure = torch.tensor([[0.0, closing], [0.1, 0.1 + closing]])
    told = replace(problem, sequences=replace(problem.sequences, exposure=exposure))
    other = fitter.refine(told, torch.arange(2))
    assert other.gap is None
    assert [refinement.gap for refinement in refinements_of(other, cameras)] == [None, None]
    for name, value in fitted.history[0].items():
        torch.testing.assert_close(other.history[0][name], value, atol=1e-5, rtol=1e-4)
