"""Compiled loops of the skinning and of its derivative, float32, one frame after the other.

The same function as `kinematics.joint_frames`, `skinning.pose_offsets` and `skinning.skin` chained,
a few times faster because each vertex visits only the joints that move it (2 of 24 on average) and
only the joints that correct it (1 of 23), and nothing in between is stored. The loops release the
GIL and share no state. Signatures are long because numba takes plain arrays.

Notation of the derivations: vertex v rests at u = rest + offset, and goes to
x = Σ_j w_j (G_j u + s_j) + transl with s_j = P_j - G_j r_j, where G_j, P_j are a joint's posed
rotation and position and r_j its rest position.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

from hfb.body.skinning_tables import Array, Indices, SkinningTables


def _jit(function: Callable[..., None]) -> Callable[..., None]:
    """Compile, with all of fast-math except assuming that NaN and infinity never occur.

    Unwrapped first: the tests' shape checks wrap every function, which numba cannot compile.
    """
    fastmath = {"contract", "reassoc", "nsz", "arcp"}
    compiled: Callable[..., None] = numba.njit(nogil=True, cache=True, fastmath=fastmath)(
        inspect.unwrap(function)
    )
    return compiled


@_jit
def _chain_joints(
    rotmat: Array, rest: Array, parents: Indices, chained: Array, position: Array
) -> None:
    """Forward kinematics of one frame: fills `chained` (J, 3, 3) and `position` (J, 3)."""
    chained[0] = rotmat[0]
    position[0] = rest[0]
    for j in range(1, len(parents)):
        p = parents[j]
        for a in range(3):
            position[j, a] = position[p, a]
            for b in range(3):
                position[j, a] += chained[p, a, b] * (rest[j, b] - rest[p, b])
                chained[j, a, b] = (
                    chained[p, a, 0] * rotmat[j, 0, b]
                    + chained[p, a, 1] * rotmat[j, 1, b]
                    + chained[p, a, 2] * rotmat[j, 2, b]
                )


@_jit
def _rigid_motions(chained: Array, position: Array, rest: Array, rigid: Array) -> None:
    """Rows of [G_j | s_j] as 12 numbers: rotation row-major, then the shift."""
    for j in range(len(rest)):
        for a in range(3):
            shift = position[j, a]
            for b in range(3):
                rigid[j, 3 * a + b] = chained[j, a, b]
                shift -= chained[j, a, b] * rest[j, b]
            rigid[j, 9 + a] = shift


@_jit
def _skin_forward(
    rest_verts: Array,
    feature: Array,
    rigid: Array,
    transl: Array,
    tables: SkinningTables,
    moved: Array,
    verts: Array,
) -> None:
    """Vertices of one frame; `moved` keeps u for the backward pass."""
    for v in range(len(rest_verts)):
        x, y, z = rest_verts[v, 0], rest_verts[v, 1], rest_verts[v, 2]
        for e in range(tables.offset_start[v], tables.offset_start[v + 1]):
            j = tables.offset_joint[e]
            for i in range(9):
                f = feature[j, i]
                x += f * tables.offset_value[e, i, 0]
                y += f * tables.offset_value[e, i, 1]
                z += f * tables.offset_value[e, i, 2]
        moved[v, 0], moved[v, 1], moved[v, 2] = x, y, z
        out_x, out_y, out_z = transl[0], transl[1], transl[2]
        for e in range(tables.weight_start[v], tables.weight_start[v + 1]):
            w = tables.weight_value[e]
            j = tables.weight_joint[e]
            out_x += w * (rigid[j, 0] * x + rigid[j, 1] * y + rigid[j, 2] * z + rigid[j, 9])
            out_y += w * (rigid[j, 3] * x + rigid[j, 4] * y + rigid[j, 5] * z + rigid[j, 10])
            out_z += w * (rigid[j, 6] * x + rigid[j, 7] * y + rigid[j, 8] * z + rigid[j, 11])
        verts[v, 0], verts[v, 1], verts[v, 2] = out_x, out_y, out_z


@_jit
def _skin_backward(
    grad_verts: Array,
    moved: Array,
    rigid: Array,
    tables: SkinningTables,
    grad_rest_verts: Array,
    grad_feature: Array,
    grad_rigid: Array,
    grad_transl: Array,
) -> None:
    """Adds one frame's gradients to the last four arrays.

    dG_j += w_j g uᵀ, ds_j += w_j g, du = Σ_j w_j G_jᵀ g; offsets are linear in the features.
    """
    for v in range(len(moved)):
        gx, gy, gz = grad_verts[v, 0], grad_verts[v, 1], grad_verts[v, 2]
        if gx == 0 and gy == 0 and gz == 0:  # hidden vertices receive nothing
            continue
        x, y, z = moved[v, 0], moved[v, 1], moved[v, 2]
        grad_transl[0] += gx
        grad_transl[1] += gy
        grad_transl[2] += gz
        ux = uy = uz = np.float32(0)
        for e in range(tables.weight_start[v], tables.weight_start[v + 1]):
            w = tables.weight_value[e]
            wx, wy, wz = w * gx, w * gy, w * gz
            j = tables.weight_joint[e]
            ux += rigid[j, 0] * wx + rigid[j, 3] * wy + rigid[j, 6] * wz
            uy += rigid[j, 1] * wx + rigid[j, 4] * wy + rigid[j, 7] * wz
            uz += rigid[j, 2] * wx + rigid[j, 5] * wy + rigid[j, 8] * wz
            grad_rigid[j, 0] += wx * x
            grad_rigid[j, 1] += wx * y
            grad_rigid[j, 2] += wx * z
            grad_rigid[j, 3] += wy * x
            grad_rigid[j, 4] += wy * y
            grad_rigid[j, 5] += wy * z
            grad_rigid[j, 6] += wz * x
            grad_rigid[j, 7] += wz * y
            grad_rigid[j, 8] += wz * z
            grad_rigid[j, 9] += wx
            grad_rigid[j, 10] += wy
            grad_rigid[j, 11] += wz
        grad_rest_verts[v, 0] += ux
        grad_rest_verts[v, 1] += uy
        grad_rest_verts[v, 2] += uz
        for e in range(tables.offset_start[v], tables.offset_start[v + 1]):
            j = tables.offset_joint[e]
            for i in range(9):
                grad_feature[j, i] += (
                    ux * tables.offset_value[e, i, 0]
                    + uy * tables.offset_value[e, i, 1]
                    + uz * tables.offset_value[e, i, 2]
                )


@_jit
def _chain_backward(
    rotmat: Array,
    rest: Array,
    parents: Indices,
    chained: Array,
    grad_rigid: Array,
    grad_position: Array,
    grad_rotmat: Array,
    grad_rest: Array,
) -> None:
    """Adds one frame's gradients to the last two arrays; overwrites the two before.

    s = P - G r gives dP += ds, dG -= ds rᵀ, dr -= Gᵀ ds. Then, leaves first, G_j = G_p R_j and
    P_j = P_p + G_p (r_j - r_p) hand their gradients to R_j, r_j and the parent p.
    """
    num_joints = len(parents)
    for j in range(num_joints):
        for a in range(3):
            shift = grad_rigid[j, 9 + a]
            grad_position[j, a] += shift
            for b in range(3):
                grad_rigid[j, 3 * a + b] -= shift * rest[j, b]
                grad_rest[j, b] -= chained[j, a, b] * shift
    for j in range(num_joints - 1, 0, -1):
        p = parents[j]
        for a in range(3):
            g = grad_position[j, a]
            grad_position[p, a] += g
            for b in range(3):
                grad_rigid[p, 3 * a + b] += g * (rest[j, b] - rest[p, b])
                grad_rest[j, b] += chained[p, a, b] * g
                grad_rest[p, b] -= chained[p, a, b] * g
                for c in range(3):
                    grad_rigid[p, 3 * a + b] += grad_rigid[j, 3 * a + c] * rotmat[j, b, c]
                    grad_rotmat[j, b, c] += chained[p, a, b] * grad_rigid[j, 3 * a + c]
    for a in range(3):
        grad_rest[0, a] += grad_position[0, a]
        for b in range(3):
            grad_rotmat[0, a, b] += grad_rigid[0, 3 * a + b]


@_jit
def forward_frames(
    rest_verts: Array,
    verts_of_frame: NDArray[np.int64],
    rest_joints: Array,
    joints_of_frame: NDArray[np.int64],
    rotmat: Array,
    transl: Array,
    tables: SkinningTables,
    moved: Array,
    verts: Array,
    joints: Array,
) -> None:
    """Fills the last three arrays, frame by frame."""
    num_joints = len(tables.parents)
    chained = np.empty((num_joints, 3, 3), np.float32)
    rigid = np.empty((num_joints, 12), np.float32)
    feature = np.empty((num_joints - 1, 9), np.float32)
    for n in range(len(rotmat)):
        rest = rest_joints[joints_of_frame[n]]
        _chain_joints(rotmat[n], rest, tables.parents, chained, joints[n])
        _rigid_motions(chained, joints[n], rest, rigid)
        _pose_feature(rotmat[n], feature)
        _skin_forward(
            rest_verts[verts_of_frame[n]], feature, rigid, transl[n], tables, moved[n], verts[n]
        )
        joints[n] += transl[n]


@_jit
def backward_frames(
    grad_verts: Array,
    grad_joints: Array,
    moved: Array,
    verts_of_frame: NDArray[np.int64],
    rest_joints: Array,
    joints_of_frame: NDArray[np.int64],
    rotmat: Array,
    tables: SkinningTables,
    grad_rest_verts: Array,
    grad_rest_joints: Array,
    grad_rotmat: Array,
    grad_transl: Array,
) -> None:
    """Adds to the last four arrays, frame by frame."""
    num_joints = len(tables.parents)
    chained = np.empty((num_joints, 3, 3), np.float32)
    rigid = np.empty((num_joints, 12), np.float32)
    position = np.empty((num_joints, 3), np.float32)
    for n in range(len(rotmat)):
        rest = rest_joints[joints_of_frame[n]]
        _chain_joints(rotmat[n], rest, tables.parents, chained, position)
        _rigid_motions(chained, position, rest, rigid)
        grad_rigid = np.zeros((num_joints, 12), np.float32)
        # a body joint's rotation also acts through the pose blend shapes
        grad_feature = grad_rotmat[n, 1:].reshape(num_joints - 1, 9)
        _skin_backward(
            grad_verts[n],
            moved[n],
            rigid,
            tables,
            grad_rest_verts[verts_of_frame[n]],
            grad_feature,
            grad_rigid,
            grad_transl[n],
        )
        grad_position = grad_joints[n].copy()
        for j in range(num_joints):
            for a in range(3):
                grad_transl[n, a] += grad_position[j, a]
        _chain_backward(
            rotmat[n],
            rest,
            tables.parents,
            chained,
            grad_rigid,
            grad_position,
            grad_rotmat[n],
            grad_rest_joints[joints_of_frame[n]],
        )


@_jit
def _pose_feature(rotmat: Array, feature: Array) -> None:
    """Body joints' rotations minus identity, row-major."""
    for j in range(1, len(rotmat)):
        for a in range(3):
            for b in range(3):
                feature[j - 1, 3 * a + b] = rotmat[j, a, b]
            feature[j - 1, 4 * a] -= np.float32(1)
