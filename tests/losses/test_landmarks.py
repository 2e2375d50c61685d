"""The joints of mid-exposure: closed forms, gradients, and what uncertainty does."""

import torch

from hfb.losses import joint_sureness, joints_2d_loss
from hfb.losses.landmarks import LET_GO


def test_closed_form():
    target = torch.zeros(2, 3, 2, dtype=torch.float64)
    preds = target.clone()
    preds[0, 1] = torch.tensor([30.0, 40.0])  # 50 px of a person of 500 px: a tenth of the height
    height = torch.tensor([500.0, 500.0], dtype=torch.float64)
    found = joints_2d_loss(preds, target, height)
    expected = 0.01 / (1 + 0.01 / LET_GO**2) / 3
    torch.testing.assert_close(found, torch.tensor([expected, 0.0], dtype=torch.float64))
    sureness = torch.tensor([[1.0, 0.25, 1.0]] * 2, dtype=torch.float64)
    torch.testing.assert_close(joints_2d_loss(preds, target, height, sureness)[0], found[0] * 0.25)


def test_far_joints_are_let_go():
    target = torch.zeros(1, 1, 2)
    far = joints_2d_loss(target + 1e6, target, torch.tensor([100.0]))
    torch.testing.assert_close(far, torch.tensor([LET_GO**2]))


def test_gradients(generator):
    preds = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64)
    height = torch.tensor([3.0, 5.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: joints_2d_loss(p, target, height), (preds,))


def test_uncertainty_grows_along_the_chain():
    """A chain of three joints 30 cm apart: each is off by the turns above it."""
    joints = torch.tensor([[0.0, 0, 0], [0.3, 0, 0], [0.6, 0, 0]])
    sigma = torch.tensor([0.1, 0.2, float("nan")])
    found = joint_sureness(joints, (-1, 0, 1), sigma, usual=0.05)
    variance = torch.tensor([0.0, 0.03**2, 0.06**2 + 0.06**2])
    torch.testing.assert_close(found, 1 / (1 + variance / 0.05**2))
    unknown = joint_sureness(joints, (-1, 0, 1), torch.full((3,), torch.nan), usual=0.05)
    assert unknown.tolist() == [1.0, 1.0, 1.0]
