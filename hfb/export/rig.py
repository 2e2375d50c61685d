"""A body as animation programs hold it: a skeleton, a skin on it, and joints that turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.structures import Camera

INFLUENCES = 4
"""Joints that may move a vertex: what glTF's first set of weights holds, and game engines take."""

REST_HOLD = 0.01
"""How firmly `closest_rest` holds a vertex, as a share of what a pose counts. More: the rest pose
is more like the body's own; less: the moving skin is."""


@dataclass(frozen=True)
class Skeleton:
    """Joints in the rest pose.

    Attributes:
        names: one a joint, root first.
        parents: of each joint, -1 for the root; a parent comes before its children.
        rest_joints: places in the rest pose, model frame (y up), m.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest_joints: Float[Tensor, "J 3"]

    def bones(self) -> Float[Tensor, "J 3"]:
        """From each joint's parent to the joint in the rest pose, m; zero for the root."""
        rest = self.rest_joints.detach().cpu().double()
        return torch.stack(
            [rest[j] - rest[max(self.parents[j], 0)] for j in range(len(self.parents))]
        )


@dataclass(frozen=True)
class Rig:
    """A textured skin on a skeleton.

    Attributes:
        skeleton: what moves it.
        rest_verts: in the rest pose, model frame, m.
        weights: share of each joint in the motion of each vertex; rows sum to one.
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`, one a face corner.
        texture: sRGB in [0, 1]; row 0 is v = 1.
    """

    skeleton: Skeleton
    rest_verts: Float[Tensor, "V 3"]
    weights: Float[Tensor, "V J"]
    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]
    texture: Float[Tensor, "3 TH TW"]


@dataclass(frozen=True)
class JointMotion:
    """How the joints of a skeleton turn.

    Attributes:
        times: increasing, s.
        pose_rotmat: of each joint relative to its parent; the root's leads out of the model frame.
        root: place of the root joint in that frame, m.
    """

    times: Float[Tensor, " K"]
    pose_rotmat: Float[Tensor, "K J 3 3"]
    root: Float[Tensor, "K 3"]

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a motion that cannot be written.

        Args:
            skeleton: what it moves.

        Raises:
            ShapeError: if its numbers of times or joints do not fit.
            InputError: if it holds NaN, or the times do not increase.
        """
        wanted = (len(self.times), len(skeleton.names), 3, 3)
        if tuple(self.pose_rotmat.shape) != wanted or len(self.root) != len(self.times):
            raise ShapeError(
                f"poses {tuple(self.pose_rotmat.shape)} and {len(self.root)} root places, but "
                f"{wanted[0]} times and {wanted[1]} joints"
            )
        if not len(self.times) or not bool((self.times.diff() > 0).all()):
            raise InputError("the times of a motion must increase, and there must be some")
        if not all(bool(torch.isfinite(x).all()) for x in (self.pose_rotmat, self.root)):
            raise InputError("the motion holds NaN or infinity; nothing was written")


@dataclass(frozen=True)
class Shot:
    """What a scene is seen by.

    Attributes:
        camera: of the photo.
        extras: what else is to be told of it, as JSON can hold it.
    """

    camera: Camera
    extras: dict[str, object]


def strongest_weights(
    weights: Float[Tensor, "V J"], count: int = INFLUENCES
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The strongest joints of each vertex, their shares scaled to sum to one.

    Args:
        weights: rows sum to one.
        count: joints to keep.

    Returns:
        Joints (V, count), 0 where fewer move the vertex, and their weights (V, count).
    """
    values, joints = weights.detach().cpu().double().topk(count, dim=-1)
    values = (values / values.sum(-1, keepdim=True)).float()
    joints = torch.where(values > 0, joints, 0)
    return joints.numpy().astype(np.uint8), values.numpy()


def skinned_verts(rig: Rig, motion: JointMotion) -> Float[Tensor, "K V 3"]:
    """Where a program that knows `INFLUENCES` joints a vertex and no blend shapes puts the skin.

    Args:
        rig: the body.
        motion: of its joints.

    Returns:
        Vertices in the frame of the motion, m.
    """
    blended, shifts = _vertex_motions(rig, motion)
    return (blended @ rig.rest_verts.double()[..., None])[..., 0] + shifts


def closest_rest(rig: Rig, motion: JointMotion, posed: Float[Tensor, "K V 3"]) -> Rig:
    """The rig whose skin comes closest to a body that knows more: blend shapes, more joints.

    Each vertex of the rest pose is moved to where, turned with its joints, it is nearest to the
    body in the mean over the poses (least squares).

    Args:
        rig: the body in its rest pose.
        motion: some poses.
        posed: the vertices that the skin shall reach in them, m, in the frame of the motion.
    """
    blended, shifts = _vertex_motions(rig, motion)
    turned_back = blended.transpose(-1, -2)
    # Where joints that turn against each other leave a direction open, the vertex stays.
    hold = REST_HOLD * len(motion.times)
    rest = rig.rest_verts.double()
    matrix = (turned_back @ blended).sum(0) + hold * torch.eye(3, dtype=torch.float64)
    wanted = (turned_back @ (posed.double() - shifts)[..., None]).sum(0)[..., 0] + hold * rest
    found = torch.linalg.solve(matrix, wanted).to(rig.rest_verts)
    return replace(rig, rest_verts=found)


def _vertex_motions(
    rig: Rig, motion: JointMotion
) -> tuple[Float[Tensor, "K V 3 3"], Float[Tensor, "K V 3"]]:
    """What a program that knows `INFLUENCES` joints a vertex does to each of them: turn, shift."""
    joints, shares = strongest_weights(rig.weights)
    weights = torch.zeros(rig.weights.shape, dtype=torch.float64)
    weights.scatter_add_(1, torch.from_numpy(joints).long(), torch.from_numpy(shares).double())
    rotmats, places = joint_transforms(rig.skeleton, motion)
    shifts = places - (rotmats @ rig.skeleton.rest_joints.double()[..., None])[..., 0]
    blended = torch.einsum("vj,kjab->kvab", weights, rotmats)
    return blended, torch.einsum("vj,kja->kva", weights, shifts)


def joint_transforms(
    skeleton: Skeleton, motion: JointMotion
) -> tuple[Float[Tensor, "K J 3 3"], Float[Tensor, "K J 3"]]:
    """Rotation and place of every joint in the frame of the motion.

    Args:
        skeleton: whose joints.
        motion: how they turn.
    """
    own, bones = motion.pose_rotmat.double(), skeleton.bones()
    rotmats, places = [own[:, 0]], [motion.root.double()]
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        places.append(places[parent] + rotmats[parent] @ bones[joint])
        rotmats.append(rotmats[parent] @ own[:, joint])
    return torch.stack(rotmats, 1), torch.stack(places, 1)
