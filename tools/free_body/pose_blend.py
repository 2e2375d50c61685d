"""Pose blend shapes: what linear blending lacks, learned from a better skinning.

The better skinning is mostly dual quaternions (limbs keep their volume when twisted), with each
limb's twist spread along its half-bones, mixed with a little linear blending against bulging. Both
are skinned in random poses of one joint after the other; the difference, taken back to the rest
pose, is fitted linearly in the entries of the joint's rotation minus identity, as SMPL's.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from free_body.rest_pose import chain_local, rotation_from_degrees, skin
from free_body.skeleton import FLIP, JOINTS, MIRROR, NUM_JOINTS, PARENTS, Array, Indices

Range = tuple[float, float]
# Rotation vectors to learn from, degrees along x, y and z; left side.
_RANGES: dict[str, tuple[Range, Range, Range]] = {
    "spine1": ((-30, 50), (-35, 35), (-30, 30)),
    "spine2": ((-25, 40), (-30, 30), (-25, 25)),
    "spine3": ((-25, 30), (-25, 25), (-20, 20)),
    "neck": ((-40, 45), (-45, 45), (-35, 35)),
    "head": ((-35, 35), (-45, 45), (-30, 30)),
    "left_hip": ((-120, 40), (-45, 45), (-30, 60)),
    "left_knee": ((-5, 150), (-15, 15), (-10, 10)),
    "left_ankle": ((-45, 40), (-35, 35), (-25, 25)),
    "left_foot": ((-40, 30), (-5, 5), (-5, 5)),
    "left_collar": ((-15, 15), (-30, 30), (-30, 30)),
    "left_shoulder": ((-80, 80), (-100, 50), (-90, 70)),
    "left_elbow": ((-80, 80), (-145, 10), (-25, 25)),
    "left_wrist": ((-85, 85), (-40, 40), (-75, 75)),
    "left_hand": ((-10, 10), (-20, 20), (-70, 30)),
}
_POSES_PER_JOINT = 80
_RIDGE = 2e-3
_SMALLEST_RESIDUAL = 2e-4  # m; vertices that differ less are left alone
_SMALLEST_ENTRY = 1e-5
_DUAL_QUATERNION_SHARE = 0.75
# Limbs whose twist is spread: bone, from joint, to joint, joint whose twist it is, share of it.
_TWISTS = (
    ("upperarm01", "shoulder", "elbow", "shoulder", -0.6),
    ("lowerarm02", "elbow", "wrist", "wrist", 0.6),
    ("upperleg01", "hip", "knee", "hip", -0.5),
    ("lowerleg02", "knee", "ankle", "ankle", 0.5),
)
# Signs of the entries of a mirrored rotation, row-major.
_MIRRORED_ENTRIES = np.outer(FLIP, FLIP).ravel()


def learn_pose_blend_shapes(
    verts: Array, joints: Array, weights: Array, twist: dict[str, Array], mirror: Indices
) -> np.ndarray:
    """Fit the pose blend shapes of the mean body.

    Args:
        verts: (V, 3) mean body in the T-pose, m.
        joints: (24, 3), m.
        weights: (V, 24).
        twist: weights of the half-bones, see `twist_weights`.
        mirror: (V,) the vertex on the other side.

    Returns:
        (V, 3, 207) float32, m per entry of rotation minus identity.
    """
    shapes = np.zeros((len(verts), 3, 9 * (NUM_JOINTS - 1)))
    rng = np.random.default_rng(0)
    for name, ranges in _RANGES.items():
        j = JOINTS.index(name)
        block = slice(9 * (j - 1), 9 * j)
        poses = _sample_poses(ranges, rng)
        active, solution = _fit_joint(j, poses, verts, joints, weights, twist)
        shapes[active, :, block] = solution
        if name.startswith("left_"):
            other = slice(9 * (MIRROR[j] - 1), 9 * MIRROR[j])
            shapes[:, :, other] = _mirrored(shapes[:, :, block], mirror)
    for j in range(1, NUM_JOINTS):
        if MIRROR[j] == j:
            block = slice(9 * (j - 1), 9 * j)
            half = shapes[:, :, block]
            shapes[:, :, block] = 0.5 * (half + _mirrored(half, mirror))
    shapes[np.abs(shapes) < _SMALLEST_ENTRY] = 0
    return shapes.astype(np.float32)


def _mirrored(block: Array, mirror: Indices) -> Array:
    return block[mirror] * FLIP[None, :, None] * _MIRRORED_ENTRIES


def _sample_poses(ranges: tuple[Range, Range, Range], rng: np.random.Generator) -> Array:
    """Random rotations (P, 3, 3); every third is about a single axis."""
    rotmats = []
    for p in range(_POSES_PER_JOINT):
        degrees = [rng.uniform(*limits) for limits in ranges]
        if p % 3 == 0:
            degrees = [x if axis == p // 3 % 3 else 0 for axis, x in enumerate(degrees)]
        rotmats.append(rotation_from_degrees(*degrees))
    return np.stack(rotmats)


def _fit_joint(
    j: int, poses: Array, verts: Array, joints: Array, weights: Array, twist: dict[str, Array]
) -> tuple[Indices, Array]:
    """The vertices that a joint's rotation corrects, and their (A, 3, 9) blend shapes."""
    blended, residual = [], []
    for rotmat in poses:
        local = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
        local[j] = rotmat
        chained = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
        for q in range(1, NUM_JOINTS):
            chained[q] = chained[PARENTS[q]] @ local[q]
        wanted = better_skinning(verts, joints, weights, twist, local)
        residual.append(wanted - skin(verts, joints, weights, local))
        blended.append(np.einsum("vj,jab->vab", weights, chained))
    difference = np.stack(residual)
    feature = (poses - np.eye(3)).reshape(len(poses), 9)
    active = np.where(np.abs(difference).max((0, 2)) > _SMALLEST_RESIDUAL)[0]
    difference, turn = difference[:, active], np.stack(blended)[:, active]
    # normal equations of Σ_p |r_p - M_p S f_p|² + ridge |S|², one 27 × 27 system a vertex
    features = np.einsum("pi,pj->pij", feature, feature)
    turns = np.einsum("pvab,pvac->pvbc", turn, turn)
    matrix = np.einsum("pij,pvbc->vbicj", features, turns).reshape(len(active), 27, 27)
    matrix = matrix + _RIDGE * len(poses) * np.eye(27)
    back = np.einsum("pvab,pva->pvb", turn, difference)
    goal = np.einsum("pi,pvb->vbi", feature, back).reshape(len(active), 27)
    return active, np.linalg.solve(matrix, goal[..., None])[..., 0].reshape(len(active), 3, 9)


def better_skinning(
    verts: Array, joints: Array, weights: Array, twist: dict[str, Array], local_rotmat: Array
) -> Array:
    """Dual-quaternion skinning with spread twist, mixed with linear blending.

    Args:
        verts: (V, 3) in the rest pose, m.
        joints: (24, 3) in the rest pose, m.
        weights: (V, 24).
        twist: weights of the half-bones.
        local_rotmat: (24, 3, 3) rotations relative to the parents.

    Returns:
        (V, 3), m.
    """
    quats, position, rest, all_weights = _with_half_bones(joints, weights, twist, local_rotmat)
    rotmat = _matrices(quats)
    shift = position - np.einsum("jab,jb->ja", rotmat, rest)
    dual = 0.5 * _multiply(np.concatenate([np.zeros((len(shift), 1)), shift], 1), quats)
    real, dual = all_weights @ quats, all_weights @ dual
    length = np.linalg.norm(real, axis=1, keepdims=True)
    real, dual = real / length, dual / length
    moved = 2 * _multiply(dual, real * [1, -1, -1, -1])[:, 1:]
    by_dual = np.einsum("vab,vb->va", _matrices(real), verts) + moved
    linear = np.einsum("vab,vb->va", np.einsum("vj,jab->vab", all_weights, rotmat), verts)
    linear = linear + all_weights @ shift
    return _DUAL_QUATERNION_SHARE * by_dual + (1 - _DUAL_QUATERNION_SHARE) * linear


def _with_half_bones(
    joints: Array, weights: Array, twist: dict[str, Array], local_rotmat: Array
) -> tuple[Array, Array, Array, Array]:
    """Global quaternions, positions, rest positions and weights of joints and half-bones."""
    local = Rotation.from_matrix(local_rotmat).as_quat()[..., [3, 0, 1, 2]]
    local[local[:, 0] < 0] *= -1
    quats = np.zeros((NUM_JOINTS, 4))
    quats[0] = local[0]
    for j in range(1, NUM_JOINTS):
        quats[j] = _multiply(quats[PARENTS[j]], local[j])
    _, position = chain_local(local_rotmat, joints)
    main = weights.copy()
    columns, extra_quats, pivots = [main], [quats], [*range(NUM_JOINTS)]
    for side, prefix in (("L", "left_"), ("R", "right_")):
        for bone, start, end, twisted, share in _TWISTS:
            pivot = JOINTS.index(prefix + start)
            part = np.minimum(twist[f"{bone}.{side}"], main[:, pivot])
            main[:, pivot] -= part
            axis = joints[JOINTS.index(prefix + end)] - joints[pivot]
            about = _twist_of(local[JOINTS.index(prefix + twisted)], axis / np.linalg.norm(axis))
            columns.append(part[:, None])
            extra_quats.append(_multiply(quats[pivot], _power(about, share))[None])
            pivots.append(pivot)
    return np.concatenate(extra_quats), position[pivots], joints[pivots], np.concatenate(columns, 1)


def _matrices(quats: Array) -> Array:
    """Rotation matrices of quaternions, real part first."""
    return Rotation.from_quat(quats[:, [1, 2, 3, 0]]).as_matrix()


def _multiply(a: Array, b: Array) -> Array:
    """Product of quaternions, real part first."""
    (w1, x1, y1, z1), (w2, x2, y2, z2) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
    return np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        -1,
    )


def _twist_of(quat: Array, axis: Array) -> Array:
    """The part of a rotation that is about an axis."""
    twist = np.array([quat[0], *(np.dot(quat[1:], axis) * axis)])
    twist /= np.linalg.norm(twist) + 1e-12
    return -twist if twist[0] < 0 else twist


def _power(quat: Array, share: float) -> Array:
    """A rotation by a share of the angle."""
    angle = 2 * np.arctan2(np.linalg.norm(quat[1:]), quat[0])
    axis = quat[1:] / (np.linalg.norm(quat[1:]) + 1e-12)
    return np.array([np.cos(angle * share / 2), *(np.sin(angle * share / 2) * axis)])
