"""What happens between the stages of a fit."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from hfb.motion import evaluate, reverse
from hfb.refine import Fitter, RefineModule, Stage, callbacks, join_problems
from hfb.refine.sequence.boundaries import Sequences
from hfb.render import RenderSettings

TURNED_AFTER, STEPS = 5, 12


def fitted(fitter, problem):
    return fitter.refine(problem, torch.arange(len(problem)))


def test_adam_goes_on_as_if_a_turned_motion_had_always_run_this_way(
    body, make_known, small_settings, monkeypatch
):
    """A photo blurs alike both ways, so its fit may be turned round at any step."""
    problem = join_problems([make_known().problem, make_known(offset=0.03).problem])
    lone = Sequences(torch.arange(2), torch.tensor([[0.0, 0.1], [0.1, 0.2]]))
    settings = replace(
        small_settings,
        stages=[Stage(TURNED_AFTER, choose_directions=True), Stage(STEPS - TURNED_AFTER)],
    ).with_only(image=3.0, matting=1.0)
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    problem = replace(problem, sequences=lone)
    straight = fitted(fitter, problem).polynomial_motion()
    turn = torch.tensor([True, False])
    monkeypatch.setattr(callbacks, "backward_photos", lambda *args: turn)
    turned = fitted(fitter, problem).polynomial_motion()
    t = torch.tensor([0.1, 0.5, 0.8])
    for photo, times in ((0, 1.0 - t), (1, t)):
        for one, two in zip(
            evaluate(turned.index(photo), t), evaluate(straight.index(photo), times), strict=True
        ):
            torch.testing.assert_close(one, two, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("origin", [0.5, 0.0, 0.2])
def test_adams_memory_is_turned_as_gradients_turn(known, body, small_settings, generator, origin):
    """Against autograd: the gradient of any function with respect to the reversed coefficients."""
    settings = replace(small_settings, time_origin=origin)
    module = RefineModule(body, known.problem, settings, RenderSettings(num_threads=1))
    motion = module.polynomial_motion()
    weight, slope = torch.randn(2, *motion.coeffs.shape, generator=generator)

    def gradient_at(coeffs, of):
        coeffs = coeffs.detach().requires_grad_()
        return torch.autograd.grad(of(coeffs), coeffs)[0]

    def energy(coeffs):
        return (weight * coeffs.square() + slope * coeffs).sum()

    def reversed_energy(coeffs):
        return energy(reverse(motion.with_coeffs(coeffs)).coeffs)

    optimizer = SimpleNamespace(state={})
    for name, part in module.split_coeffs(gradient_at(motion.coeffs, energy)).items():
        optimizer.state[getattr(module, name)] = {"exp_avg": part.clone()}
    callbacks.turn_moments(module, optimizer, torch.tensor([True]))
    turned = module.join_coeffs(
        {name: optimizer.state[getattr(module, name)]["exp_avg"] for name in module.MOTION_GROUPS}
    )
    expected = gradient_at(reverse(motion).coeffs, reversed_energy)
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=1e-4)


def test_the_texture_stays_a_colour(body, known, small_settings):
    settings = replace(
        small_settings, stages=[Stage(6)], lr=replace(small_settings.lr, texture=5.0)
    ).with_only(image=50.0)
    module = fitted(Fitter(body, settings, RenderSettings(num_threads=1)), known.problem)
    assert float(module.texture.detach().min()) >= 0.0
    assert float(module.texture.detach().max()) <= 1.0


def test_mattes_are_found_again_unless_they_were_given(body, known, small_settings):
    found = replace(known.problem, matte_is_given=(False,))
    settings = replace(small_settings, stages=[Stage(3, refresh_matte=True), Stage(2)])
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    for problem, is_same in ((known.problem, True), (found, False)):
        module = fitted(fitter, problem)
        assert torch.equal(module.problem.alpha, problem.alpha) == is_same
        assert module.context.problem is module.problem


def test_curves_of_every_phase_have_tags_of_their_own(body, make_known, small_settings):
    """Fits that rank starts or find a gap are not to be taken for the refinement."""
    logged = {}

    class Log(callbacks.pl.loggers.logger.DummyLogger):
        def log_metrics(self, metrics, step=None):
            for name in metrics:
                logged.setdefault(name.split("/")[0], set()).add((name.split("/", 1)[1], step))

    problem = join_problems([make_known().problem, make_known(offset=0.02).problem])
    exposure = torch.tensor([[0.0, 0.1], [0.1, 0.2]])
    sequences = Sequences(torch.zeros(2, dtype=torch.long), exposure, is_timed=False)
    settings = replace(small_settings, stages=[Stage(2), Stage(2)], explained_error=1e-9)
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    fitter.refine(replace(problem, sequences=sequences), torch.arange(2), logger=Log())
    assert set(logged) == {"find_gap_1", "find_gap_2", "refine", "hold"}
    assert {step for _, step in logged["refine"]} == {0, 1, 2, 3}
    assert {name for name, _ in logged["refine"]} >= {"known/0/total", "known/0/boundary"}
