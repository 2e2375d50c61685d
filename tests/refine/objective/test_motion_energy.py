"""The motion prior in a refinement: eq. 10's loss."""

from dataclasses import replace

import pytest
import torch

from hfb.geometry import rotvec_to_rotmat
from hfb.motion import PolynomialMotion
from hfb.prior import MotionPrior, MotionPriorSettings, canonical_motion
from hfb.refine import Fitter, Stage
from hfb.refine.objective.motion_energy import MotionEnergy
from hfb.render import RenderSettings


@pytest.fixture
def prior(generator):
    settings = MotionPriorSettings(width=16, num_layers=1, dropout=0.0)
    prior = MotionPrior(settings, 0.1 + torch.rand(3, 25, generator=generator))
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    return prior.requires_grad_(False).eval()


def _motion(generator, batch=8, **options):
    return PolynomialMotion(
        0.2 * torch.randn(batch, 3, 25, 3, generator=generator),
        rotvec_to_rotmat(torch.randn(batch, 24, 3, generator=generator)),
        torch.randn(batch, 3, generator=generator),
        **options,
    )


def test_evaluated_at_every_step_it_is_eq_10(prior, generator):
    motion = _motion(generator)
    coeffs = motion.coeffs.clone().requires_grad_()
    expected = prior.energy(canonical_motion(motion.with_coeffs(coeffs), 3))
    (slope,) = torch.autograd.grad(expected.sum(), coeffs)
    energy = MotionEnergy(prior, every=1)
    for _ in range(2):
        value = energy(motion.with_coeffs(coeffs))
        torch.testing.assert_close(value, expected)
        (got,) = torch.autograd.grad(value.sum(), coeffs)
        torch.testing.assert_close(got, slope)


def test_in_between_it_is_its_own_tangent(prior, generator):
    prior, motion = prior.double(), _motion(generator)
    motion = PolynomialMotion(
        motion.coeffs.double(), motion.base_rotmat.double(), motion.base_transl.double()
    )
    energy = MotionEnergy(prior, every=3)
    first = energy(motion)
    step = 1e-6 * torch.randn(motion.coeffs.shape, generator=generator, dtype=torch.float64)
    step[:, 0, 1] = 0.0  # turning the whole person turns the frame, which has no gradient
    moved = motion.with_coeffs(motion.coeffs + step)
    second, third = energy(moved), energy(motion)
    torch.testing.assert_close(third, first)
    exact = prior.energy(canonical_motion(moved, 3))
    assert not torch.equal(second, exact)
    torch.testing.assert_close(second - first, exact - first, atol=1e-8, rtol=1e-3)
    torch.testing.assert_close(energy(moved), exact)


def test_looking_does_not_shift_the_rhythm(prior, generator):
    motion = _motion(generator)
    energy = MotionEnergy(prior, every=2)
    energy(motion)
    other = motion.with_coeffs(1.5 * motion.coeffs)
    with torch.no_grad():
        torch.testing.assert_close(energy(other), prior.energy(canonical_motion(other, 3)))
    assert not torch.allclose(energy(other), prior.energy(canonical_motion(other, 3)))


def test_a_refinement_follows_the_prior(body, known, small_settings, prior):
    settings = small_settings.with_only(adversarial=1.0, shape=1e-6)
    settings = replace(settings, stages=[Stage(4)])
    group = torch.zeros(1, dtype=torch.long)
    fitter = Fitter(body, settings, RenderSettings(), motion_prior=prior)
    module = fitter.refine(known.problem, group)
    terms = [float(step["adversarial"]) for step in module.history]
    assert terms[-1] < terms[0]
    without = Fitter(body, settings, RenderSettings()).refine(known.problem, group)
    assert "adversarial" not in without.history[-1]
