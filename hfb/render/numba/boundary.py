"""Compiled kernels: how much of each boundary pixel lies on the near side of its edge (`coverage`).

The twin of `hfb.render.torch.boundary`, where the method is explained.
"""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.records import (
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
        distance, one, other, back = measure_pixel(
            k, pixel, face_id[y, x] >= 0, links, key, offset, kind
        )
        is_beyond = (face_id[y, x] < 0) | (back == pixel)
        is_inside = (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
        boundary.pixel[count] = pixel
        boundary.first[count] = one
        boundary.second[count] = other
        boundary.back_pixel[count] = back
        share[count] = HALF - distance if is_beyond else HALF + distance
        count += int(is_inside & (distance < HALF))
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
    """Distance from the edges that a pixel lies beyond, and the crossings it is made of.

    Here and below both sides of a choice are computed: a wrongly predicted jump costs more.
    """
    x, x_slot = nearer(
        links[k, 0], links[k, 1], far_offset(links[k, 0], offset), far_offset(links[k, 1], offset)
    )
    y, y_slot = nearer(
        links[k, 2], links[k, 3], far_offset(links[k, 2], offset), far_offset(links[k, 3], offset)
    )
    return distance_from_axes(x, y, x_slot, y_slot)


@inlined
def nearest_before(
    k: int, wanted: int, links: I32, offset: F32, kind: U8
) -> tuple[np.float32, int, int]:
    """The same for the edges that end the pixel's own surface."""
    right, left, below, above = links[k, 4], links[k, 5], links[k, 6], links[k, 7]
    x, x_slot = nearer(
        right,
        left,
        near_offset(right, wanted, offset, kind),
        near_offset(left, wanted, offset, kind),
    )
    y, y_slot = nearer(
        below,
        above,
        near_offset(below, wanted, offset, kind),
        near_offset(above, wanted, offset, kind),
    )
    return distance_from_axes(x, y, x_slot, y_slot)


@inlined
def far_offset(slot: int, offset: F32) -> np.float32:
    """Distance of a crossing from its far pixel."""
    value = offset[max(slot, 0)]
    return value if slot >= 0 else _NONE


@inlined
def near_offset(slot: int, wanted: int, offset: F32, kind: U8) -> np.float32:
    """Distance of a crossing of the wanted kind from its near pixel."""
    place = max(slot, 0)
    value, is_wanted = ONE - offset[place], kind[place] == wanted
    return value if (slot >= 0) & is_wanted else _NONE


@inlined
def nearer(
    one: int, other: int, distance: np.float32, other_distance: np.float32
) -> tuple[np.float32, int]:
    """The smaller distance of two crossings and the crossing, -1 for none."""
    takes_other = other_distance < distance
    distance = other_distance if takes_other else distance
    slot = other if takes_other else one
    return distance, slot if distance < _NONE else -1


@inlined
def distance_from_axes(
    x: np.float32, y: np.float32, x_slot: int, y_slot: int
) -> tuple[np.float32, int, int]:
    """Distance of a line from the origin by where it crosses the axes; the nearer one first."""
    is_y_nearer = y < x
    line = x * y / math.sqrt(x * x + y * y + _TINY)
    axis = y if is_y_nearer else x
    distance = line if (x < _NONE) & (y < _NONE) else axis
    return distance, y_slot if is_y_nearer else x_slot, x_slot if is_y_nearer else y_slot


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
