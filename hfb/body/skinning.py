"""Linear blend skinning in plain PyTorch: any dtype, any device, any leading axes.

The same function as smplx's `lbs` (SMPL, eq. 2-4), arranged for many poses of few shapes: the
shaped body is computed once per shape, pose blend shapes touch only the vertices they move, and
the blended 3×4 matrices are applied without homogeneous coordinates.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.body.kinematics import JointFrames


def pose_offsets(
    pose_rotmat: Float[Tensor, "*B J 3 3"],
    active_posedirs: Float[Tensor, "P A3"],
    active_verts: Int[Tensor, " A"],
    num_verts: int,
) -> Float[Tensor, "*B V 3"]:
    """Pose blend shapes: the correction of the rest shape that depends on the pose.

    Args:
        pose_rotmat: rotation of each joint relative to its parent, root first.
        active_posedirs: displacement (m) of the active vertices per entry of the body joints'
            rotation minus identity; columns are vertex-major, xyz fastest.
        active_verts: the vertices that any pose moves.
        num_verts: vertices of the body.

    Returns:
        Displacement of every vertex in the rest pose, m.
    """
    identity = torch.eye(3, dtype=pose_rotmat.dtype, device=pose_rotmat.device)
    feature = (pose_rotmat[..., 1:, :, :] - identity).flatten(-3)
    moved = (feature @ active_posedirs).unflatten(-1, (-1, 3))
    if len(active_verts) == num_verts:
        return moved
    everywhere = moved.new_zeros(*moved.shape[:-2], num_verts, 3)
    return everywhere.index_add(-2, active_verts, moved)


def skin(
    rest_verts: Float[Tensor, "*B V 3"],
    rest_joints: Float[Tensor, "*B J 3"],
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
    shift = frames.position - (frames.rotmat @ rest_joints.unsqueeze(-1)).squeeze(-1)
    rigid = torch.cat([frames.rotmat.flatten(-2), shift], dim=-1)  # (*B, J, 12)
    blended = weights @ rigid
    rotmat = blended[..., :9].unflatten(-1, (3, 3))
    return (rotmat * rest_verts.unsqueeze(-2)).sum(-1) + blended[..., 9:]
