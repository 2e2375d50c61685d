"""Compiled kernels: colours of the pixels that one face covers, and their gradients.

A row is shaded in passes: where its pixels lie on the texture, their colours, what their corners
get. Pixel by pixel took twice as long: each look-up waits for the one before (pixel, face, corners,
texels), and the processor only starts on the next pixel meanwhile if few instructions lie between.
"""

from __future__ import annotations

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.records import (
    F32,
    I32,
    ONE,
    U32,
    FrameGrads,
    FrameState,
    ImageSums,
    MeshArrays,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.numba.texture import texture_colour, texture_colour_backward

_TINY = np.float32(1e-12)


@kernel
def shade_faces(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    image: ImageSums,
) -> None:
    """Add one sub-frame to its image where a face covers a pixel that is not on the boundary.

    Args:
        mesh: tables of the mesh.
        texture: (TH, TW, 3).
        params: weight of the sub-frame and how colours are looked up.
        buffers: room of this thread.
        state: the rasterised sub-frame.
        image: is added to.
    """
    faces, corner_uv, weight = mesh.faces, mesh.corner_uv, params.weight
    screen, box, face_id = state.screen, state.box, state.face_id
    rgb, alpha, is_visible = image.rgb, image.alpha, image.is_visible
    row_x, row = buffers.row_x, buffers.row
    left, right = max(box[2], 1), min(box[3], alpha.shape[1] + 1)
    for y in range(max(box[0], 1), min(box[1], alpha.shape[0] + 1)):
        count = list_covered(y, left, right, face_id, row_x)
        place_row(y, count, face_id, faces, corner_uv, screen, params.is_perspective, row_x, row)
        for k in range(count):
            x = row_x[k]
            red, green, blue = texture_colour(row[k, 0], row[k, 1], texture)
            is_visible[face_id[y, x]] = 1
            alpha[y - 1, x - 1] += weight
            rgb[0, y - 1, x - 1] += weight * red
            rgb[1, y - 1, x - 1] += weight * green
            rgb[2, y - 1, x - 1] += weight * blue


@inlined
def list_covered(y: int, left: int, right: int, face_id: I32, row_x: U32) -> int:
    """The columns of a row that one face covers, written to `row_x`; returns how many."""
    count = 0
    for x in range(left, right):
        row_x[count] = x
        count += int(face_id[y, x] >= 0)
    return count


@inlined
def place_row(
    y: int,
    count: int,
    face_id: I32,
    faces: U32,
    corner_uv: F32,
    screen: F32,
    is_perspective: bool,
    row_x: U32,
    row: F32,
) -> None:
    """Write what `texture_place` says about the listed pixels of a row to `row`."""
    for k in range(count):
        x = row_x[k]
        u, v, w_a, w_b, w_c, inverse_area, depth = texture_place(
            face_id[y, x], x, y, faces, corner_uv, screen, is_perspective
        )
        row[k, 0], row[k, 1] = u, v
        row[k, 2], row[k, 3], row[k, 4] = w_a, w_b, w_c
        row[k, 5], row[k, 6] = inverse_area, depth


@inlined
def face_colour(
    face: int,
    x: int,
    y: int,
    faces: U32,
    corner_uv: F32,
    screen: F32,
    texture: F32,
    is_perspective: bool,
) -> tuple[np.float32, np.float32, np.float32]:
    """The colour of a face where the ray through a pixel centre meets it."""
    u, v, _, _, _, _, _ = texture_place(face, x, y, faces, corner_uv, screen, is_perspective)
    return texture_colour(u, v, texture)


@inlined
def texture_place(
    face: int, x: int, y: int, faces: U32, corner_uv: F32, screen: F32, is_perspective: bool
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]:
    """Texture coordinates of a face where the ray through a pixel centre meets it.

    Returns:
        u and v, the affine barycentric coordinates in the image, 1 / (twice the signed area), and
        1 / (inverse depth at the pixel).
    """
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    grid_x, grid_y = np.float32(x), np.float32(y)
    w_a, w_b, w_c, inverse_area = image_weights(
        screen[a, 0] - grid_x, screen[a, 1] - grid_y, screen[b, 0] - grid_x,
        screen[b, 1] - grid_y, screen[c, 0] - grid_x, screen[c, 1] - grid_y,
    )  # fmt: skip
    az, bz, cz = corner_depths(a, b, c, screen, is_perspective)
    p_a, p_b, p_c = w_a * az, w_b * bz, w_c * cz
    depth = ONE / max(p_a + p_b + p_c, _TINY)
    p_a, p_b, p_c = p_a * depth, p_b * depth, p_c * depth
    u = p_a * corner_uv[face, 0, 0] + p_b * corner_uv[face, 1, 0] + p_c * corner_uv[face, 2, 0]
    v = p_a * corner_uv[face, 0, 1] + p_b * corner_uv[face, 1, 1] + p_c * corner_uv[face, 2, 1]
    return u, v, w_a, w_b, w_c, inverse_area, depth


@inlined
def corner_depths(
    a: int, b: int, c: int, screen: F32, is_perspective: bool
) -> tuple[np.float32, np.float32, np.float32]:
    """Inverse depths of the corners; ones for affine texture coordinates."""
    if is_perspective:
        return screen[a, 2], screen[b, 2], screen[c, 2]
    return ONE, ONE, ONE


@inlined
def image_weights(
    ax: np.float32, ay: np.float32, bx: np.float32, by: np.float32, cx: np.float32, cy: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Affine barycentric coordinates of the origin, and 1 / (twice the signed area)."""
    w_a, w_b, w_c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    scale = ONE / (w_a + w_b + w_c)
    return w_a * scale, w_b * scale, w_c * scale, scale


@kernel
def shade_faces_backward(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    state: FrameState,
    grads: FrameGrads,
    buffers: ThreadBuffers,
) -> None:
    """Gradients of `shade_faces`, added to `buffers.screen_grad` and `grads.texture`."""
    rgb_grad, texture_grad = grads.rgb, grads.texture
    faces, corner_uv, weight = mesh.faces, mesh.corner_uv, params.weight
    screen, box, face_id, screen_grad = state.screen, state.box, state.face_id, buffers.screen_grad
    row_x, row, is_perspective = buffers.row_x, buffers.row, params.is_perspective
    has_depth = params.has_depth_gradient
    left, right = max(box[2], 1), min(box[3], rgb_grad.shape[2] + 1)
    for y in range(max(box[0], 1), min(box[1], rgb_grad.shape[1] + 1)):
        count = list_covered(y, left, right, face_id, row_x)
        place_row(y, count, face_id, faces, corner_uv, screen, is_perspective, row_x, row)
        for k in range(count):
            x = row_x[k] - 1
            row[k, 0], row[k, 1], _, _, _ = texture_colour_backward(
                row[k, 0], row[k, 1], weight * rgb_grad[0, y - 1, x],
                weight * rgb_grad[1, y - 1, x], weight * rgb_grad[2, y - 1, x],
                texture, texture_grad,
            )  # fmt: skip
        for k in range(count):
            pull_corners(
                face_id[y, row_x[k]], row[k, 0], row[k, 1], row[k, 2], row[k, 3], row[k, 4],
                row[k, 5], row[k, 6], faces, corner_uv, screen, is_perspective, has_depth,
                screen_grad,
            )  # fmt: skip


@inlined
def face_colour_backward(
    face: int,
    x: int,
    y: int,
    red_grad: np.float32,
    green_grad: np.float32,
    blue_grad: np.float32,
    faces: U32,
    corner_uv: F32,
    screen: F32,
    texture: F32,
    is_perspective: bool,
    has_depth_gradient: bool,
    screen_grad: F32,
    texture_grad: F32,
) -> tuple[np.float32, np.float32, np.float32]:
    """Gradient of `face_colour` for the corners and the texture, both added; returns the colour."""
    u, v, w_a, w_b, w_c, inverse_area, depth = texture_place(
        face, x, y, faces, corner_uv, screen, is_perspective
    )
    u_grad, v_grad, red, green, blue = texture_colour_backward(
        u, v, red_grad, green_grad, blue_grad, texture, texture_grad
    )
    pull_corners(
        face, u_grad, v_grad, w_a, w_b, w_c, inverse_area, depth, faces, corner_uv, screen,
        is_perspective, has_depth_gradient, screen_grad,
    )  # fmt: skip
    return red, green, blue


@inlined
def pull_corners(
    face: int,
    u_grad: np.float32,
    v_grad: np.float32,
    w_a: np.float32,
    w_b: np.float32,
    w_c: np.float32,
    inverse_area: np.float32,
    depth: np.float32,
    faces: U32,
    corner_uv: F32,
    screen: F32,
    is_perspective: bool,
    has_depth_gradient: bool,
    screen_grad: F32,
) -> None:
    """Gradient of `texture_place` for the corners of the face, added to `screen_grad`."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    az, bz, cz = corner_depths(a, b, c, screen, is_perspective)
    grad_a = u_grad * corner_uv[face, 0, 0] + v_grad * corner_uv[face, 0, 1]
    grad_b = u_grad * corner_uv[face, 1, 0] + v_grad * corner_uv[face, 1, 1]
    grad_c = u_grad * corner_uv[face, 2, 0] + v_grad * corner_uv[face, 2, 1]
    # p = w z / (w·z): its gradient is taken relative to the mean, over the denominator. Affine
    # weights (z = 1) sum to 1 whatever the corners do: the mean makes no difference.
    mean = (w_a * az * grad_a + w_b * bz * grad_b + w_c * cz * grad_c) * depth
    grad_a = (grad_a - mean) * depth
    grad_b = (grad_b - mean) * depth
    grad_c = (grad_c - mean) * depth
    if is_perspective and has_depth_gradient:
        screen_grad[a, 2] += w_a * grad_a
        screen_grad[b, 2] += w_b * grad_b
        screen_grad[c, 2] += w_c * grad_c
    grad_a, grad_b, grad_c = grad_a * az, grad_b * bz, grad_c * cz
    # Gradient for moving the pixel. Moving corner j by a vector changes every w like moving the
    # pixel by -w_j times that vector.
    ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
    cx, cy = screen[c, 0], screen[c, 1]
    pull_x = inverse_area * (grad_a * (by - cy) + grad_b * (cy - ay) + grad_c * (ay - by))
    pull_y = inverse_area * (grad_a * (cx - bx) + grad_b * (ax - cx) + grad_c * (bx - ax))
    screen_grad[a, 0] -= w_a * pull_x
    screen_grad[a, 1] -= w_a * pull_y
    screen_grad[b, 0] -= w_b * pull_x
    screen_grad[b, 1] -= w_b * pull_y
    screen_grad[c, 0] -= w_c * pull_x
    screen_grad[c, 1] -= w_c * pull_y
