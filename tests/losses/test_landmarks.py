"""Landmarks at mid-exposure: closed forms and gradients."""

import torch

from hfb.losses import landmark_loss
from hfb.losses.landmarks import LET_GO


def test_closed_form():
    target = torch.zeros(2, 3, 2, dtype=torch.float64)
    preds = target.clone()
    preds[0, 1] = torch.tensor([30.0, 40.0])  # 50 px of a person of 500 px: a tenth of the height
    height = torch.tensor([500.0, 500.0], dtype=torch.float64)
    all_alike = torch.ones(2, 3, dtype=torch.float64)
    found = landmark_loss(preds, target, height, all_alike)
    expected = 0.01 / (1 + 0.01 / LET_GO**2) / 3
    torch.testing.assert_close(found, torch.tensor([expected, 0.0], dtype=torch.float64))
    trust = torch.tensor([[1.0, 0.25, 1.0]] * 2, dtype=torch.float64)
    torch.testing.assert_close(landmark_loss(preds, target, height, trust)[0], found[0] * 0.25)


def test_far_landmarks_are_let_go():
    target = torch.zeros(1, 1, 2)
    far = landmark_loss(target + 1e6, target, torch.tensor([100.0]), torch.ones(1, 1))
    torch.testing.assert_close(far, torch.tensor([LET_GO**2]))


def test_gradients(generator):
    preds = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64)
    height = torch.tensor([3.0, 5.0], dtype=torch.float64)
    trust = torch.rand(2, 4, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: landmark_loss(p, target, height, trust), (preds,))
