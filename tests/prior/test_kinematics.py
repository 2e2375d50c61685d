"""What chains do to joints, against a body that moves."""

import pytest
import torch

from hfb.body import load_body
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.tracks import CHAIN_TRACKS, reversal_signs
from hfb.prior.kinematics import LimbKinematics
from hfb.training.motion_prior.evaluation import bone_offsets, joints_of


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture
def kinematics(body):
    kinematics = LimbKinematics()
    kinematics.offsets.copy_(bone_offsets(body))
    return kinematics


@pytest.fixture
def pose(generator):
    return rotvec_to_rotmat(0.5 * torch.randn(2, 24, 3, generator=generator))


def test_joints_stand_where_the_body_has_them(body, kinematics, pose):
    joints = joints_of(body, pose, torch.zeros(2, 3))[:, :24]
    _, positions = kinematics.place(pose)
    torch.testing.assert_close(positions, joints - joints[:, :1], atol=1e-5, rtol=0)


def test_velocities_are_those_of_the_body_with_one_chain_moving(body, kinematics, pose, generator):
    coeffs = torch.zeros(2, 4, 25, 3)
    coeffs[:, 1:] = 0.3 * torch.randn(2, 3, 25, 3, generator=generator)
    turning, steady = kinematics(coeffs[:, 1:], *kinematics.place(pose))
    amplitude = steady[:, -1].exp()
    step = 1e-3
    for number, tracks in enumerate(CHAIN_TRACKS.values()):
        alone = torch.zeros_like(coeffs)
        alone[:, :, list(tracks)] = coeffs[:, :, list(tracks)]
        motion = PolynomialMotion(alone, pose, torch.zeros(2, 3))
        joints = joints_of(body, *evaluate(motion, torch.tensor([0.5 - step, 0.5 + step])))
        expected = (joints[:, 1] - joints[:, 0])[:, :24] / (2 * step)
        first = turning[:, number].unflatten(-1, (2, 24, 3))[:, 0]
        torch.testing.assert_close(first * amplitude[:, None, None], expected, atol=2e-3, rtol=1e-2)


def test_playing_backwards_turns_the_odd_orders_round(kinematics, pose, generator):
    coeffs = 0.3 * torch.randn(2, 3, 25, 3, generator=generator)
    placed = kinematics.place(pose)
    forward, backward = (kinematics(c, *placed) for c in (coeffs, coeffs * reversal_signs(coeffs)))
    torch.testing.assert_close(backward.turning, -forward.turning)
    torch.testing.assert_close(backward.steady, forward.steady)


def test_rest_has_a_finite_gradient(kinematics, pose):
    coeffs = torch.zeros(2, 3, 25, 3, requires_grad=True)
    turning, steady = kinematics(coeffs, *kinematics.place(pose))
    (turning.sum() + steady.sum()).backward()
    assert torch.isfinite(coeffs.grad).all()
