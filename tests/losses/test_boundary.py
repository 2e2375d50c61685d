"""The boundary restriction: closed forms, a long motion cut in pieces, gradients."""

import math

import torch
from torch.autograd import gradcheck

from hfb.geometry import rotvec_to_rotmat
from hfb.losses import BoundaryState, boundary_loss


def resting(num_joints: int = 2) -> BoundaryState:
    zero = torch.zeros(num_joints, 3, dtype=torch.float64)
    return BoundaryState(rotvec_to_rotmat(zero), zero, zero, zero)


def test_closed_form_of_each_part():
    still = resting()
    turned = torch.tensor([[0.0, 0.0, 0.3], [0.0, 0.0, 0.0]], dtype=torch.float64)
    moved = torch.tensor([[0.0, -0.2, 0.1], [0.4, 0.0, 0.0]], dtype=torch.float64)
    states = {
        0.15: BoundaryState(
            rotvec_to_rotmat(turned), still.angular_velocity, still.joints, still.velocity
        ),
        0.35: BoundaryState(still.pose_rotmat, still.angular_velocity, moved, still.velocity),
        0.50: BoundaryState(rotvec_to_rotmat(turned), still.angular_velocity, still.joints, moved),
        0.30: BoundaryState(still.pose_rotmat, turned, still.joints, turned),
    }
    for expected, state in states.items():
        expected = expected if expected != 0.5 else 0.15 + 0.35
        assert math.isclose(float(boundary_loss(still, state)), expected, rel_tol=1e-9)
        assert math.isclose(float(boundary_loss(state, still)), expected, rel_tol=1e-9)
    assert float(boundary_loss(still, resting())) == 0.0


def test_gradients(generator):
    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    values = [random(3, 2, 3).requires_grad_() for _ in range(4)]
    other = BoundaryState(rotvec_to_rotmat(random(3, 2, 3)), *(random(3, 2, 3) for _ in range(3)))

    def loss(turn, angular_velocity, joints, velocity):
        state = BoundaryState(rotvec_to_rotmat(0.3 * turn), angular_velocity, joints, velocity)
        return boundary_loss(other, state)

    assert gradcheck(loss, values)


def test_gradient_is_finite_where_the_motions_meet():
    turn = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    still = resting()
    state = BoundaryState(
        rotvec_to_rotmat(turn), still.angular_velocity, still.joints, still.velocity
    )
    boundary_loss(still, state).backward()
    assert bool(turn.grad.isfinite().all())
