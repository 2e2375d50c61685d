"""Compiled kernels: colours of the pixels of one sub-frame, and their gradients."""

from __future__ import annotations

import numpy as np

from hfb.render.numba_cache import kernel
from hfb.render.numba_records import F32, HALF, ONE, TWO, U8, ZERO, FrameState, Look, MeshArrays, Scratch
from hfb.render.numba_silhouette import reach_from_edge

_TINY = np.float32(1e-12)


@kernel
def shade(
    mesh: MeshArrays,
    texture: F32,
    look: Look,
    state: FrameState,
    rgb: F32,
    alpha: F32,
    is_visible: U8,
) -> None:
    """Add one sub-frame to its image.

    Args:
        mesh: tables of the mesh.
        texture: (TH, TW, 3).
        look: weight of the sub-frame and how colours are looked up.
        state: the rasterised and softened sub-frame.
        rgb: (3, H, W) is added to.
        alpha: (H, W) is added to.
        is_visible: (F,) is set to 1 for faces that are seen.
    """
    height, width = alpha.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height + 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width + 1)):
            silhouette = state.alpha[y, x]
            if silhouette <= ZERO:
                continue
            alpha[y - 1, x - 1] += look.weight * silhouette
            face = state.face_id[y, x]
            if face >= 0:
                is_visible[face] = 1
                u, v = face_uv(face, x, y, mesh, look, state)
            elif look.is_coverage and state.edge_id[y, x] >= 0:
                u, v = edge_uv(state.edge_id[y, x], x, y, mesh, look, state)
            else:
                continue
            scale = look.weight * silhouette if look.is_premultiplied else look.weight
            left, right, x_part, _ = locate(u, texture.shape[1])
            top, bottom, y_part, _ = locate(ONE - v, texture.shape[0])
            for channel in range(3):
                upper = texture[top, left, channel]
                upper += x_part * (texture[top, right, channel] - upper)
                lower = texture[bottom, left, channel]
                lower += x_part * (texture[bottom, right, channel] - lower)
                rgb[channel, y - 1, x - 1] += scale * (upper + y_part * (lower - upper))


@kernel
def locate(position: float, size: int) -> tuple[int, int, float, float]:
    """The two texels beside a coordinate in [0, 1], the share of the second, and its slope.

    Returns:
        Both indices, the share, and how many texels one unit of the coordinate is: 0 where the
        coordinate is clamped.
    """
    texels = np.float32(size)
    place = position * texels - HALF
    if not place >= ZERO:  # also not-a-number
        return 0, min(1, size - 1), ZERO, ZERO
    if place > texels - ONE:
        return size - 1, size - 1, ZERO, ZERO
    index = int(place)
    return index, min(index + 1, size - 1), place - np.float32(index), texels


@kernel
def face_uv(
    face: int, x: int, y: int, mesh: MeshArrays, look: Look, state: FrameState
) -> tuple[float, float]:
    """Texture coordinates of a face at a pixel centre."""
    first, second, third = image_weights(face, x, y, mesh, state)
    if look.is_perspective:
        first *= state.screen[mesh.faces[face, 0], 2]
        second *= state.screen[mesh.faces[face, 1], 2]
        third *= state.screen[mesh.faces[face, 2], 2]
        scale = ONE / max(first + second + third, _TINY)
        first, second, third = first * scale, second * scale, third * scale
    uv = mesh.corner_uv[face]
    return (
        first * uv[0, 0] + second * uv[1, 0] + third * uv[2, 0],
        first * uv[0, 1] + second * uv[1, 1] + third * uv[2, 1],
    )


@kernel
def image_weights(
    face: int, x: int, y: int, mesh: MeshArrays, state: FrameState
) -> tuple[float, float, float]:
    """Affine barycentric coordinates of a pixel centre."""
    a, b, c = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
    ax, ay = state.screen[a, 0] - np.float32(x), state.screen[a, 1] - np.float32(y)
    bx, by = state.screen[b, 0] - np.float32(x), state.screen[b, 1] - np.float32(y)
    cx, cy = state.screen[c, 0] - np.float32(x), state.screen[c, 1] - np.float32(y)
    first, second, third = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    scale = ONE / (first + second + third)
    return first * scale, second * scale, third * scale


@kernel
def edge_uv(
    half_edge: int, x: int, y: int, mesh: MeshArrays, look: Look, state: FrameState
) -> tuple[float, float]:
    """Texture coordinates at the point of an edge nearest to a pixel centre."""
    face, corner = half_edge // 3, half_edge % 3
    following = (corner + 1) % 3
    a, b = mesh.faces[face, corner], mesh.faces[face, following]
    along, _ = along_edge(x, y, a, b, state)
    if look.is_perspective:
        weighted = along * state.screen[b, 2]
        along = weighted / max((ONE - along) * state.screen[a, 2] + weighted, _TINY)
    uv = mesh.corner_uv[face]
    return (
        uv[corner, 0] + along * (uv[following, 0] - uv[corner, 0]),
        uv[corner, 1] + along * (uv[following, 1] - uv[corner, 1]),
    )


@kernel
def along_edge(x: int, y: int, a: int, b: int, state: FrameState) -> tuple[float, float]:
    """Where on edge a-b the point nearest to a pixel lies, and 1 / length² of the edge."""
    ax, ay = state.screen[a, 0], state.screen[a, 1]
    bx, by = state.screen[b, 0], state.screen[b, 1]
    inverse = ONE / ((bx - ax) * (bx - ax) + (by - ay) * (by - ay) + _TINY)
    along, _, _ = reach_from_edge(np.float32(x), np.float32(y), ax, ay, bx, by, inverse)
    return along, inverse


@kernel
def shade_backward(
    mesh: MeshArrays,
    texture: F32,
    look: Look,
    state: FrameState,
    rgb_grad: F32,
    alpha_grad: F32,
    scratch: Scratch,
    texture_grad: F32,
) -> None:
    """Gradients of `shade`.

    Fills `scratch.alpha_grad` with the gradient of the silhouette and adds to
    `scratch.screen_grad` and `texture_grad`.
    """
    height, width = alpha_grad.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height + 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width + 1)):
            silhouette = state.alpha[y, x]
            scratch.alpha_grad[y, x] = look.weight * alpha_grad[y - 1, x - 1]
            if silhouette <= ZERO:
                continue
            face, half_edge = state.face_id[y, x], -1
            if face >= 0:
                u, v = face_uv(face, x, y, mesh, look, state)
            elif look.is_coverage and state.edge_id[y, x] >= 0:
                half_edge = state.edge_id[y, x]
                u, v = edge_uv(half_edge, x, y, mesh, look, state)
            else:
                continue
            scale = look.weight * silhouette if look.is_premultiplied else look.weight
            red, green, blue = rgb_grad[0, y - 1, x - 1], rgb_grad[1, y - 1, x - 1], rgb_grad[2, y - 1, x - 1]
            u_grad, v_grad, along_colour = look_up_backward(
                u, v, red, green, blue, scale, texture, texture_grad
            )
            if look.is_premultiplied:
                scratch.alpha_grad[y, x] += look.weight * along_colour
            if half_edge >= 0:
                edge_uv_backward(half_edge, x, y, u_grad, v_grad, mesh, look, state, scratch)
            else:
                face_uv_backward(face, x, y, u_grad, v_grad, mesh, look, state, scratch)


@kernel
def look_up_backward(
    u: float,
    v: float,
    red: float,
    green: float,
    blue: float,
    scale: float,
    texture: F32,
    texture_grad: F32,
) -> tuple[float, float, float]:
    """Gradient of one bilinear look-up for the texture (added) and u, v (returned).

    Returns:
        Gradients of u and v, and the scalar product of the colour and its gradient before `scale`.
    """
    left, right, x_part, x_slope = locate(u, texture.shape[1])
    top, bottom, y_part, y_slope = locate(ONE - v, texture.shape[0])
    x_rest, y_rest = ONE - x_part, ONE - y_part
    x_grad, y_grad, along_colour = ZERO, ZERO, ZERO
    for channel in range(3):
        grad = red if channel == 0 else (green if channel == 1 else blue)
        upper_left, upper_right = texture[top, left, channel], texture[top, right, channel]
        lower_left, lower_right = texture[bottom, left, channel], texture[bottom, right, channel]
        upper = upper_left + x_part * (upper_right - upper_left)
        lower = lower_left + x_part * (lower_right - lower_left)
        along_colour += grad * (upper + y_part * (lower - upper))
        grad *= scale
        y_grad += grad * (lower - upper)
        x_grad += grad * (
            y_rest * (upper_right - upper_left) + y_part * (lower_right - lower_left)
        )
        texture_grad[top, left, channel] += grad * x_rest * y_rest
        texture_grad[top, right, channel] += grad * x_part * y_rest
        texture_grad[bottom, left, channel] += grad * x_rest * y_part
        texture_grad[bottom, right, channel] += grad * x_part * y_part
    return x_grad * x_slope, -y_grad * y_slope, along_colour


@kernel
def face_uv_backward(
    face: int,
    x: int,
    y: int,
    u_grad: float,
    v_grad: float,
    mesh: MeshArrays,
    look: Look,
    state: FrameState,
    scratch: Scratch,
) -> None:
    """Gradient of `face_uv` for the face's corners.

    Moving corner j by a vector changes every affine coordinate w_i like moving the pixel by -w_j
    times that vector.
    """
    a, b, c = mesh.faces[face, 0], mesh.faces[face, 1], mesh.faces[face, 2]
    first, second, third = image_weights(face, x, y, mesh, state)
    uv = mesh.corner_uv[face]
    first_grad = u_grad * uv[0, 0] + v_grad * uv[0, 1]
    second_grad = u_grad * uv[1, 0] + v_grad * uv[1, 1]
    third_grad = u_grad * uv[2, 0] + v_grad * uv[2, 1]
    if look.is_perspective:
        az, bz, cz = state.screen[a, 2], state.screen[b, 2], state.screen[c, 2]
        scale = ONE / max(first * az + second * bz + third * cz, _TINY)
        mean = scale * (
            first * az * first_grad + second * bz * second_grad + third * cz * third_grad
        )
        first_grad = (first_grad - mean) * scale
        second_grad = (second_grad - mean) * scale
        third_grad = (third_grad - mean) * scale
        if look.has_depth_gradient:
            scratch.screen_grad[a, 2] += first * first_grad
            scratch.screen_grad[b, 2] += second * second_grad
            scratch.screen_grad[c, 2] += third * third_grad
        first_grad, second_grad, third_grad = first_grad * az, second_grad * bz, third_grad * cz
    ax, ay, bx, by = state.screen[a, 0], state.screen[a, 1], state.screen[b, 0], state.screen[b, 1]
    cx, cy = state.screen[c, 0], state.screen[c, 1]
    inverse_area = ONE / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    pixel_x = inverse_area * (
        first_grad * (by - cy) + second_grad * (cy - ay) + third_grad * (ay - by)
    )
    pixel_y = inverse_area * (
        first_grad * (cx - bx) + second_grad * (ax - cx) + third_grad * (bx - ax)
    )
    scratch.screen_grad[a, 0] -= first * pixel_x
    scratch.screen_grad[a, 1] -= first * pixel_y
    scratch.screen_grad[b, 0] -= second * pixel_x
    scratch.screen_grad[b, 1] -= second * pixel_y
    scratch.screen_grad[c, 0] -= third * pixel_x
    scratch.screen_grad[c, 1] -= third * pixel_y


@kernel
def edge_uv_backward(
    half_edge: int,
    x: int,
    y: int,
    u_grad: float,
    v_grad: float,
    mesh: MeshArrays,
    look: Look,
    state: FrameState,
    scratch: Scratch,
) -> None:
    """Gradient of `edge_uv` for the ends of the edge."""
    face, corner = half_edge // 3, half_edge % 3
    following = (corner + 1) % 3
    a, b = mesh.faces[face, corner], mesh.faces[face, following]
    along, inverse = along_edge(x, y, a, b, state)
    uv = mesh.corner_uv[face]
    along_grad = u_grad * (uv[following, 0] - uv[corner, 0])
    along_grad += v_grad * (uv[following, 1] - uv[corner, 1])
    if look.is_perspective:
        az, bz = state.screen[a, 2], state.screen[b, 2]
        scale = ONE / max((ONE - along) * az + along * bz, _TINY)
        along_grad *= scale * scale
        if look.has_depth_gradient:
            spread = along * (ONE - along) * along_grad
            scratch.screen_grad[a, 2] -= spread * bz
            scratch.screen_grad[b, 2] += spread * az
        along_grad *= az * bz
    if along <= ZERO or along >= ONE:
        return  # the nearest point is an end: it stays there when the edge moves
    ax, ay = state.screen[a, 0], state.screen[a, 1]
    edge_x, edge_y = state.screen[b, 0] - ax, state.screen[b, 1] - ay
    dx, dy = np.float32(x) - ax, np.float32(y) - ay
    # along = d·e / e·e with d = pixel - a, e = b - a
    end_x = along_grad * inverse * (dx - TWO * along * edge_x)
    end_y = along_grad * inverse * (dy - TWO * along * edge_y)
    scratch.screen_grad[b, 0] += end_x
    scratch.screen_grad[b, 1] += end_y
    scratch.screen_grad[a, 0] -= end_x + along_grad * inverse * edge_x
    scratch.screen_grad[a, 1] -= end_y + along_grad * inverse * edge_y
