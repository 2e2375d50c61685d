"""A first pose straight from landmarks: turn every bone into its measured direction.

Not in the paper (METRO gives a mesh). Gauss-Newton from here needs a dozen steps and does not stick
in the poses that lie half a turn away.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.init.register.correspondence import CHANNEL_NAMES

_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")

# Joint, channels of its bone's start and end; and for the upper bone of a hinge the channel of the
# lower bone's end and the hinge's axis (flexion positive) in the rest pose. Parents come first.
_BONES = (
    ("left_hip", "left_hip", "left_knee", "left_ankle", (1.0, 0.0, 0.0)),
    ("right_hip", "right_hip", "right_knee", "right_ankle", (1.0, 0.0, 0.0)),
    ("left_knee", "left_knee", "left_ankle", None, None),
    ("right_knee", "right_knee", "right_ankle", None, None),
    ("left_ankle", "left_ankle", "left_toe", None, None),
    ("right_ankle", "right_ankle", "right_toe", None, None),
    ("left_shoulder", "left_shoulder", "left_elbow", "left_wrist", (0.0, -1.0, 0.0)),
    ("right_shoulder", "right_shoulder", "right_elbow", "right_wrist", (0.0, 1.0, 0.0)),
    ("left_elbow", "left_elbow", "left_wrist", None, None),
    ("right_elbow", "right_elbow", "right_wrist", None, None),
)

_HINGE_SINE = 0.35
"""Below this sine of the bend (20 degrees) the plane of a limb says nothing about its twist."""


def pose_from_bones(
    parents: tuple[int, ...],
    joint_names: tuple[str, ...],
    rest: Float[Tensor, "M 3"],
    target: Float[Tensor, "K M 3"],
) -> Float[Tensor, "K J 3 3"]:
    """Pose whose limbs point as the landmarks do; spine, head, hands stay at rest.

    Args:
        parents: parent of each joint, -1 for the root.
        joint_names: names of the body's joints.
        rest: channels of `correspondence` on the body in its rest pose, m.
        target: the same channels as measured, camera axes, any origin, m.
    """
    channel = {name: index for index, name in enumerate(CHANNEL_NAMES)}
    pose = torch.eye(3, dtype=target.dtype, device=target.device)
    pose = pose.expand(len(target), len(joint_names), 3, 3).clone()
    torso = [channel[name] for name in _TORSO]
    pose[:, 0] = best_rotation(rest[torso].expand(len(target), -1, -1), target[:, torso])
    bones = {bone[0]: bone[1:] for bone in _BONES}
    frames = [pose[:, 0]]
    for index, name in enumerate(joint_names[1:], start=1):
        parent = frames[parents[index]]
        if name in bones:
            start, end, hinge_end, axis = bones[name]
            # Measured directions in the parent's axes, where the rest bone is as in the rest pose.
            local = target @ parent
            bone = local[:, channel[end]] - local[:, channel[start]]
            rest_bone = (rest[channel[end]] - rest[channel[start]]).expand(len(target), 3)
            pose[:, index] = _swing(rest_bone, bone)
            if hinge_end is not None and axis is not None:
                lower = local[:, channel[hinge_end]] - local[:, channel[end]]
                rest_axis = target.new_tensor(axis)
                pose[:, index] = _twist_to_hinge(pose[:, index], rest_axis, bone, lower)
        frames.append(parent @ pose[:, index])
    return pose


def best_rotation(
    source: Float[Tensor, "K P 3"], target: Float[Tensor, "K P 3"]
) -> Float[Tensor, "K 3 3"]:
    """Rotation that brings centred `source` closest to centred `target` (Kabsch 1976).

    Args:
        source: points before.
        target: points after.
    """
    source = source - source.mean(-2, keepdim=True)
    target = target - target.mean(-2, keepdim=True)
    left, _, right = torch.linalg.svd(target.transpose(-1, -2) @ source)
    signs = torch.ones(left.shape[:-1], dtype=left.dtype, device=left.device)
    signs[..., 2] = torch.linalg.det(left @ right).sign()
    return (left * signs.unsqueeze(-2)) @ right


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp(min=1e-9)


def _swing(start: Float[Tensor, "K 3"], end: Float[Tensor, "K 3"]) -> Float[Tensor, "K 3 3"]:
    """The shortest rotation from one direction to another."""
    start, end = _unit(start), _unit(end)
    # Rotation by twice the angle between `start` and the half-way vector; opposite vectors have no
    # half-way vector, any axis across will do.
    half = start + end
    across = torch.linalg.cross(start, start.roll(1, -1) + 0.1)
    half = _unit(torch.where(half.norm(dim=-1, keepdim=True) < 1e-6, across, half))
    identity = torch.eye(3, dtype=start.dtype, device=start.device)
    # Two reflections make a rotation: first across `start`, then across `half`.
    flip = 2.0 * start.unsqueeze(-1) * start.unsqueeze(-2) - identity
    return (2.0 * half.unsqueeze(-1) * half.unsqueeze(-2) - identity) @ flip


def _twist_to_hinge(
    swing: Tensor, rest_axis: Tensor, upper: Tensor, lower: Tensor
) -> Float[Tensor, "K 3 3"]:
    """Turn a limb about its upper bone until the hinge's axis is across the limb's plane."""
    normal = torch.linalg.cross(_unit(upper), _unit(lower))
    axis = (swing @ rest_axis.unsqueeze(-1)).squeeze(-1)
    along = _unit(upper)
    axis = _unit(axis - (axis * along).sum(-1, keepdim=True) * along)
    twisted = _swing(axis, normal) @ swing
    is_bent = normal.norm(dim=-1) > _HINGE_SINE
    # A half turn about the bone is ambiguous for `_swing`; limbs do not twist that far.
    is_near = (axis * _unit(normal)).sum(-1) > -0.9
    return torch.where((is_bent & is_near)[:, None, None], twisted, swing)
