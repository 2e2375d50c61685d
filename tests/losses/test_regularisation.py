import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from hfb.losses import (
    depth_anchor_loss,
    polynomial_loss,
    pose_anchor_loss,
    pose_prior_loss,
    shape_loss,
)


def test_pose_prior_loss_is_the_mean_over_subframes():
    energy = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    assert pose_prior_loss(energy).tolist() == [3.0, 1.0]


def test_shape_loss_is_the_squared_norm():
    assert shape_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == [25.0, 0.0]


def test_polynomial_loss_is_numpys_two_norms_of_the_moving_part(generator):
    coeffs = torch.randn(2, 3, 4, 3, dtype=torch.float64, generator=generator)
    for b in range(2):
        moving = coeffs[b, 1:].numpy().reshape(2, -1)
        l1, frobenius = np.abs(moving).sum(), np.linalg.norm(moving, "fro")
        assert float(polynomial_loss(coeffs)[b]) == pytest.approx(l1 + frobenius)
        recipe = polynomial_loss(coeffs, l1_scale=10.0, l1_reduction="mean")
        assert float(recipe[b]) == pytest.approx(10 * np.abs(moving).mean() + frobenius)
        only_l1 = polynomial_loss(coeffs, frobenius_scale=0.0)
        assert float(only_l1[b]) == pytest.approx(l1)


def test_polynomial_loss_leaves_the_pose_alone():
    coeffs = torch.zeros(3, 4, 3)
    coeffs[0] = 100.0
    coeffs.requires_grad_()
    value = polynomial_loss(coeffs)
    value.backward()
    assert value.item() == 0.0
    # Also the test that the norm's gradient at zero motion is zero and not NaN.
    assert coeffs.grad.tolist() == torch.zeros(3, 4, 3).tolist()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_polynomial_loss_of_degree_zero_is_zero(reduction):
    assert float(polynomial_loss(torch.ones(1, 4, 3), l1_reduction=reduction)) == 0.0


def test_pose_anchor_holds_rotations_and_frees_the_translation(generator):
    coeffs = torch.zeros(2, 3, 3)
    coeffs[0, 0] = 5.0  # translation
    coeffs[1] = 7.0  # motion
    assert float(pose_anchor_loss(coeffs)) == 0.0
    coeffs[0, 2] = torch.tensor([1.0, 2.0, 2.0])
    assert float(pose_anchor_loss(coeffs)) == 9.0
    assert float(pose_anchor_loss(coeffs, start=coeffs)) == 0.0


def test_depth_anchor_holds_depths_from_the_root_and_nothing_else(generator):
    start = torch.randn(2, 24, 3, generator=generator)
    aside = torch.randn(2, 24, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.0])
    nearer = torch.tensor([0.0, 0.0, -0.7])
    unseen = depth_anchor_loss(start + aside + nearer, start)
    torch.testing.assert_close(unseen, torch.zeros(2), atol=1e-12, rtol=0.0)
    moved = start.clone()
    moved[1, 5, 2] += 0.12
    torch.testing.assert_close(depth_anchor_loss(moved, start), torch.tensor([0.0, 0.12**2 / 24]))
    deeper_root = start.clone()
    deeper_root[0, 0, 2] += 0.12
    expected = torch.tensor([0.12**2 * 23 / 24, 0.0])
    torch.testing.assert_close(depth_anchor_loss(deeper_root, start), expected)


def test_gradients_of_regularisation(generator):
    coeffs = torch.randn(2, 3, 4, 3, dtype=torch.float64, generator=generator).requires_grad_()
    betas = torch.randn(2, 10, dtype=torch.float64, generator=generator).requires_grad_()
    assert gradcheck(polynomial_loss, coeffs)
    assert gradcheck(pose_anchor_loss, coeffs)
    assert gradcheck(depth_anchor_loss, (coeffs[:, 0], coeffs[:, 1].detach()))
    assert gradcheck(shape_loss, betas)
    assert gradcheck(pose_prior_loss, betas)
