"""Joint positions together with their velocities, for a body whose pose changes at known rates."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body.kinematics import joint_frames
from hfb.body.smpl import SmplBody
from hfb.structures import BodyParams


def joint_velocities(
    body: SmplBody,
    params: BodyParams,
    angular_velocity: Float[Tensor, "*B J 3"],
    velocity: Float[Tensor, "*B 3"],
) -> tuple[Float[Tensor, "*B J 3"], Float[Tensor, "*B J 3"]]:
    """Joints and their velocities, exactly and without skinning.

    A joint moves with the body's translation and turns about every joint above it: its velocity is
    the sum of angular velocity x bone over the bones from the root down to it.

    Args:
        body: the body model.
        params: shape and pose; betas with the pose's batch axes.
        angular_velocity: of each joint in its parent's frame, rad per unit of time.
        velocity: of the translation, m per unit of time.

    Returns:
        Joints, m, and velocities, m per unit of time, camera frame.
    """
    _, rest_joints = body.shape(params.betas)
    frames = joint_frames(params.pose_rotmat, rest_joints, body.parents)
    parents = torch.tensor(body.parents[1:], device=velocity.device)
    above = torch.cat(
        [torch.eye(3).to(velocity).expand_as(frames.rotmat[..., :1, :, :]),
         frames.rotmat[..., parents, :, :]],
        -3,
    )  # fmt: skip
    chain = _chain_matrix(body.parents).to(velocity)
    turning = chain @ (above @ angular_velocity.unsqueeze(-1)).squeeze(-1)
    bones = frames.position[..., 1:, :] - frames.position[..., parents, :]
    swing = torch.linalg.cross(turning[..., parents, :], bones)
    moved = chain @ torch.cat([torch.zeros_like(swing[..., :1, :]), swing], -2)
    return frames.position + params.transl.unsqueeze(-2), moved + velocity.unsqueeze(-2)


def _chain_matrix(parents: tuple[int, ...]) -> Float[Tensor, "J J"]:
    """1 at [j, a] where joint a is joint j or lies between it and the root, root included."""
    matrix = torch.eye(len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            matrix[joint] += matrix[parent]
    return matrix
