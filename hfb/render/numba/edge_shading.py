"""Compiled kernels: silhouette and colours of the pixels on the `coverage` boundary.

The twin of the colours in `hfb.render.torch.boundary`, where the method is explained.
"""

from __future__ import annotations

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.records import (
    F32,
    ONE,
    U32,
    ZERO,
    Boundary,
    FrameGrads,
    FrameState,
    ImageSums,
    MeshArrays,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.numba.shading import face_colour, face_colour_backward
from hfb.render.numba.texture import texture_colour, texture_colour_backward

_TINY = np.float32(1e-12)


@kernel
def shade_boundary(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    state: FrameState,
    boundary: Boundary,
    image: ImageSums,
) -> None:
    """Add the boundary pixels of one sub-frame to its image; the arguments are `shade_faces`'s."""
    faces, corner_uv, screen, face_id = mesh.faces, mesh.corner_uv, state.screen, state.face_id
    rgb, alpha, grid_width = image.rgb, image.alpha, face_id.shape[1]
    for k in range(boundary.lengths[1]):
        pixel, back, share = boundary.pixel[k], boundary.back_pixel[k], boundary.share[k]
        y = pixel // grid_width
        x = pixel - y * grid_width
        face, crossing = plain_face(face_id[y, x]), boundary.first[k]
        if face >= 0:
            image.is_visible[face] = 1
        if face >= 0 and back != pixel:
            red, green, blue = face_colour(
                face, x, y, faces, corner_uv, screen, texture, params.is_perspective
            )
        else:
            red, green, blue = edge_colour(
                boundary.half_edge[crossing], boundary.key[crossing], grid_width,
                faces, corner_uv, screen, texture, params.is_perspective,
            )  # fmt: skip
        weight, opacity = params.weight, share
        if back >= 0:
            back_y = back // grid_width
            back_x = back - back_y * grid_width
            far_red, far_green, far_blue = face_colour(
                plain_face(face_id[back_y, back_x]), back_x, back_y,
                faces, corner_uv, screen, texture, params.is_perspective,
            )  # fmt: skip
            red = far_red + share * (red - far_red)
            green = far_green + share * (green - far_green)
            blue = far_blue + share * (blue - far_blue)
            opacity = ONE
        alpha[y - 1, x - 1] += weight * opacity
        if params.is_premultiplied:
            weight *= opacity
        rgb[0, y - 1, x - 1] += weight * red
        rgb[1, y - 1, x - 1] += weight * green
        rgb[2, y - 1, x - 1] += weight * blue


@inlined
def plain_face(face_id: int) -> int:
    """The face behind an entry of `FrameState.face_id`, -1 for none."""
    return max(face_id, -2 - face_id)


@inlined
def edge_colour(
    half_edge: int,
    key: int,
    grid_width: int,
    faces: U32,
    corner_uv: F32,
    screen: F32,
    texture: F32,
    is_perspective: bool,
) -> tuple[np.float32, np.float32, np.float32]:
    """The colour of the point where an edge crosses between pixels, on the edge's front face."""
    face, corner = half_edge // 3, half_edge % 3
    following = (corner + 1) % 3
    a, b = faces[face, corner], faces[face, following]
    axis, line = crossed_line(key, grid_width)
    along = (line - screen[a, axis]) / (screen[b, axis] - screen[a, axis])
    if is_perspective:
        weighted = along * screen[b, 2]
        along = weighted / max((ONE - along) * screen[a, 2] + weighted, _TINY)
    u, v = corner_uv[face, corner, 0], corner_uv[face, corner, 1]
    u += along * (corner_uv[face, following, 0] - u)
    v += along * (corner_uv[face, following, 1] - v)
    return texture_colour(u, v, texture)


@inlined
def crossed_line(key: int, grid_width: int) -> tuple[int, np.float32]:
    """The coordinate that is fixed on the line of a crossing, and its value."""
    row, column = (key >> 2) // grid_width, (key >> 2) % grid_width
    return (0, np.float32(column)) if key & 2 else (1, np.float32(row))


@kernel
def shade_boundary_backward(
    mesh: MeshArrays,
    texture: F32,
    params: RasterParams,
    state: FrameState,
    boundary: Boundary,
    grads: FrameGrads,
    buffers: ThreadBuffers,
) -> None:
    """Gradients of `shade_boundary`.

    Fills `boundary.share_grad` and adds to `buffers.screen_grad` and `grads.texture`.
    """
    faces, corner_uv, screen, face_id = mesh.faces, mesh.corner_uv, state.screen, state.face_id
    screen_grad, texture_grad, grid_width = buffers.screen_grad, grads.texture, face_id.shape[1]
    is_perspective, has_depth = params.is_perspective, params.has_depth_gradient
    for k in range(boundary.lengths[1]):
        pixel, back, share = boundary.pixel[k], boundary.back_pixel[k], boundary.share[k]
        y = pixel // grid_width
        x = pixel - y * grid_width
        face, crossing = plain_face(face_id[y, x]), boundary.first[k]
        red_grad = params.weight * grads.rgb[0, y - 1, x - 1]
        green_grad = params.weight * grads.rgb[1, y - 1, x - 1]
        blue_grad = params.weight * grads.rgb[2, y - 1, x - 1]
        is_mixed = (back >= 0) | params.is_premultiplied
        part = share if is_mixed else ONE
        if face >= 0 and back != pixel:
            red, green, blue = face_colour_backward(
                face, x, y, part * red_grad, part * green_grad, part * blue_grad, faces,
                corner_uv, screen, texture, is_perspective, has_depth, screen_grad, texture_grad,
            )  # fmt: skip
        else:
            red, green, blue = edge_colour_backward(
                boundary.half_edge[crossing], boundary.key[crossing], grid_width,
                part * red_grad, part * green_grad, part * blue_grad, faces,
                corner_uv, screen, texture, is_perspective, has_depth, screen_grad, texture_grad,
            )  # fmt: skip
        if back >= 0:
            rest, back_y = ONE - share, back // grid_width
            back_x = back - back_y * grid_width
            far_red, far_green, far_blue = face_colour_backward(
                plain_face(face_id[back_y, back_x]), back_x, back_y, rest * red_grad,
                rest * green_grad, rest * blue_grad, faces,
                corner_uv, screen, texture, is_perspective, has_depth, screen_grad, texture_grad,
            )  # fmt: skip
            red, green, blue = red - far_red, green - far_green, blue - far_blue
        share_grad = red * red_grad + green * green_grad + blue * blue_grad if is_mixed else ZERO
        if back < 0:
            share_grad += params.weight * grads.alpha[y - 1, x - 1]
        boundary.share_grad[k] = share_grad


@inlined
def edge_colour_backward(
    half_edge: int,
    key: int,
    grid_width: int,
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
    """Gradient of `edge_colour` for the ends and the texture, both added; returns the colour."""
    face, corner = half_edge // 3, half_edge % 3
    following = (corner + 1) % 3
    a, b = faces[face, corner], faces[face, following]
    axis, line = crossed_line(key, grid_width)
    length = screen[b, axis] - screen[a, axis]
    along = (line - screen[a, axis]) / length
    az, bz = ONE, ONE
    if is_perspective:
        az, bz = screen[a, 2], screen[b, 2]
    depth = ONE / max((ONE - along) * az + along * bz, _TINY)
    share = along * bz * depth
    u, v = corner_uv[face, corner, 0], corner_uv[face, corner, 1]
    u_step, v_step = corner_uv[face, following, 0] - u, corner_uv[face, following, 1] - v
    u_grad, v_grad, red, green, blue = texture_colour_backward(
        u + share * u_step, v + share * v_step, red_grad, green_grad, blue_grad,
        texture, texture_grad,
    )  # fmt: skip
    # share = along bz / ((1 - along) az + along bz)
    share_grad = (u_grad * u_step + v_grad * v_step) * depth * depth
    if is_perspective and has_depth_gradient:
        spread = along * (ONE - along) * share_grad
        screen_grad[a, 2] -= spread * bz
        screen_grad[b, 2] += spread * az
    along_grad = share_grad * az * bz / length
    screen_grad[a, axis] -= (ONE - along) * along_grad
    screen_grad[b, axis] -= along * along_grad
    return red, green, blue
