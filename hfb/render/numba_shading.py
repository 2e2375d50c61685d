"""Compiled kernels: colours of the pixels that a face covers, and their gradients."""

from __future__ import annotations

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    F32,
    HALF,
    ONE,
    U8,
    ZERO,
    FrameState,
    Look,
    MeshArrays,
    Scratch,
)

_TINY = np.float32(1e-12)


@kernel
def shade_faces(
    mesh: MeshArrays,
    texture: F32,
    look: Look,
    state: FrameState,
    rgb: F32,
    alpha: F32,
    is_visible: U8,
) -> None:
    """Add one sub-frame to its image: all of its silhouette, and the colour where a face is seen.

    Args:
        mesh: tables of the mesh.
        texture: (TH, TW, 3).
        look: weight of the sub-frame and how colours are looked up.
        state: the rasterised and softened sub-frame.
        rgb: (3, H, W) is added to.
        alpha: (H, W) is added to.
        is_visible: (F,) is set to 1 for faces that are seen.
    """
    faces, corner_uv = mesh.faces, mesh.corner_uv
    screen, box, face_id, opacity = state.screen, state.box, state.face_id, state.alpha
    for y in range(max(box[0], 1), min(box[1], alpha.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], alpha.shape[1] + 1)):
            alpha[y - 1, x - 1] += look.weight * opacity[y, x]
            face = face_id[y, x]
            if face < 0:
                continue
            is_visible[face] = 1
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            grid_x, grid_y = np.float32(x), np.float32(y)
            w_a, w_b, w_c, _ = image_weights(
                screen[a, 0] - grid_x, screen[a, 1] - grid_y, screen[b, 0] - grid_x,
                screen[b, 1] - grid_y, screen[c, 0] - grid_x, screen[c, 1] - grid_y,
            )  # fmt: skip
            if look.is_perspective:
                w_a, w_b, w_c = w_a * screen[a, 2], w_b * screen[b, 2], w_c * screen[c, 2]
                scale = ONE / max(w_a + w_b + w_c, _TINY)
                w_a, w_b, w_c = w_a * scale, w_b * scale, w_c * scale
            u = w_a * corner_uv[face, 0, 0] + w_b * corner_uv[face, 1, 0]
            u += w_c * corner_uv[face, 2, 0]
            v = w_a * corner_uv[face, 0, 1] + w_b * corner_uv[face, 1, 1]
            v += w_c * corner_uv[face, 2, 1]
            scale = look.weight * opacity[y, x] if look.is_premultiplied else look.weight
            add_colour(u, v, scale, texture, rgb, x - 1, y - 1)


@inlined
def image_weights(
    ax: np.float32, ay: np.float32, bx: np.float32, by: np.float32, cx: np.float32, cy: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Affine barycentric coordinates of the origin, and 1 / (twice the signed area)."""
    w_a, w_b, w_c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    scale = ONE / (w_a + w_b + w_c)
    return w_a * scale, w_b * scale, w_c * scale, scale


@inlined
def locate(position: np.float32, size: int) -> tuple[int, int, np.float32, np.float32]:
    """The two texels beside a coordinate in [0, 1], the share of the second, and its slope.

    Returns:
        Both indices, the share, and how many texels one unit of the coordinate is: 0 where the
        coordinate is clamped.
    """
    slope = np.float32(size)
    place, last = position * slope - HALF, slope - ONE
    if not place >= ZERO:  # also not-a-number
        place, slope = ZERO, ZERO
    if place > last:
        place, slope = last, ZERO
    index = int(place)
    return index, min(index + 1, size - 1), place - np.float32(index), slope


@inlined
def add_colour(
    u: np.float32, v: np.float32, scale: np.float32, texture: F32, rgb: F32, column: int, row: int
) -> None:
    """Add a bilinear texture look-up to a pixel.

    Written as nested differences, so that a constant texture gives exactly that constant.
    """
    left, right, x_part, _ = locate(u, texture.shape[1])
    top, bottom, y_part, _ = locate(ONE - v, texture.shape[0])
    for channel in range(3):
        upper = texture[top, left, channel]
        upper += x_part * (texture[top, right, channel] - upper)
        lower = texture[bottom, left, channel]
        lower += x_part * (texture[bottom, right, channel] - lower)
        rgb[channel, row, column] += scale * (upper + y_part * (lower - upper))


@kernel
def shade_faces_backward(
    mesh: MeshArrays,
    texture: F32,
    look: Look,
    state: FrameState,
    rgb_grad: F32,
    alpha_grad: F32,
    scratch: Scratch,
    texture_grad: F32,
) -> None:
    """Gradients of `shade_faces`.

    Fills `scratch.alpha_grad` with the gradient of the silhouette and adds to
    `scratch.screen_grad` and `texture_grad`.
    """
    faces, corner_uv = mesh.faces, mesh.corner_uv
    screen, box, face_id, opacity = state.screen, state.box, state.face_id, state.alpha
    opacity_grad, screen_grad = scratch.alpha_grad, scratch.screen_grad
    for y in range(max(box[0], 1), min(box[1], alpha_grad.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], alpha_grad.shape[1] + 1)):
            opacity_grad[y, x] = look.weight * alpha_grad[y - 1, x - 1]
            face = face_id[y, x]
            if face < 0:
                continue
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            grid_x, grid_y = np.float32(x), np.float32(y)
            ax, ay = screen[a, 0] - grid_x, screen[a, 1] - grid_y
            bx, by = screen[b, 0] - grid_x, screen[b, 1] - grid_y
            cx, cy = screen[c, 0] - grid_x, screen[c, 1] - grid_y
            w_a, w_b, w_c, inverse_area = image_weights(ax, ay, bx, by, cx, cy)
            az, bz, cz = ONE, ONE, ONE
            if look.is_perspective:
                az, bz, cz = screen[a, 2], screen[b, 2], screen[c, 2]
            depth = ONE / max(w_a * az + w_b * bz + w_c * cz, _TINY)
            p_a, p_b, p_c = w_a * az * depth, w_b * bz * depth, w_c * cz * depth
            u = p_a * corner_uv[face, 0, 0] + p_b * corner_uv[face, 1, 0]
            u += p_c * corner_uv[face, 2, 0]
            v = p_a * corner_uv[face, 0, 1] + p_b * corner_uv[face, 1, 1]
            v += p_c * corner_uv[face, 2, 1]
            scale = look.weight * opacity[y, x] if look.is_premultiplied else look.weight
            u_grad, v_grad, brightness = add_colour_backward(
                u, v, scale, texture, rgb_grad, x - 1, y - 1, texture_grad
            )
            if look.is_premultiplied:
                opacity_grad[y, x] += look.weight * brightness
            grad_a = u_grad * corner_uv[face, 0, 0] + v_grad * corner_uv[face, 0, 1]
            grad_b = u_grad * corner_uv[face, 1, 0] + v_grad * corner_uv[face, 1, 1]
            grad_c = u_grad * corner_uv[face, 2, 0] + v_grad * corner_uv[face, 2, 1]
            # p = w z / (w·z): its gradient is taken relative to the mean, over the denominator.
            # Affine weights (z = 1) sum to 1 whatever the corners do: the mean makes no difference.
            mean = p_a * grad_a + p_b * grad_b + p_c * grad_c
            grad_a = (grad_a - mean) * depth
            grad_b = (grad_b - mean) * depth
            grad_c = (grad_c - mean) * depth
            if look.is_perspective and look.has_depth_gradient:
                screen_grad[a, 2] += w_a * grad_a
                screen_grad[b, 2] += w_b * grad_b
                screen_grad[c, 2] += w_c * grad_c
            grad_a, grad_b, grad_c = grad_a * az, grad_b * bz, grad_c * cz
            # Gradient for moving the pixel. Moving corner j by a vector changes every w like
            # moving the pixel by -w_j times that vector.
            pull_x = inverse_area * (grad_a * (by - cy) + grad_b * (cy - ay) + grad_c * (ay - by))
            pull_y = inverse_area * (grad_a * (cx - bx) + grad_b * (ax - cx) + grad_c * (bx - ax))
            screen_grad[a, 0] -= w_a * pull_x
            screen_grad[a, 1] -= w_a * pull_y
            screen_grad[b, 0] -= w_b * pull_x
            screen_grad[b, 1] -= w_b * pull_y
            screen_grad[c, 0] -= w_c * pull_x
            screen_grad[c, 1] -= w_c * pull_y


@inlined
def add_colour_backward(
    u: np.float32,
    v: np.float32,
    scale: np.float32,
    texture: F32,
    rgb_grad: F32,
    column: int,
    row: int,
    texture_grad: F32,
) -> tuple[np.float32, np.float32, np.float32]:
    """Gradient of `add_colour` for the texture (added) and for u, v (returned).

    Returns:
        Gradients of u and v, and the scalar product of the colour and the gradient of the pixel.
    """
    left, right, x_part, x_slope = locate(u, texture.shape[1])
    top, bottom, y_part, y_slope = locate(ONE - v, texture.shape[0])
    x_rest, y_rest = ONE - x_part, ONE - y_part
    x_grad, y_grad, brightness = ZERO, ZERO, ZERO
    for channel in range(3):
        upper_left, upper_right = texture[top, left, channel], texture[top, right, channel]
        lower_left, lower_right = texture[bottom, left, channel], texture[bottom, right, channel]
        upper = upper_left + x_part * (upper_right - upper_left)
        lower = lower_left + x_part * (lower_right - lower_left)
        grad = rgb_grad[channel, row, column]
        brightness += grad * (upper + y_part * (lower - upper))
        grad *= scale
        y_grad += grad * (lower - upper)
        x_grad += grad * (y_rest * (upper_right - upper_left) + y_part * (lower_right - lower_left))
        texture_grad[top, left, channel] += grad * x_rest * y_rest
        texture_grad[top, right, channel] += grad * x_part * y_rest
        texture_grad[bottom, left, channel] += grad * x_rest * y_part
        texture_grad[bottom, right, channel] += grad * x_part * y_part
    return x_grad * x_slope, -y_grad * y_slope, brightness
