"""Poses with their derivatives against finite differences and against `evaluate`."""

import pytest
import torch
from torch.autograd import gradcheck

from hfb.geometry import angular_velocity_of_rotvec, rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate, evaluate_moving, static_motion

STEP = 1e-5


def motions(generator: torch.Generator, parameterization: str) -> PolynomialMotion:
    rotvec = torch.randn(3, 4, 3, dtype=torch.float64, generator=generator)
    transl = torch.tensor([[0.1, 0.2, 4.0]], dtype=torch.float64).expand(3, 3)
    still = static_motion(rotvec_to_rotmat(rotvec), transl, 3, parameterization, 0.3)
    noise = 0.3 * torch.randn(still.coeffs.shape, dtype=torch.float64, generator=generator)
    return still.with_coeffs(still.coeffs + noise)


@pytest.mark.parametrize("parameterization", ["tangent", "paper"])
def test_value_is_evaluate_and_derivative_is_its_finite_difference(generator, parameterization):
    motion = motions(generator, parameterization)
    t = torch.tensor([0.0, 1.0, 1.2], dtype=torch.float64)
    moving = evaluate_moving(motion, t)
    around = [evaluate(motion, (t + shift)[:, None]) for shift in (-STEP, 0.0, STEP)]
    torch.testing.assert_close(moving.pose_rotmat, around[1][0][:, 0])
    torch.testing.assert_close(moving.transl, around[1][1][:, 0])
    rate = (around[2][0] - around[0][0])[:, 0] / (2 * STEP)
    skew = torch.linalg.cross(
        moving.angular_velocity.unsqueeze(-1),
        torch.eye(3, dtype=torch.float64).expand(3, 4, 3, 3),
        dim=-2,
    )
    torch.testing.assert_close(skew @ moving.pose_rotmat, rate, atol=1e-7, rtol=1e-6)
    speed = (around[2][1] - around[0][1])[:, 0] / (2 * STEP)
    torch.testing.assert_close(moving.velocity, speed, atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-3, 0.4999, 0.5001, 3.0])
def test_angular_velocity_in_float32_agrees_with_float64_at_every_angle(generator, angle):
    axis = torch.nn.functional.normalize(
        torch.randn(3, dtype=torch.float64, generator=generator), dim=0
    )
    rate = torch.randn(3, dtype=torch.float64, generator=generator)
    exact = angular_velocity_of_rotvec(angle * axis, rate)
    torch.testing.assert_close(
        angular_velocity_of_rotvec((angle * axis).float(), rate.float()).double(),
        exact,
        atol=1e-6,
        rtol=1e-6,
    )
    if angle == 0.0:
        torch.testing.assert_close(exact, rate)


def test_gradients(generator):
    motion = motions(generator, "tangent")
    t = torch.tensor([0.9, 1.1, 1.0], dtype=torch.float64)

    def parts(coeffs, t):
        moving = evaluate_moving(motion.with_coeffs(coeffs), t)
        return moving.pose_rotmat, moving.angular_velocity, moving.transl, moving.velocity

    assert gradcheck(parts, (motion.coeffs.requires_grad_(), t.requires_grad_()))
    still = torch.zeros_like(motion.coeffs).requires_grad_()
    assert gradcheck(parts, (still, t))


def test_a_motion_of_degree_zero_has_no_velocity(generator):
    motion = motions(generator, "tangent")
    still = motion.with_coeffs(motion.coeffs[:, :1])
    moving = evaluate_moving(still, torch.ones(3, dtype=torch.float64))
    assert float(moving.angular_velocity.abs().max()) == 0.0
    assert float(moving.velocity.abs().max()) == 0.0
