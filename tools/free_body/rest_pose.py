"""MakeHuman's A-pose and SMPL's T-pose: rotations between them, and plain skinning in numpy."""

from __future__ import annotations

import math

import numpy as np

from free_body.skeleton import JOINTS, NUM_JOINTS, PARENTS, Array

_DEGREE = np.pi / 180


def _unit(*vector: float) -> Array:
    direction = np.array(vector, float)
    return direction / np.linalg.norm(direction)


# Directions of the left limbs in the rest pose, rounded from the published look of SMPL's.
_THIGH = _unit(np.sin(5 * _DEGREE), -1, 0)
_SHIN = _unit(-np.sin(2 * _DEGREE), -1, -np.sin(5 * _DEGREE))
_UPPER_ARM = _unit(1, -np.sin(3 * _DEGREE), -np.sin(5 * _DEGREE))
_FOREARM = _unit(1, np.sin(1.5 * _DEGREE), 0)
_HAND = _unit(1, -np.sin(4 * _DEGREE), 0)
_COLLAR_RAISE = 8 * _DEGREE


def rotation_between(start: Array, end: Array) -> Array:
    """Smallest rotation that turns one direction into another.

    Args:
        start: (*B, 3); not opposite to `end`.
        end: (*B, 3).

    Returns:
        (*B, 3, 3).
    """
    start = start / np.linalg.norm(start, axis=-1, keepdims=True)
    end = end / np.linalg.norm(end, axis=-1, keepdims=True)
    axis = np.cross(start, end)
    cosine = (start * end).sum(-1)[..., None, None]
    cross = np.zeros((*axis.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2] = -axis[..., 2], axis[..., 1]
    cross[..., 1, 0], cross[..., 1, 2] = axis[..., 2], -axis[..., 0]
    cross[..., 2, 0], cross[..., 2, 1] = -axis[..., 1], axis[..., 0]
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _axes(first: Array, second: Array) -> Array:
    """Rotation whose first column is `first`, its second the part of `second` across it."""
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second - (first * second).sum(-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], -1)


def t_pose_rotations(labels: list[str], heads: Array, joints: Array) -> Array:
    """Global rotation of each joint from the sculpted A-pose to the T-pose.

    Args:
        labels: names of the bones.
        heads: (B, bones, 3) bone starts, m.
        joints: (B, 24, 3) joints, m.

    Returns:
        (B, 24, 3, 3); feet stay flat on the floor.
    """
    num = len(joints)
    rotmat = np.tile(np.eye(3), (num, NUM_JOINTS, 1, 1))
    for side, sign, suffix in (("left_", 1, ".L"), ("right_", -1, ".R")):
        at = {name: JOINTS.index(side + name) for name in ("hip", "knee", "ankle", "collar")}
        at |= {name: JOINTS.index(side + name) for name in ("shoulder", "elbow", "wrist", "hand")}

        def toward(direction: Array, sign: int = sign) -> Array:
            return np.broadcast_to(direction * np.array([sign, 1, 1]), (num, 3))

        def limb(start: str, end: str, at: dict[str, int] = at) -> Array:
            return joints[:, at[end]] - joints[:, at[start]]

        rotmat[:, at["hip"]] = rotation_between(limb("hip", "knee"), toward(_THIGH))
        rotmat[:, at["knee"]] = rotation_between(limb("knee", "ankle"), toward(_SHIN))
        raise_by = sign * _COLLAR_RAISE
        cosine, sine = np.cos(raise_by), np.sin(raise_by)
        rotmat[:, at["collar"]] = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        upper, fore = limb("shoulder", "elbow"), limb("elbow", "wrist")
        # The roll of both arm bones makes the elbow's hinge vertical.
        hinge, down = np.cross(upper, fore) * sign, np.broadcast_to([0, -1, 0.0], (num, 3))
        for name, target, bone in (("shoulder", _UPPER_ARM, upper), ("elbow", _FOREARM, fore)):
            goal = _axes(toward(target), down)
            rotmat[:, at[name]] = goal @ np.swapaxes(_axes(bone, hinge), -1, -2)
        bones = {
            name: heads[:, labels.index(name + suffix)]
            for name in ("finger3-3", "wrist", "finger2-1", "finger5-1")
        }
        along = bones["finger3-3"] - bones["wrist"]
        knuckles = bones["finger2-1"] - bones["finger5-1"]  # points ahead in the T-pose
        goal = _axes(toward(_HAND), np.broadcast_to([0, 0, 1.0], (num, 3)))
        rotmat[:, at["wrist"]] = goal @ np.swapaxes(_axes(along, knuckles), -1, -2)
        rotmat[:, at["hand"]] = rotmat[:, at["wrist"]]
    return rotmat


def chain_joints(rotmat: Array, joints: Array) -> Array:
    """Joints after turning every bone by its global rotation; the root stays.

    Args:
        rotmat: (B, 24, 3, 3) global rotations.
        joints: (B, 24, 3), m.

    Returns:
        (B, 24, 3), m.
    """
    moved = joints.copy()
    for j in range(1, NUM_JOINTS):
        p = PARENTS[j]
        bone = joints[:, j] - joints[:, p]
        moved[:, j] = moved[:, p] + np.einsum("bij,bj->bi", rotmat[:, p], bone)
    return moved


def to_t_pose(
    verts: Array, weights: Array, rotmat: Array, joints: Array, moved_joints: Array
) -> Array:
    """Vertices in the T-pose such that skinning them back gives exactly the sculpted A-pose.

    Args:
        verts: (B, V, 3) in the A-pose, m.
        weights: (V, 24).
        rotmat: (B, 24, 3, 3) global rotations from A to T.
        joints: (B, 24, 3) in the A-pose, m.
        moved_joints: (B, 24, 3) in the T-pose, m.

    Returns:
        (B, V, 3), m.
    """
    out = np.empty_like(verts)
    for b in range(len(verts)):
        back = np.einsum("vj,jab->vab", weights, np.swapaxes(rotmat[b], -1, -2))
        shift = weights @ (joints[b] - np.einsum("jba,jb->ja", rotmat[b], moved_joints[b]))
        out[b] = np.linalg.solve(back, (verts[b] - shift)[..., None])[..., 0]
    return out


def skin(verts: Array, joints: Array, weights: Array, local_rotmat: Array) -> Array:
    """Linear blend skinning of one body.

    Args:
        verts: (V, 3) in the rest pose, m.
        joints: (24, 3) in the rest pose, m.
        weights: (V, 24).
        local_rotmat: (24, 3, 3) rotations relative to the parents.

    Returns:
        (V, 3), m.
    """
    rotmat, position = chain_local(local_rotmat, joints)
    blended = np.einsum("vj,jab->vab", weights, rotmat)
    shift = weights @ (position - np.einsum("jab,jb->ja", rotmat, joints))
    return np.einsum("vab,vb->va", blended, verts) + shift


def chain_local(local_rotmat: Array, joints: Array) -> tuple[Array, Array]:
    """Global rotations (24, 3, 3) and positions (24, 3) of joints turned by local rotations."""
    rotmat, position = np.zeros((NUM_JOINTS, 3, 3)), np.zeros((NUM_JOINTS, 3))
    rotmat[0], position[0] = local_rotmat[0], joints[0]
    for j in range(1, NUM_JOINTS):
        p = PARENTS[j]
        rotmat[j] = rotmat[p] @ local_rotmat[j]
        position[j] = position[p] + rotmat[p] @ (joints[j] - joints[p])
    return rotmat, position


def rotation_from_degrees(x: float, y: float, z: float) -> Array:
    """Matrix (3, 3) of a rotation vector given in degrees."""
    rotvec = np.array([x, y, z], float) * _DEGREE
    angle = np.linalg.norm(rotvec)
    if angle < 1e-9:
        return np.eye(3)
    k = rotvec / angle
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def local_rotations(**degrees: tuple[float, float, float]) -> Array:
    """A pose (24, 3, 3) from rotation vectors by joint name, in degrees; other joints rest."""
    rotmat = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for name, rotvec in degrees.items():
        rotmat[JOINTS.index(name)] = rotation_from_degrees(*rotvec)
    return rotmat
