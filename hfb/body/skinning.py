"""Linear blend skinning in plain PyTorch: any dtype, any device, any leading axes.

The same function as smplx's `lbs` (SMPL, eq. 2-4), arranged for many poses of few shapes: the
shaped body is computed once per shape, pose blend shapes touch only the vertices they move, and
coordinates are kept as planes (3, V), so that every operation runs along the vertices.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.body.kinematics import JointFrames


def pose_feature(pose_rotmat: Float[Tensor, "*B J 3 3"]) -> Float[Tensor, "*B P"]:
    """What the pose blend shapes are linear in: body joints' rotations minus identity.

    Args:
        pose_rotmat: rotation of each joint relative to its parent, root first.

    Returns:
        P = 9·(J-1) numbers, row-major; zero in the rest pose.
    """
    identity = torch.eye(3, dtype=pose_rotmat.dtype, device=pose_rotmat.device)
    return (pose_rotmat[..., 1:, :, :] - identity).flatten(-3)


def pose_offsets(
    pose_rotmat: Float[Tensor, "*B J 3 3"],
    active_posedirs: Float[Tensor, "P 3 A"],
    active_verts: Int[Tensor, " A"],
    num_verts: int,
) -> Float[Tensor, "*B V 3"]:
    """Pose blend shapes: the correction of the rest shape that depends on the pose.

    Args:
        pose_rotmat: rotation of each joint relative to its parent, root first.
        active_posedirs: displacement of the active vertices per entry of the pose feature, m.
        active_verts: the vertices that any pose moves.
        num_verts: vertices of the body.

    Returns:
        Displacement of every vertex in the rest pose, m.
    """
    planes = pose_feature(pose_rotmat) @ active_posedirs.flatten(1)
    planes = planes.unflatten(-1, (3, -1))
    if len(active_verts) < num_verts:
        everywhere = planes.new_zeros(*planes.shape[:-1], num_verts)
        planes = everywhere.index_copy(-1, active_verts, planes)
    return planes.transpose(-1, -2)


def skin(
    rest_verts: Float[Tensor, "*#B V 3"],
    rest_joints: Float[Tensor, "*#B J 3"],
    frames: JointFrames,
    weights: Float[Tensor, "V J"],
) -> Float[Tensor, "*B V 3"]:
    """Move every vertex with the weighted mean of its joints' rigid motions.

    Args:
        rest_verts: vertices in the rest pose with the pose offsets added, m.
        rest_joints: joints in the rest pose, m.
        frames: the posed joints.
        weights: skinning weights, rows sum to one.

    Returns:
        Posed vertices, m.
    """
    shift = frames.position.unsqueeze(-1) - frames.rotmat @ rest_joints.unsqueeze(-1)
    rigid = torch.cat([frames.rotmat, shift], dim=-1).flatten(-2)  # (*B, J, 12)
    blended = (rigid.transpose(-1, -2) @ weights.T).unflatten(-2, (3, 4))  # (*B, 3, 4, V)
    planes = rest_verts.transpose(-1, -2).unsqueeze(-3)
    posed = (blended[..., :3, :] * planes).sum(-2) + blended[..., 3, :]
    return posed.transpose(-1, -2)
