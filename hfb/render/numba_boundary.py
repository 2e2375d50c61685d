"""Compiled kernels: how much of each boundary pixel lies on the near side of its edge (`coverage`).

The twin of `torch_boundary`, where the method is explained.
"""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    F32,
    HALF,
    I32,
    INNER,
    ONE,
    OUTLINE,
    U8,
    U32,
    ZERO,
    Boundary,
    FrameState,
    Scratch,
)

_NONE = np.float32(9.0)
_TINY = np.float32(1e-12)


@kernel
def find_boundary(count: int, scratch: Scratch, state: FrameState, boundary: Boundary) -> None:
    """Fill the list of boundary pixels from that of the crossings, and mark them in `face_id`."""
    face_id, slot, is_done = state.face_id.ravel(), scratch.slot, scratch.is_done
    key, offset, kind = boundary.key, boundary.offset, boundary.kind
    height, width = state.face_id.shape
    num_pixels = 0
    for k in range(2 * count):
        far, direction = key[k >> 1] >> 2, key[k >> 1] & 3
        pixel = far + step_towards(direction, width) if k & 1 else np.int64(far)
        y = pixel // width
        x = pixel - y * width
        if is_done[pixel] or x == 0 or y == 0 or x == width - 1 or y == height - 1:
            continue
        is_done[pixel] = 1
        num_pixels = measure_pixel(
            pixel, width, face_id, slot, key, offset, kind, boundary.pixel, boundary.first,
            boundary.second, boundary.back_pixel, boundary.share, num_pixels,
        )  # fmt: skip
    for k in range(2 * count):
        far, direction = key[k >> 1] >> 2, key[k >> 1] & 3
        is_done[far + step_towards(direction, width) if k & 1 else np.int64(far)] = 0
    for k in range(num_pixels):
        pixel = boundary.pixel[k]
        if face_id[pixel] >= 0:
            face_id[pixel] = -2 - face_id[pixel]
    boundary.lengths[0], boundary.lengths[1] = count, num_pixels


@inlined
def step_towards(direction: int, width: int) -> np.int64:
    """From a far pixel to the near one: right, left, down, up."""
    step = np.int64(1) if direction < 2 else np.int64(width)
    return -step if direction & 1 else step


@inlined
def measure_pixel(
    pixel: int,
    width: int,
    face_id: I32,
    slot: I32,
    key: U32,
    offset: F32,
    kind: U8,
    pixels: U32,
    first: I32,
    second: I32,
    back_pixel: I32,
    share: F32,
    count: int,
) -> int:
    """Take a pixel into the list if an edge passes within half a pixel; returns its new length.

    A covered pixel belongs to the outline if that is near, else to the nearest inner edge.
    """
    back, is_beyond = np.int64(-1), face_id[pixel] < 0
    if is_beyond:
        distance, one, other = nearest_beyond(pixel, slot, offset)
    else:
        distance, one, other = nearest_before(pixel, width, OUTLINE, slot, offset, kind)
        if distance >= HALF:
            distance, one, other = nearest_beyond(pixel, slot, offset)
            near_distance, near_one, near_other = nearest_before(
                pixel, width, INNER, slot, offset, kind
            )
            is_beyond = distance < near_distance
            if not is_beyond:
                distance, one, other = near_distance, near_one, near_other
            back = np.int64(pixel if is_beyond else key[max(one, 0)] >> 2)
    if distance >= HALF:
        return count
    pixels[count] = pixel
    first[count] = one
    second[count] = other
    back_pixel[count] = back
    share[count] = HALF - distance if is_beyond else HALF + distance
    return count + 1


@inlined
def nearest_beyond(pixel: int, slot: I32, offset: F32) -> tuple[np.float32, int, int]:
    """Distance of a pixel from the edges that it lies beyond, and the crossings it is made of."""
    x_slot = least_offset(slot[4 * pixel], slot[4 * pixel + 1], offset)
    y_slot = least_offset(slot[4 * pixel + 2], slot[4 * pixel + 3], offset)
    x = offset[x_slot] if x_slot >= 0 else _NONE
    y = offset[y_slot] if y_slot >= 0 else _NONE
    return distance_from_axes(x, y, x_slot, y_slot)


@inlined
def nearest_before(
    pixel: int, width: int, wanted: int, slot: I32, offset: F32, kind: U8
) -> tuple[np.float32, int, int]:
    """The same for the edges that end the pixel's own surface."""
    x_slot = most_offset(slot[4 * pixel - 4], slot[4 * pixel + 5], wanted, offset, kind)
    y_slot = most_offset(
        slot[4 * (pixel - width) + 2], slot[4 * (pixel + width) + 3], wanted, offset, kind
    )
    x = ONE - offset[x_slot] if x_slot >= 0 else _NONE
    y = ONE - offset[y_slot] if y_slot >= 0 else _NONE
    return distance_from_axes(x, y, x_slot, y_slot)


@inlined
def least_offset(one: int, other: int, offset: F32) -> int:
    """Of two crossings seen from a pixel beyond both the nearer one; -1 for none."""
    if one < 0 or (other >= 0 and offset[other] < offset[one]):
        return other
    return one


@inlined
def most_offset(one: int, other: int, wanted: int, offset: F32, kind: U8) -> int:
    """Of two crossings seen from the near pixel of both the nearer one; -1 for none."""
    if one >= 0 and kind[one] != wanted:
        one = -1
    if other >= 0 and kind[other] != wanted:
        other = -1
    if one < 0 or (other >= 0 and offset[other] > offset[one]):
        return other
    return one


@inlined
def distance_from_axes(
    x: np.float32, y: np.float32, x_slot: int, y_slot: int
) -> tuple[np.float32, int, int]:
    """Distance of a line from the origin by where it crosses the axes; the nearer one first."""
    if y >= _NONE:
        return x, x_slot, y_slot
    if x >= _NONE:
        return y, y_slot, x_slot
    distance = x * y / math.sqrt(x * x + y * y + _TINY)
    if y < x:
        return distance, y_slot, x_slot
    return distance, x_slot, y_slot


@kernel
def find_boundary_backward(boundary: Boundary) -> None:
    """Turn the gradient of the shares into that of the offsets, `offset_grad`."""
    offset, share_grad, offset_grad = boundary.offset, boundary.share_grad, boundary.offset_grad
    for k in range(boundary.lengths[0]):
        offset_grad[k] = ZERO
    for k in range(boundary.lengths[1]):
        # Beyond the edge the share falls with the distance, which is the offset; before it, it
        # rises with the distance, which is 1 - offset.
        first, second, grad = boundary.first[k], boundary.second[k], -share_grad[k]
        if second < 0:
            offset_grad[first] += grad
            continue
        x, y = offset[first], offset[second]
        if boundary.share[k] >= HALF:
            x, y = ONE - x, ONE - y
        length2 = x * x + y * y + _TINY
        scale = grad / (length2 * math.sqrt(length2))
        offset_grad[first] += scale * y * (y * y + _TINY)
        offset_grad[second] += scale * x * (x * x + _TINY)
