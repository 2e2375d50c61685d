"""Compiled kernels: bilinear look-up in a texture, and its gradient."""

from __future__ import annotations

import numpy as np

from hfb.render.numba.cache import inlined
from hfb.render.numba.records import F32, HALF, ONE, ZERO


@inlined
def locate(position: np.float32, size: int) -> tuple[np.uint32, np.uint32, np.float32, np.float32]:
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
    index = np.uint32(place)
    return index, min(index + np.uint32(1), np.uint32(size - 1)), place - np.float32(index), slope


@inlined
def texture_colour(
    u: np.float32, v: np.float32, texture: F32
) -> tuple[np.float32, np.float32, np.float32]:
    """Bilinear texture look-up."""
    left, right, x_part, _ = locate(u, texture.shape[1])
    top, bottom, y_part, _ = locate(ONE - v, texture.shape[0])
    return (
        blend(left, right, top, bottom, x_part, y_part, texture, 0),
        blend(left, right, top, bottom, x_part, y_part, texture, 1),
        blend(left, right, top, bottom, x_part, y_part, texture, 2),
    )


@inlined
def blend(
    left: np.uint32,
    right: np.uint32,
    top: np.uint32,
    bottom: np.uint32,
    x_part: np.float32,
    y_part: np.float32,
    texture: F32,
    channel: int,
) -> np.float32:
    """One channel between four texels.

    Written as nested differences, so that a constant texture gives exactly that constant.
    """
    upper, lower = texture[top, left, channel], texture[bottom, left, channel]
    upper += x_part * (texture[top, right, channel] - upper)
    lower += x_part * (texture[bottom, right, channel] - lower)
    return upper + y_part * (lower - upper)


@inlined
def texture_colour_backward(
    u: np.float32,
    v: np.float32,
    red_grad: np.float32,
    green_grad: np.float32,
    blue_grad: np.float32,
    texture: F32,
    texture_grad: F32,
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32]:
    """Gradient of `texture_colour` for the texture (added); returns that of u, v and the colour."""
    left, right, x_part, x_slope = locate(u, texture.shape[1])
    top, bottom, y_part, y_slope = locate(ONE - v, texture.shape[0])
    red, red_x, red_y = blend_backward(
        left, right, top, bottom, x_part, y_part, red_grad, texture, texture_grad, 0
    )
    green, green_x, green_y = blend_backward(
        left, right, top, bottom, x_part, y_part, green_grad, texture, texture_grad, 1
    )
    blue, blue_x, blue_y = blend_backward(
        left, right, top, bottom, x_part, y_part, blue_grad, texture, texture_grad, 2
    )
    x_grad, y_grad = red_x + green_x + blue_x, red_y + green_y + blue_y
    return x_grad * x_slope, -y_grad * y_slope, red, green, blue


@inlined
def blend_backward(
    left: np.uint32,
    right: np.uint32,
    top: np.uint32,
    bottom: np.uint32,
    x_part: np.float32,
    y_part: np.float32,
    grad: np.float32,
    texture: F32,
    texture_grad: F32,
    channel: int,
) -> tuple[np.float32, np.float32, np.float32]:
    """Gradient of `blend` for the texels (added); returns the colour and the gradient of parts."""
    upper_left, upper_right = texture[top, left, channel], texture[top, right, channel]
    lower_left, lower_right = texture[bottom, left, channel], texture[bottom, right, channel]
    upper_step, lower_step = upper_right - upper_left, lower_right - lower_left
    upper, lower = upper_left + x_part * upper_step, lower_left + x_part * lower_step
    lower_grad = y_part * grad
    upper_grad = grad - lower_grad
    texture_grad[top, left, channel] += upper_grad * (ONE - x_part)
    texture_grad[top, right, channel] += upper_grad * x_part
    texture_grad[bottom, left, channel] += lower_grad * (ONE - x_part)
    texture_grad[bottom, right, channel] += lower_grad * x_part
    x_grad = upper_grad * upper_step + lower_grad * lower_step
    return upper + y_part * (lower - upper), x_grad, grad * (lower - upper)
