"""The motion models: bounds, continuity, and what their parameters mean."""

import math

import pytest
import torch

from hfb.baselines.objects.motion import (
    CAMERA_DISTANCE,
    LinearMotion,
    PiecewiseMotion,
    bounded_position,
    object_camera,
    quaternion_log,
    to_camera_frame,
)
from hfb.geometry import project, rotmat_to_rotvec, rotvec_to_rotmat

PATH = torch.tensor([[-0.4, 0.2, 0.0], [0.7, -0.1, 0.0]])


def test_the_first_rotation_is_a_third_of_a_turn_about_the_diagonal():
    rotvec = quaternion_log(torch.ones(4))
    assert torch.allclose(rotvec, torch.full((3,), 2 * math.pi / 3 / math.sqrt(3)), atol=1e-6)


def test_logarithm_of_quaternions_of_any_length(generator):
    rotvec = torch.randn(20, 3, generator=generator)
    angle = rotvec.norm(dim=1, keepdim=True)
    quat = torch.cat([torch.cos(angle / 2), torch.sin(angle / 2) * rotvec / angle], 1)
    found = quaternion_log(3.7 * quat)
    assert torch.allclose(rotvec_to_rotmat(found), rotvec_to_rotmat(rotvec), atol=1e-5)
    identity = torch.tensor([1.0, 0, 0, 0], requires_grad=True)
    quaternion_log(identity).sum().backward()
    assert torch.isfinite(identity.grad).all()


def test_camera_sees_half_of_its_height_filled_by_a_unit_object():
    verts = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    seen = to_camera_frame(verts, torch.eye(3)[None], torch.zeros(1, 3))[0]
    points = project(seen, object_camera(100))
    # tan(22.5°) x 5 = 2.07 half-heights; y up becomes rows downwards.
    share = 50 / (CAMERA_DISTANCE * math.tan(1.57 / 4))
    expected = [[50, 50 - share], [50, 50 + share], [50 + share, 50]]
    assert torch.allclose(points, torch.tensor(expected), atol=1e-3)


def test_positions_stay_where_the_camera_sees_them(generator):
    place = bounded_position(50 * torch.randn(500, 3, generator=generator))
    depth = CAMERA_DISTANCE - place[:, 2]
    assert depth.min() >= CAMERA_DISTANCE - 3.0 - 1e-4
    assert depth.max() <= CAMERA_DISTANCE + 12.0 + 1e-4
    assert (place[:, :2].abs() <= depth[:, None] / 2 + 1e-4).all()


def test_linear_motion_is_straight_and_turns_evenly():
    motion = LinearMotion(1, 8, PATH).requires_grad_(False)
    t = torch.linspace(0, 1, 5)
    rotmat, transl = motion(t)
    assert torch.allclose(
        transl.diff(dim=1), transl.diff(dim=1)[:, :1].expand(-1, 4, -1), atol=1e-6
    )
    assert torch.allclose(transl[0, [0, -1]], PATH, atol=1e-5)
    motion.ends += torch.tensor([0.3, 0.2, 0.1])
    transl = motion(t)[1]
    ends = bounded_position(motion.ends)[0]
    assert torch.allclose(transl[0, 0], ends[1])
    assert torch.allclose(transl[0, -1], ends[0], atol=1e-6)
    steps = rotmat_to_rotvec(rotmat[0, 1:] @ rotmat[0, :-1].transpose(-1, -2)).norm(dim=-1)
    # Seven steps of a sixteenth of 120 degrees in all.
    assert torch.allclose(steps, torch.full((4,), 7 / 16 * 2 * math.pi / 3 / 4), atol=1e-5)


def test_pieces_join_without_a_jump(generator):
    motion = PiecewiseMotion(3, 2, PATH).requires_grad_(False)
    for parameter in motion.parameters():
        parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    share = motion._first_share()
    for row in range(3):
        opened = motion.exposure()[row]
        # The time of the join on the clock of the photo that it lies in.
        time = share[row] * (1 + opened)
        frame = int(time >= 1)
        t = (time - frame) / opened + torch.tensor([-1e-4, 1e-4])
        grid = torch.zeros(2, 2)
        grid[frame] = t
        rotmat, transl = motion(grid)
        assert (transl[row, frame, 0] - transl[row, frame, 1]).abs().max() < 5e-3
        turn = rotmat[row, frame, 0].T @ rotmat[row, frame, 1]
        assert rotmat_to_rotvec(turn).norm() < 5e-3


def test_the_second_piece_goes_on_where_the_first_ends():
    motion = PiecewiseMotion(1, 1, torch.zeros(2, 3)).requires_grad_(False)
    motion.coeffs[0, 0] = torch.tensor([[0.1, 0, 0], [1.0, 0, 0], [0, 0, 0]])
    motion.coeffs[0, 1] = torch.tensor([[9.0, 9, 9], [0, 1.0, 0], [0, 0, 0]])
    _, transl = motion(torch.tensor([[0.0, 0.25, 0.5, 0.75, 1.0]]))
    expected = [[0.1, 0, 0], [0.6, 0, 0], [1.1, 0, 0], [1.1, 0.5, 0], [1.1, 1.0, 0]]
    assert torch.allclose(transl[0, 0], torch.tensor(expected), atol=1e-5)


def test_a_short_exposure_leaves_a_gap_between_photos():
    motion = PiecewiseMotion(1, 2, torch.zeros(2, 3)).requires_grad_(False)
    motion.exposure_logit[:] = 0.0  # open half of the time
    times = motion.frame_times(torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    assert torch.allclose(times, torch.tensor([[[0, 0.5], [1.0, 1.5]]]) / 1.5)


@pytest.mark.parametrize("kind", [LinearMotion, PiecewiseMotion])
def test_motion_has_gradients_everywhere(kind):
    motion = kind(2, 3, PATH)
    t = torch.linspace(0.1, 0.9, 4)
    rotmat, transl = motion(t if kind is LinearMotion else t.expand(3, 4))
    (rotmat.square().sum() + (rotmat[..., 0] * transl).sum() + transl.square().sum()).backward()
    for name, parameter in motion.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
