"""The optimisation: independence of samples, symmetry in time, stages, and that it works."""

from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch

from hfb.errors import InferenceModeError
from hfb.losses import texel_pairs
from hfb.motion import evaluate, reverse, subframe_times
from hfb.prior import MixturePosePrior
from hfb.refine import Fitter, RefineModule, RefineSettings, Stage, join_problems
from hfb.refine.fitter import best_of_groups
from hfb.render import RenderSettings
from hfb.structures import BodyParams


def quick(settings: RefineSettings, num_steps: int) -> RefineSettings:
    return replace(settings, stages=[Stage(num_steps)])


@torch.no_grad()
def joint_error(module, known) -> float:
    times = subframe_times(16)

    def joints(motion):
        pose, transl = evaluate(motion, times)
        found = known.body.joints(BodyParams(torch.zeros(1, 1, 10), pose, transl))
        # Across the image: the start is right in depth, which one image says little about.
        return (found - found[..., :1, :])[..., :2]

    truth = joints(known.truth)
    found = joints(module.polynomial_motion())
    errors = [(found - truth).norm(dim=-1).mean(), (found.flip(1) - truth).norm(dim=-1).mean()]
    return 1e3 * float(min(errors))


def test_batch_of_k_equals_k_singles(body, make_known, small_settings):
    problems = [make_known(offset=offset).problem for offset in (0.0, 0.03, -0.02)]
    fitter = Fitter(body, quick(small_settings, 5), RenderSettings(num_threads=1))
    together = fitter.refine(join_problems(problems), torch.arange(3))
    for k, problem in enumerate(problems):
        alone = fitter.refine(problem, torch.zeros(1, dtype=torch.long))
        for name in ("transl", "root", "pose", "motion", "betas", "texture"):
            torch.testing.assert_close(
                getattr(together, name)[k], getattr(alone, name)[0], atol=1e-4, rtol=1e-4
            )


def test_time_reversed_motion_gives_the_same_blurry_image(known, small_settings):
    module = RefineModule(known.body, known.problem, small_settings, RenderSettings())
    with torch.no_grad():
        module.motion.normal_(0.0, 0.1)
        forward = module.predict().image
        backward_motion = reverse(module.polynomial_motion())
        module.motion.copy_(backward_motion.coeffs[:, 1:])
        backward = module.predict().image
    assert float(module.motion.detach()[:, 0].abs().max()) > 0.05
    torch.testing.assert_close(forward, backward, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_refinement_beats_its_start(body, make_known, small_settings):
    known = make_known()
    small_settings = small_settings.with_weights(image=[3.0, 50.0, 50.0], matting=[1.0, 0.3, 0.3])
    fitter = Fitter(body, small_settings, RenderSettings(), MixturePosePrior())
    start = RefineModule(body, known.problem, small_settings, RenderSettings())
    module = fitter.refine(known.problem, torch.zeros(1, dtype=torch.long))
    with torch.no_grad():
        before, after = start.losses(start.predict())[1], module.losses(module.predict())[1]
    assert float(after["matting"]) < 0.4 * float(before["matting"])
    assert float(after["image"]) < 0.2 * float(before["image"])
    assert joint_error(module, known) < 0.8 * joint_error(start, known)
    assert len(module.history) == small_settings.num_steps


def test_the_better_start_wins(body, make_known, small_settings):
    good, bad = make_known().problem, make_known(offset=0.5).problem
    settings = replace(quick(small_settings, 2), ranking_steps=2)
    fitter = Fitter(body, settings, RenderSettings())
    both = join_problems([bad, good])
    module = fitter.refine(both, torch.zeros(2, dtype=torch.long))
    assert len(module.problem) == 1
    torch.testing.assert_close(module.problem.start.transl, good.start.transl)


def test_a_start_that_is_hardly_likely_must_explain_much_more(body, make_known, small_settings):
    good, bad = make_known().problem, make_known(offset=0.5).problem
    settings = replace(quick(small_settings, 2), ranking_steps=2)
    fitter = Fitter(body, settings, RenderSettings())
    worse, better = (
        float(RefineModule(body, one, settings, RenderSettings()).energy()) for one in (bad, good)
    )
    assert 1.0 < worse / better < 4.0
    for probability, chosen in (([0.5, 0.5], good), ([1.0, 1.0], good)):
        both = replace(join_problems([bad, good]), probability=torch.tensor(probability))
        module = fitter.refine(both, torch.zeros(2, dtype=torch.long))
        torch.testing.assert_close(module.problem.start.transl, chosen.start.transl)
    alike = join_problems([good, good])
    likelier = replace(alike, names=("x/0", "x/1"), probability=torch.tensor([0.3, 0.4]))
    assert fitter.refine(likelier, torch.zeros(2, dtype=torch.long)).problem.names == ("x/1",)


def test_ranking_some_photos_starts_leaves_the_others_alone(body, make_known, small_settings):
    good, bad = make_known().problem, make_known(offset=0.5).problem
    settings = replace(quick(small_settings, 2), ranking_steps=2)
    fitter = Fitter(body, settings, RenderSettings())
    ranked = []

    class Watch(pl.Callback):
        def on_train_start(self, trainer, module):
            ranked.append((module.phase, len(module.problem)))

    three = join_problems([bad, bad, good])
    together = fitter.refine(three, torch.tensor([0, 1, 1]), (Watch(),))
    assert ranked[0] == ("rank_starts", 2)
    alone = fitter.refine(bad, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(together.transl[:1], alone.transl, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.problem.start.transl[1], good.start.transl[0])


def test_best_of_groups():
    energy = torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0])
    assert best_of_groups(energy, torch.tensor([0, 0, 0, 1, 1])).tolist() == [1, 4]


def test_frozen_groups_stand_still(known, small_settings):
    stage = Stage(3, frozen=["betas", "texture"])
    fitter = Fitter(known.body, replace(small_settings, stages=[stage]), RenderSettings())
    module = fitter.refine(known.problem, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(module.betas, known.problem.start.betas)
    assert bool((module.texture == 0.5).all())
    assert not torch.equal(module.transl, torch.zeros_like(module.transl))


def test_weight_zero_skips_a_term_but_total_counts_the_rest(known, small_settings):
    settings = quick(small_settings.with_weights(matting=0.0), 1)
    module = RefineModule(known.body, known.problem, settings, RenderSettings())
    total, terms = module.losses(module.predict())
    assert set(terms) == {"image", "shape", "motion", "pose_anchor"}
    expected = sum(settings.weights_of(0)[name] * value for name, value in terms.items())
    torch.testing.assert_close(total, expected)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_background_term_renders_every_subframe_and_leaves_the_texture_term_alone(
    body, known, small_settings, backend, generator
):
    size = small_settings.texture_size
    pairs = texel_pairs(body.faces, body.uv, body.faces_uv, size)
    texture = torch.rand(1, 3, size, size, generator=generator)
    found = {}
    for weight in (0.0, 0.1):
        settings = quick(small_settings.with_weights(background=weight), 1)
        render_settings = RenderSettings(backend=backend, num_threads=1)
        module = RefineModule(body, known.problem, settings, render_settings, texel_pairs=pairs)
        module.load_state({"texture": texture})
        with torch.no_grad():
            prediction = module.predict()
            found[weight] = module.losses(prediction)[1]
        assert (prediction.layers is not None) == (weight > 0.0)
        assert not prediction.exposure.visible_faces.all()  # nobody is seen from all sides
    assert float(found[0.1].pop("background")) > 0.0
    for name, value in found[0.0].items():
        torch.testing.assert_close(found[0.1][name], value)


def test_paper_parameterization_starts_at_the_same_pose(known, small_settings):
    poses = []
    for name, origin in (("tangent", 0.5), ("paper", 0.0)):
        settings = replace(
            small_settings, parameterization=name, time_origin=origin, start_noise=0.0
        )
        module = RefineModule(known.body, known.problem, settings, RenderSettings())
        poses.append(module.predict().exposure.alpha.detach())
    torch.testing.assert_close(poses[0], poses[1], atol=1e-4, rtol=1e-3)


def test_inference_mode_is_a_named_error(known, small_settings):
    module = RefineModule(known.body, known.problem, small_settings, RenderSettings())
    with torch.inference_mode(), pytest.raises(InferenceModeError, match="inference_mode"):
        module.training_step(None, 0)


def test_the_matte_is_refreshed_between_stages_and_problem_by_problem(
    body, make_known, small_settings
):
    stages = [Stage(2, refresh_matte=True), Stage(2)]
    settings = replace(small_settings, stages=stages)
    problem = make_known().problem
    hole = problem.alpha.clone()
    hole[..., 40:50, 44:52] = 0.0
    damaged = replace(problem, alpha=hole)
    found, given = (
        replace(damaged, matte_is_given=(False,)),
        replace(damaged, matte_is_given=(True,)),
    )
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    both = fitter.refine(join_problems([found, given]), torch.arange(2))
    assert torch.equal(both.problem.alpha[1], hole[0])
    truth, refreshed = (
        alpha[..., 40:50, 44:52] for alpha in (problem.alpha, both.problem.alpha[:1])
    )
    assert float(truth.mean()) > 0.9
    assert float((refreshed - truth).abs().mean()) < 0.1
    alone = fitter.refine(found, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(alone.problem.alpha[0], both.problem.alpha[0], atol=1e-4, rtol=1e-4)
