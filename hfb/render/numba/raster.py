"""Compiled kernels: projection, and the nearest face of each pixel."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.records import (
    F32,
    I32,
    I64,
    ONE,
    TWO,
    U8,
    U32,
    ZERO,
    FrameState,
    MeshArrays,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.settings import MAX_GRID_PX, NEAR_PLANE_M
from hfb.render.torch.visibility import INSIDE_TOLERANCE, MIN_AREA_PX

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
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
) -> None:
    """Project one sub-frame and find the nearest face of each grid pixel.

    Fills `screen`, `box` and `face_id` of the state, `is_front` and `depth` of the scratch.

    Args:
        verts: (V, 3) camera frame, m.
        intrinsics: (4,) fx, fy, cx, cy, px.
        mesh: tables of the mesh.
        params: how far the silhouette's softness reaches.
        buffers: room of this thread.
        state: what the sub-frame keeps.
    """
    height, width = state.face_id.shape
    margin = max(params.radius, params.margin_x, params.margin_y) + TWO
    project(verts, intrinsics, margin, height, width, state.screen, state.box)
    for y in range(state.box[0], state.box[1]):
        for x in range(state.box[2], state.box[3]):
            buffers.depth[y, x] = ZERO
            state.face_id[y, x] = -1
    count = select_faces(state.screen, mesh.faces, state.box, buffers.is_front, buffers.candidates)
    find_visible_faces(
        state.screen, mesh.faces, state.box, buffers.candidates, count, buffers.depth, state.face_id
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
def select_faces(screen: F32, faces: U32, box: I64, is_front: U8, candidates: U32) -> int:
    """Which faces show their outside, and the list of those that may hold a pixel centre.

    Without a single jump: a wrongly predicted one costs more than all of this for two faces.

    Returns:
        The length of the list; about a third of the body's faces.
    """
    last_y, last_x = np.float32(box[1] - 1), np.float32(box[3] - 1)
    first_y, first_x = np.float32(box[0]), np.float32(box[2])
    is_front[faces.shape[0]] = 0
    count = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        is_drawable = (screen[a, 2] > ZERO) & (screen[b, 2] > ZERO) & (screen[c, 2] > ZERO)
        # Counter-clockwise from the camera is clockwise with y down.
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        is_front[f] = is_drawable & (area < -_MIN_AREA)
        low_x, high_x = max(min(ax, bx, cx), first_x), min(max(ax, bx, cx), last_x)
        low_y, high_y = max(min(ay, by, cy), first_y), min(max(ay, by, cy), last_y)
        # Truncation, after cutting at the box (which starts at 0 or later), is `floor`. A centre
        # lies between two positions if their floors differ, or if the first is a centre itself.
        left, top = np.float32(int(low_x)), np.float32(int(low_y))
        holds_column = (np.float32(int(high_x)) > left) | (low_x == left)
        holds_row = (np.float32(int(high_y)) > top) | (low_y == top)
        is_inside = (low_x <= high_x) & (low_y <= high_y)
        candidates[count] = f
        count += int(is_front[f] & holds_column & holds_row & is_inside)
    return count


@inlined
def list_silhouette_edges(edge_halves: U32, edge_faces: U32, is_front: U8, silhouette: U32) -> int:
    """Write the front half-edges of the silhouette to a list, without a jump; returns how many."""
    count = 0
    for e in range(edge_faces.shape[0]):
        first_is_front = is_front[edge_faces[e, 0]]
        silhouette[count] = edge_halves[e, 0] if first_is_front else edge_halves[e, 1]
        count += int(first_is_front != is_front[edge_faces[e, 1]])
    return count


@inlined
def find_visible_faces(
    screen: F32,
    faces: U32,
    box: I64,
    candidates: U32,
    count: int,
    nearest: F32,
    face_id: I32,
) -> None:
    """Draw faces into a depth buffer; equal depths go to the earlier face."""
    last_y, last_x = np.float32(box[1] - 1), np.float32(box[3] - 1)
    first_y, first_x = np.float32(box[0]), np.float32(box[2])
    for k in range(count):
        f = candidates[k]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, a_inverse = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, b_inverse = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, c_inverse = screen[c, 0], screen[c, 1], screen[c, 2]
        low_x, high_x = max(min(ax, bx, cx), first_x), min(max(ax, bx, cx), last_x)
        low_y, high_y = max(min(ay, by, cy), first_y), min(max(ay, by, cy), last_y)
        left, right, top, bottom = int(low_x), int(high_x), int(low_y), int(high_y)
        left += int(np.float32(left) < low_x)
        top += int(np.float32(top) < low_y)
        # Barycentric coordinates are affine: value at the first centre, plus steps in x and y.
        scale = ONE / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
        first_dx, first_dy = (by - cy) * scale, (cx - bx) * scale
        second_dx, second_dy = (cy - ay) * scale, (ax - cx) * scale
        x0, y0 = np.float32(left), np.float32(top)
        first_0 = ((bx - x0) * (cy - y0) - (by - y0) * (cx - x0)) * scale
        second_0 = ((cx - x0) * (ay - y0) - (cy - y0) * (ax - x0)) * scale
        first_depth, second_depth = a_inverse - c_inverse, b_inverse - c_inverse
        for row in range(bottom + 1 - top):
            first_row = first_0 + np.float32(row) * first_dy
            second_row = second_0 + np.float32(row) * second_dy
            for column in range(right + 1 - left):
                first = first_row + np.float32(column) * first_dx
                second = second_row + np.float32(column) * second_dx
                depth = c_inverse + first * first_depth + second * second_depth
                y, x = top + row, left + column
                # Conditions are joined without short cuts: see `select_faces`.
                if (
                    (first >= -_TOLERANCE)
                    & (second >= -_TOLERANCE)
                    & (first + second <= ONE + _TOLERANCE)
                    & (depth > nearest[y, x])
                ):
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
