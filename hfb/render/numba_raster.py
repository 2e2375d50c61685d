"""Compiled kernels: projection, and the nearest face of each pixel."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    F32,
    I32,
    I64,
    ONE,
    TWO,
    U8,
    ZERO,
    FrameState,
    Look,
    MeshArrays,
    Scratch,
)
from hfb.render.settings import MAX_GRID_PX, NEAR_PLANE_M
from hfb.render.torch_visibility import INSIDE_TOLERANCE, MIN_AREA_PX

_NEAR = np.float32(NEAR_PLANE_M)
_FAR_OUT = np.float32(MAX_GRID_PX)
_MIN_AREA = np.float32(MIN_AREA_PX)
_TOLERANCE = np.float32(INSIDE_TOLERANCE)
_HALF_PIXEL = np.float32(0.5)


@kernel
def rasterise_frame(
    verts: F32,
    intrinsics: F32,
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
) -> None:
    """Project one sub-frame and find the nearest face of each grid pixel.

    Fills `screen`, `box` and `face_id` of the state and `is_front` of the scratch.

    Args:
        verts: (V, 3) camera frame, m.
        intrinsics: (4,) fx, fy, cx, cy, px.
        mesh: tables of the mesh.
        look: how far the silhouette's softness reaches.
        scratch: room of this thread.
        state: what the sub-frame keeps.
    """
    height, width = state.face_id.shape
    margin = max(look.radius, look.margin_x, look.margin_y) + TWO
    project(verts, intrinsics, margin, height, width, state.screen, state.box)
    for y in range(state.box[0], state.box[1]):
        for x in range(state.box[2], state.box[3]):
            scratch.depth[y, x] = ZERO
            state.face_id[y, x] = -1
    find_visible_faces(
        state.screen, mesh.faces, state.box, scratch.is_front, scratch.depth, state.face_id
    )


@inlined
def project(
    verts: F32,
    intrinsics: F32,
    margin: np.float32,
    height: int,
    width: int,
    screen: F32,
    box: I64,
) -> None:
    """Grid position and inverse depth of each vertex, and the box around them all."""
    fx, fy = intrinsics[0], intrinsics[1]
    cx, cy = intrinsics[2] + _HALF_PIXEL, intrinsics[3] + _HALF_PIXEL
    left, right, top, bottom = _FAR_OUT, -_FAR_OUT, _FAR_OUT, -_FAR_OUT
    for v in range(verts.shape[0]):
        depth = verts[v, 2]
        screen[v, 0] = ZERO
        screen[v, 1] = ZERO
        screen[v, 2] = ZERO
        if not (depth >= _NEAR and depth < np.inf):
            continue
        inverse = ONE / depth
        x = fx * verts[v, 0] * inverse + cx
        y = fy * verts[v, 1] * inverse + cy
        if not (abs(x) < _FAR_OUT and abs(y) < _FAR_OUT):
            continue
        screen[v, 0] = x
        screen[v, 1] = y
        screen[v, 2] = inverse
        left, right = min(left, x), max(right, x)
        top, bottom = min(top, y), max(bottom, y)
    box[0] = max(math.floor(top - margin), 0)
    box[1] = max(min(math.ceil(bottom + margin) + 1, height), box[0])
    box[2] = max(math.floor(left - margin), 0)
    box[3] = max(min(math.ceil(right + margin) + 1, width), box[2])


@inlined
def find_visible_faces(
    screen: F32, faces: I32, box: I64, is_front: U8, nearest: F32, face_id: I32
) -> None:
    """Draw the front faces into a depth buffer; equal depths go to the earlier face."""
    last_y, last_x = np.float32(box[1] - 1), np.float32(box[3] - 1)
    first_y, first_x = np.float32(box[0]), np.float32(box[2])
    is_front[faces.shape[0]] = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, a_inverse = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, b_inverse = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, c_inverse = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Counter-clockwise from the camera is clockwise with y down. Conditions are joined without
        # short cuts here and below: a wrongly predicted branch costs more than all of them.
        is_drawable = (a_inverse > ZERO) & (b_inverse > ZERO) & (c_inverse > ZERO)
        is_front[f] = is_drawable & (area < -_MIN_AREA)
        if not is_front[f]:
            continue
        low_x, high_x = max(min(ax, bx, cx), first_x), min(max(ax, bx, cx), last_x)
        low_y, high_y = max(min(ay, by, cy), first_y), min(max(ay, by, cy), last_y)
        # Truncation, after cutting at the box (which starts at 0 or later), does what `ceil` and
        # `floor`, calls into the C library, would do.
        left, right, top, bottom = int(low_x), int(high_x), int(low_y), int(high_y)
        left += int(np.float32(left) < low_x)
        top += int(np.float32(top) < low_y)
        if (left > right) | (top > bottom) | (low_x > high_x) | (low_y > high_y):
            continue
        # Barycentric coordinates are affine: value at the box's corner, plus steps in x and y.
        scale = ONE / area
        first_dx, first_dy = (by - cy) * scale, (cx - bx) * scale
        second_dx, second_dy = (cy - ay) * scale, (ax - cx) * scale
        x0, y0 = np.float32(left), np.float32(top)
        first_0 = ((bx - x0) * (cy - y0) - (by - y0) * (cx - x0)) * scale
        second_0 = ((cx - x0) * (ay - y0) - (cy - y0) * (ax - x0)) * scale
        first_depth, second_depth = a_inverse - c_inverse, b_inverse - c_inverse
        for row in range(bottom + 1 - top):
            first_row = first_0 + np.float32(row) * first_dy
            second_row = second_0 + np.float32(row) * second_dy
            for step in range(right + 1 - left):
                first = first_row + np.float32(step) * first_dx
                second = second_row + np.float32(step) * second_dx
                if (
                    (first >= -_TOLERANCE)
                    & (second >= -_TOLERANCE)
                    & (first + second <= ONE + _TOLERANCE)
                ):
                    depth = c_inverse + first * first_depth + second * second_depth
                    y, x = top + row, left + step
                    if depth > nearest[y, x]:
                        nearest[y, x] = depth
                        face_id[y, x] = f


@kernel
def unproject_gradient(
    verts: F32, intrinsics: F32, screen: F32, screen_grad: F32, verts_grad: F32
) -> None:
    """Turn the gradient of grid position and inverse depth into that of the vertices.

    Args:
        verts: (V, 3) camera frame, m.
        intrinsics: (4,) fx, fy, cx, cy, px.
        screen: (V, 3) what `project` made of them.
        screen_grad: (V, 3) its gradient.
        verts_grad: (V, 3) is overwritten.
    """
    fx, fy = intrinsics[0], intrinsics[1]
    for v in range(verts.shape[0]):
        inverse = screen[v, 2]
        if inverse == ZERO:  # was not drawn; its coordinates may not be finite
            verts_grad[v, 0] = ZERO
            verts_grad[v, 1] = ZERO
            verts_grad[v, 2] = ZERO
            continue
        along_x, along_y = fx * screen_grad[v, 0], fy * screen_grad[v, 1]
        inverse_grad = screen_grad[v, 2] + along_x * verts[v, 0] + along_y * verts[v, 1]
        verts_grad[v, 0] = along_x * inverse
        verts_grad[v, 1] = along_y * inverse
        verts_grad[v, 2] = -inverse * inverse * inverse_grad
