"""Forward kinematics of a joint tree, level by level, differentiable.

The paper uses SMPL as it is (its section 3.1); the recursion is the one of SMPL's skinning. Joints
of the same depth are handled together: SMPL's 24 joints take 9 steps instead of 24.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class JointFrames:
    """Where the joints' own axes are after posing.

    Attributes:
        rotmat: from the joint's axes to the root's parent frame.
        position: of the joint, m.
    """

    rotmat: Float[Tensor, "*B J 3 3"]
    position: Float[Tensor, "*B J 3"]


def tree_levels(parents: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Group the joints below the root by their depth.

    Args:
        parents: parent of each joint, -1 for the root, which comes first.

    Returns:
        One tuple of joints per depth, from the root's children on.
    """
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    return tuple(
        tuple(joint for joint, d in enumerate(depth) if d == level)
        for level in range(1, max(depth) + 1)
    )


def joint_frames(
    pose_rotmat: Float[Tensor, "*B J 3 3"],
    rest_joints: Float[Tensor, "*B J 3"],
    parents: tuple[int, ...],
) -> JointFrames:
    """Chain the joints' rotations from the root to the leaves.

    The root turns about its own rest position, as in smplx.

    Args:
        pose_rotmat: rotation of each joint relative to its parent, root first.
        rest_joints: joints in the rest pose, m.
        parents: parent of each joint, -1 for the root.

    Returns:
        Rotation and position of every joint.
    """
    levels = tree_levels(parents)
    rotmats = [pose_rotmat[..., :1, :, :]]
    positions = [rest_joints[..., :1, :]]
    order = [0]  # joints as they stand in `rotmats`
    above = {0: 0}  # place of each joint of the previous level in that level
    for level in levels:
        own = list(level)
        up = [parents[joint] for joint in own]
        places = [above[parent] for parent in up]
        parent_rotmat = rotmats[-1][..., places, :, :]
        bone = (rest_joints[..., own, :] - rest_joints[..., up, :]).unsqueeze(-1)
        positions.append(positions[-1][..., places, :] + (parent_rotmat @ bone).squeeze(-1))
        rotmats.append(parent_rotmat @ pose_rotmat[..., own, :, :])
        above = {joint: place for place, joint in enumerate(own)}
        order += own
    back = sorted(range(len(order)), key=order.__getitem__)
    return JointFrames(
        rotmat=torch.cat(rotmats, dim=-3)[..., back, :, :],
        position=torch.cat(positions, dim=-2)[..., back, :],
    )
