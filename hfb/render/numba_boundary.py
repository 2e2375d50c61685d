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
)

_NONE = np.float32(9.0)
_TINY = np.float32(1e-12)


@kernel
def find_boundary(state: FrameState, boundary: Boundary) -> None:
    """Turn the list of touched pixels into that of the boundary, and mark it in `face_id`."""
    face_id, links, share = state.face_id, boundary.links, boundary.share
    key, offset, kind = boundary.key, boundary.offset, boundary.kind
    height, width = state.face_id.shape
    count = 0
    for k in range(boundary.lengths[1]):
        pixel = boundary.pixel[k]
        y = pixel // width
        x = pixel - y * width
        if (x == 0) | (y == 0) | (x == width - 1) | (y == height - 1):
            continue
        distance, one, other, back = measure_pixel(
            k, pixel, face_id[y, x] >= 0, links, key, offset, kind
        )
        is_beyond = (face_id[y, x] < 0) | (back == pixel)
        if distance < HALF:
            boundary.pixel[count] = pixel
            boundary.first[count] = one
            boundary.second[count] = other
            boundary.back_pixel[count] = back
            share[count] = HALF - distance if is_beyond else HALF + distance
            count += 1
    boundary.lengths[1] = count
    for k in range(count):
        y = boundary.pixel[k] // width
        x = boundary.pixel[k] - y * width
        if face_id[y, x] >= 0:
            face_id[y, x] = -2 - face_id[y, x]


@inlined
def measure_pixel(
    k: int, pixel: int, is_covered: bool, links: I32, key: U32, offset: F32, kind: U8
) -> tuple[np.float32, int, int, np.int64]:
    """Distance of a touched pixel from its edge.

    A covered pixel belongs to the outline if that is near, else to the nearest inner edge.

    Returns:
        The distance, the crossings it is made of, and the pixel that is seen beyond the edge.
    """
    if is_covered:
        distance, one, other = nearest_before(k, OUTLINE, links, offset, kind)
        if distance < HALF:
            return distance, one, other, np.int64(-1)
    distance, one, other = nearest_beyond(k, links, offset)
    if not is_covered:
        return distance, one, other, np.int64(-1)
    near_distance, near_one, near_other = nearest_before(k, INNER, links, offset, kind)
    if distance < near_distance:
        return distance, one, other, np.int64(pixel)
    return near_distance, near_one, near_other, np.int64(key[max(near_one, 0)] >> 2)


@inlined
def nearest_beyond(k: int, links: I32, offset: F32) -> tuple[np.float32, int, int]:
    """Distance from the edges that a pixel lies beyond, and the crossings it is made of."""
    x_slot = least_offset(links[k, 0], links[k, 1], offset)
    y_slot = least_offset(links[k, 2], links[k, 3], offset)
    x = offset[x_slot] if x_slot >= 0 else _NONE
    y = offset[y_slot] if y_slot >= 0 else _NONE
    return distance_from_axes(x, y, x_slot, y_slot)


@inlined
def nearest_before(
    k: int, wanted: int, links: I32, offset: F32, kind: U8
) -> tuple[np.float32, int, int]:
    """The same for the edges that end the pixel's own surface."""
    x_slot = most_offset(links[k, 4], links[k, 5], wanted, offset, kind)
    y_slot = most_offset(links[k, 6], links[k, 7], wanted, offset, kind)
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
