"""Compiled kernels: projection, and the nearest face of each pixel."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import F32, I32, I64, ONE, U8, ZERO, FrameState, MeshArrays, Scratch
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
    margin: np.float32,
    scratch: Scratch,
    state: FrameState,
) -> None:
    """Project one sub-frame and find the nearest face of each grid pixel.

    Fills `screen`, `box` and `face_id` of the state and `is_front` of the scratch.

    Args:
        verts: (V, 3) camera frame, m.
        intrinsics: (4,) fx, fy, cx, cy, px.
        mesh: tables of the mesh.
        margin: how far beyond the body the box must reach, px.
        scratch: room of this thread.
        state: what the sub-frame keeps.
    """
    height, width = state.face_id.shape
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
        # Counter-clockwise from the camera is clockwise with y down.
        if not (area < -_MIN_AREA and a_inverse > ZERO and b_inverse > ZERO and c_inverse > ZERO):
            is_front[f] = 0
            continue
        is_front[f] = 1
        # Truncation after cutting at the box (which starts at 0 or later) does what `ceil` and
        # `floor`, calls into the C library, would do.
        low, high = max(min(ax, bx, cx), first_x), min(max(ax, bx, cx), last_x)
        if low > high:
            continue
        left, right = int(low), int(high)
        if np.float32(left) < low:
            left += 1
        low, high = max(min(ay, by, cy), first_y), min(max(ay, by, cy), last_y)
        if low > high or left > right:
            continue
        top, bottom = int(low), int(high)
        if np.float32(top) < low:
            top += 1
        if top > bottom:
            continue
        # Barycentric coordinates are affine: value at the box's corner, plus steps in x and y.
        scale = ONE / area
        first_dx, first_dy = (by - cy) * scale, (cx - bx) * scale
        second_dx, second_dy = (cy - ay) * scale, (ax - cx) * scale
        x0, y0 = np.float32(left), np.float32(top)
        first_row = ((bx - x0) * (cy - y0) - (by - y0) * (cx - x0)) * scale
        second_row = ((cx - x0) * (ay - y0) - (cy - y0) * (ax - x0)) * scale
        first_depth, second_depth = a_inverse - c_inverse, b_inverse - c_inverse
        for y in range(top, bottom + 1):
            for step in range(right + 1 - left):
                first = first_row + np.float32(step) * first_dx
                second = second_row + np.float32(step) * second_dx
                if (
                    first >= -_TOLERANCE
                    and second >= -_TOLERANCE
                    and first + second <= ONE + _TOLERANCE
                ):
                    depth = c_inverse + first * first_depth + second * second_depth
                    x = left + step
                    if depth > nearest[y, x]:
                        nearest[y, x] = depth
                        face_id[y, x] = f
            first_row += first_dy
            second_row += second_dy


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


@kernel
def mark_covered(state: FrameState, covered: U8) -> None:
    """Write 1 to the (H, W) image where a face covers the pixel centre."""
    height, width = covered.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height + 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width + 1)):
            if state.face_id[y, x] >= 0:
                covered[y - 1, x - 1] = 1
