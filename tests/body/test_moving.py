"""Velocities of the joints against finite differences of their positions."""

import torch

from hfb.body import joint_velocities, load_body
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import evaluate, evaluate_moving, static_motion
from hfb.structures import BodyParams


def test_velocities_are_finite_differences_of_the_joints(generator):
    body = load_body(dtype=torch.float64)
    pose = rotvec_to_rotmat(0.5 * torch.randn(2, 24, 3, dtype=torch.float64, generator=generator))
    motion = static_motion(pose, torch.randn(2, 3, dtype=torch.float64, generator=generator), 2)
    motion = motion.with_coeffs(
        0.3 * torch.randn(motion.coeffs.shape, dtype=torch.float64, generator=generator)
    )
    betas = torch.randn(2, 10, dtype=torch.float64, generator=generator)
    t = torch.tensor([1.0, 0.2], dtype=torch.float64)
    moving = evaluate_moving(motion, t)
    params = BodyParams(betas, moving.pose_rotmat, moving.transl)
    joints, velocity = joint_velocities(body, params, moving.angular_velocity, moving.velocity)

    def at(shift: float) -> torch.Tensor:
        pose, transl = evaluate(motion, (t + shift)[:, None])
        return body.joints(BodyParams(betas, pose[:, 0], transl[:, 0]))

    torch.testing.assert_close(joints, at(0.0))
    torch.testing.assert_close(velocity, (at(1e-5) - at(-1e-5)) / 2e-5, atol=1e-8, rtol=1e-7)
