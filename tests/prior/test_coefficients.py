"""The prior of eq. 10 on the matrix C: its energy, its file, and what it refuses."""

import pytest
import torch

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.prior import (
    CoefficientPrior,
    CoefficientPriorSettings,
    MotionPrior,
    load_coefficient_prior,
    load_motion_prior,
    load_prior_for,
    save_coefficient_prior,
)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    made = CoefficientPrior(CoefficientPriorSettings(width=16)).eval()
    # One that has something to say.
    torch.nn.init.normal_(made.generator[-1].weight, std=0.3)
    torch.nn.init.normal_(made.discriminator[-1].bias, std=2.0)
    return made


def _motion(degree=2, count=2):
    turns = 0.3 * torch.randn(count, 24, 3, generator=torch.Generator().manual_seed(1))
    transl = torch.tensor([0.1, 0.2, 4.0]).expand(count, 3)
    return static_motion(rotvec_to_rotmat(turns), transl, degree, "paper", 0.0)


def test_energy_is_the_l1_distance_to_what_g_makes(prior):
    coeffs = _motion().coeffs
    with torch.no_grad():
        judged = prior(coeffs)
    assert judged.corrected.shape == coeffs.shape == (2, 3, 25, 4)
    by_hand = [
        sum(abs(float(a) - float(b)) for a, b in zip(one.flatten(), other.flatten(), strict=True))
        for one, other in zip(judged.corrected, coeffs, strict=True)
    ]
    torch.testing.assert_close(prior.energy(coeffs), torch.tensor(by_hand), rtol=1e-4, atol=1e-4)
    # The constant row is among what it may correct; what D believes stays.
    assert (judged.corrected - coeffs)[:, 0].abs().max() > 1e-3
    with torch.no_grad():
        prior.discriminator[-1].bias -= judged.logits.max()
    torch.testing.assert_close(prior(coeffs).corrected, coeffs, rtol=0, atol=0)


def test_what_d_believes_is_not_pulled_at_all(prior):
    """Any difference, however small, would be pulled at as hard as the largest."""
    coeffs = _motion().coeffs.requires_grad_()
    (slope,) = torch.autograd.grad(prior.energy(coeffs).sum(), coeffs)
    is_wrong = prior(coeffs).logits > prior.settings.correction_threshold
    assert 0.1 < is_wrong.float().mean() < 0.9
    assert (slope[~is_wrong] == 0).all()
    assert (slope[is_wrong].abs() == 1).float().mean() > 0.9


def test_steps_along_the_gradient_lead_to_what_g_made(prior):
    coeffs = _motion().coeffs.requires_grad_()
    corrected = prior(coeffs).corrected.detach()
    (slope,) = torch.autograd.grad(prior.energy(coeffs).sum(), coeffs)
    torch.testing.assert_close(slope, -torch.sign(corrected - coeffs.detach()))


def test_lower_degrees_are_padded_and_higher_ones_refused(prior):
    line = _motion(degree=1)
    padded = torch.cat([line.coeffs, torch.zeros_like(line.coeffs[:, :1])], 1)
    torch.testing.assert_close(prior.motion_energy(line), prior.energy(padded))
    with pytest.raises(InputError, match="the motion has degree 3"):
        prior.motion_energy(_motion(degree=3))


@pytest.mark.parametrize(("form", "origin"), [("tangent", 0.0), ("paper", 0.5)])
def test_other_coefficients_are_refused(prior, form, origin):
    pose = torch.eye(3).expand(1, 24, 3, 3)
    motion = static_motion(pose, torch.tensor([[0.0, 0.0, 4.0]]), 2, form, origin)
    with pytest.raises(InputError, match="judges the paper's coefficients only"):
        prior.motion_energy(motion)


def test_the_file_keeps_it_and_says_what_it_is(prior, tmp_path):
    file = tmp_path / "amp_paper.ckpt"
    save_coefficient_prior(prior, file, {"seed": 0})
    for loaded in (load_coefficient_prior(file), load_prior_for("paper", tmp_path)):
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        coeffs = _motion().coeffs
        torch.testing.assert_close(loaded.energy(coeffs), prior.energy(coeffs), rtol=0.02, atol=0.1)
    with pytest.raises(InputError, match="for the paper's coefficients, but 'tangent' ones"):
        load_prior_for("tangent", file)
    with pytest.raises(InputError, match=r"amp_paper.ckpt is not a motion prior: give"):
        load_motion_prior(file)
    with pytest.raises(InputError, match="body of 24 joints"):
        load_coefficient_prior(file, tuple(range(-1, 29)))


def test_without_a_file_the_parameterisation_decides():
    assert isinstance(load_prior_for("paper"), CoefficientPrior)
    assert isinstance(load_prior_for("tangent"), MotionPrior)
    ours = load_prior_for("paper", find_asset("amp.ckpt"))
    assert isinstance(ours, MotionPrior)
