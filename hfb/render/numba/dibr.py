"""Compiled kernels: DIB-R's soft mask and its gradient."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.near_faces import list_near_faces
from hfb.render.numba.records import (
    F32,
    HALF,
    I32,
    ONE,
    TWO,
    U32,
    ZERO,
    FrameState,
    MeshArrays,
    NearFaces,
    RasterParams,
    ThreadBuffers,
)
from hfb.render.torch.silhouette import DIVISION_GUARD

_OPAQUE = np.float32(6e-8)
_DIVISION_GUARD = np.float32(DIVISION_GUARD)
_TINY = np.float32(1e-12)
_NEARLY_ONE = np.float32(0.9)
_THIRD, _FOURTH, _FIFTH, _SIXTH, _SEVENTH = (np.float32(1 / n) for n in range(3, 8))
_LOG2_E, _LN_2 = np.float32(1 / math.log(2)), np.float32(math.log(2))
_NO_EXPONENT = np.float32(80.0)

LANES = 32
"""Faces of a pixel that are measured in one go."""
LANE_ROWS = 14
# Numbers of one kind lie in a row, the rows one behind the other in one array, at distances known
# to the compiler: it sees that they do not overlap and uses vector instructions. Unsigned, see
# `MeshArrays`.
_LANES, _RING, _NEXT, _SIDES = np.uint64(LANES), np.uint64(1), np.uint64(1), np.uint64(3)
_AX, _AY, _BX, _BY, _CX, _CY = (np.uint64(LANES * row) for row in range(6))
_CORNER, _ALONG, _PULL_X, _PULL_Y, _DISTANCE2, _REST, _PROBABILITY, _POWER = (
    np.uint64(LANES * row) for row in range(6, LANE_ROWS)
)


@kernel
def soften_by_faces(
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    near: NearFaces,
) -> bool:
    """Fill `transparency` of a rasterised sub-frame with prod(1 - exp(-sigmainv d²)).

    The product runs over the first `knum` faces in index order whose enlarged boxes hold the pixel.

    Returns:
        Whether `near` was long enough; if not, nothing is of use.
    """
    faces, screen, transparency, lanes = mesh.faces, state.screen, state.transparency, buffers.lanes
    lane_bits = buffers.lane_bits
    pixel, num_faces, half_edge, along = near.pixel, near.num_faces, near.half_edge, near.along
    pull_x, pull_y = near.pull_x, near.pull_y
    scale_x, scale_y = (
        np.float32(math.sqrt(params.falloff_x)),
        np.float32(math.sqrt(params.falloff_y)),
    )
    box, width, knum = state.box, np.uint64(transparency.shape[1]), np.uint64(params.knum)
    num_pixels = list_near_faces(
        screen, faces, box, state.face_id, params.margin_x, params.margin_y, params.knum,
        buffers.open_ahead, buffers.slot, pixel, num_faces, half_edge,
    )  # fmt: skip
    near.length[0] = num_pixels
    if num_pixels < 0:
        return False
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            transparency[y, x] = ONE
    for i in range(np.uint64(num_pixels)):
        y, x = pixel[i] // width, pixel[i] % width
        left_over = ONE
        for done in range(0, num_faces[i], LANES):
            first, count = i * knum + np.uint64(done), np.uint64(min(num_faces[i] - done, LANES))
            gather_faces(screen, faces, half_edge, first, count, lanes)
            measure_faces(np.float32(x), np.float32(y), scale_x, scale_y, lanes)
            left_over *= weigh_faces(count, lanes, lane_bits)
            for k in range(count):
                corner = np.uint32(np.int32(lanes[_CORNER + k]))
                half_edge[first + k] = np.uint32(3) * half_edge[first + k] + corner
            for k in range(count):
                along[first + k] = lanes[_ALONG + k]
                pull_x[first + k] = lanes[_PULL_X + k]
                pull_y[first + k] = lanes[_PULL_Y + k]
        transparency[y, x] = left_over
    return True


@inlined
def gather_faces(
    screen: F32, faces: U32, listed: U32, first: np.uint64, count: np.uint64, lanes: F32
) -> None:
    """Put the corners of some listed faces into the lanes."""
    for k in range(count):
        face = listed[first + k]
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        lanes[_AX + k], lanes[_AY + k] = screen[a, 0], screen[a, 1]
        lanes[_BX + k], lanes[_BY + k] = screen[b, 0], screen[b, 1]
        lanes[_CX + k], lanes[_CY + k] = screen[c, 0], screen[c, 1]


@inlined
def measure_faces(
    x: np.float32, y: np.float32, scale_x: np.float32, scale_y: np.float32, lanes: F32
) -> None:
    """Find the nearest point of the outline of all faces in the lanes to a pixel.

    Args:
        x: column of the pixel.
        y: its row.
        scale_x: root of `RasterParams.falloff_x`.
        scale_y: root of `RasterParams.falloff_y`.
        lanes: from corners to the edge's number, where on it the point is, the vector from it times
            the falloff, and its squared length times the falloff.
    """
    for k in range(_LANES):
        ax, ay, bx, by = lanes[_AX + k], lanes[_AY + k], lanes[_BX + k], lanes[_BY + k]
        cx, cy = lanes[_CX + k], lanes[_CY + k]
        # Differences before scaling, which would round the positions.
        a_x, a_y = scale_x * (x - ax), scale_y * (y - ay)
        b_x, b_y = scale_x * (x - bx), scale_y * (y - by)
        c_x, c_y = scale_x * (x - cx), scale_y * (y - cy)
        ab_x, ab_y = scale_x * (bx - ax), scale_y * (by - ay)
        bc_x, bc_y = scale_x * (cx - bx), scale_y * (cy - by)
        ca_x, ca_y = scale_x * (ax - cx), scale_y * (ay - cy)
        along, reach_x, reach_y, distance2 = reach_from_side(a_x, a_y, ab_x, ab_y)
        corner = ZERO
        other, other_x, other_y, other2 = reach_from_side(b_x, b_y, bc_x, bc_y)
        if other2 < distance2:
            corner, along, reach_x, reach_y, distance2 = ONE, other, other_x, other_y, other2
        other, other_x, other_y, other2 = reach_from_side(c_x, c_y, ca_x, ca_y)
        if other2 < distance2:
            corner, along, reach_x, reach_y, distance2 = TWO, other, other_x, other_y, other2
        lanes[_CORNER + k], lanes[_ALONG + k], lanes[_DISTANCE2 + k] = corner, along, distance2
        lanes[_PULL_X + k], lanes[_PULL_Y + k] = scale_x * reach_x, scale_y * reach_y


@inlined
def reach_from_side(
    x: np.float32, y: np.float32, side_x: np.float32, side_y: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Nearest point of a triangle's side to the point at (x, y) from its start.

    Returns:
        Where it is on the side (0 to 1), the vector from it, and its squared length.
    """
    along = clamp_to_unit(
        (x * side_x + y * side_y) * (ONE / (side_x * side_x + side_y * side_y + _TINY))
    )
    reach_x, reach_y = x - along * side_x, y - along * side_y
    return along, reach_x, reach_y, reach_x * reach_x + reach_y * reach_y


@inlined
def weigh_faces(count: np.uint64, lanes: F32, lane_bits: I32) -> np.float32:
    """Turn distances into what a pixel loses of its transparency, and how that pulls at the faces.

    d log(1 - p) / d(d²) = sigmainv p / (1 - p), with DIB-R's guard against p = 1.

    Args:
        count: faces in the lanes.
        lanes: distances to pulls.
        lane_bits: the same memory as integers.

    Returns:
        The product of 1 - p over the faces.
    """
    for k in range(_LANES):
        # exp(-d²) = 2^-n exp(g) with |g| <= ln 2 / 2; 2^-n is written as a float's exponent.
        distance2 = min(lanes[_DISTANCE2 + k], _NO_EXPONENT)
        halvings = np.int32(distance2 * _LOG2_E + HALF)
        rest = np.float32(halvings) * _LN_2 - distance2
        lanes[_PROBABILITY + k] = exp_near_zero(rest)
        lane_bits[_POWER + k] = (127 - halvings) << 23
    for k in range(_LANES):
        probability = lanes[_PROBABILITY + k] * lanes[_POWER + k]
        rest = one_minus(probability, lanes[_DISTANCE2 + k])
        rate = probability / (rest + _DIVISION_GUARD)
        lanes[_REST + k] = rest
        lanes[_PULL_X + k] *= rate
        lanes[_PULL_Y + k] *= rate
    left_over = ONE
    for k in range(count):
        left_over *= lanes[_REST + k]
    return left_over


@inlined
def exp_near_zero(x: np.float32) -> np.float32:
    """exp(x) for |x| <= ln 2 / 2 by its series; the first term left out is 5e-9."""
    y = ONE + x * _SEVENTH
    y = ONE + x * _SIXTH * y
    y = ONE + x * _FIFTH * y
    y = ONE + x * _FOURTH * y
    y = ONE + x * _THIRD * y
    y = ONE + x * HALF * y
    return ONE + x * y


@inlined
def one_minus(probability: np.float32, distance2: np.float32) -> np.float32:
    """1 - exp(-x) given exp(-x): by its series where a difference would lose its digits."""
    if probability < _NEARLY_ONE:
        return ONE - probability
    x = distance2
    return x * (ONE - x * HALF * (ONE - x * _THIRD * (ONE - x * _FOURTH)))


@inlined
def clamp_to_unit(value: np.float32) -> np.float32:
    """Into [0, 1]; `min` and `max` compile to instructions, `if` to jumps that cost a quarter."""
    return min(max(value, ZERO), ONE)  # type: ignore[return-value]


@kernel
def soften_by_faces_backward(
    mesh: MeshArrays,
    params: RasterParams,
    buffers: ThreadBuffers,
    state: FrameState,
    image_grad: F32,
    near: NearFaces,
) -> None:
    """Add the mask's part of the gradient of the (H, W) image to `buffers.screen_grad`.

    d mask / d(d²) = -sigmainv (1 - mask) p / (1 - p), as in DIB-R with its guard against p = 1.
    """
    faces, screen_grad, transparency = mesh.faces, buffers.screen_grad, state.transparency
    pixel, num_faces, half_edge, along = near.pixel, near.num_faces, near.half_edge, near.along
    pull_x, pull_y = near.pull_x, near.pull_y
    width, knum = np.uint64(transparency.shape[1]), np.uint64(params.knum)
    for i in range(np.uint64(near.length[0])):
        y, x = pixel[i] // width, pixel[i] % width
        left_over = transparency[y, x]
        grad = params.weight * image_grad[y - _RING, x - _RING] + near.colour_pull[i]
        if left_over < _OPAQUE or grad == ZERO:
            continue
        factor = TWO * grad * left_over
        for k in range(i * knum, i * knum + num_faces[i]):
            face, corner = half_edge[k] // _SIDES, half_edge[k] % _SIDES
            a, b = faces[face, corner], faces[face, (corner + _NEXT) % _SIDES]
            at_b, at_a = along[k], ONE - along[k]
            screen_grad[a, 0] += at_a * factor * pull_x[k]
            screen_grad[a, 1] += at_a * factor * pull_y[k]
            screen_grad[b, 0] += at_b * factor * pull_x[k]
            screen_grad[b, 1] += at_b * factor * pull_y[k]


@kernel
def add_soft_mask(params: RasterParams, state: FrameState, alpha: F32) -> None:
    """Add the silhouette where no face covers the pixel.

    The transparency is kept and not the silhouette: next to 1 that has lost the digits that the
    gradient needs.
    """
    box, transparency = state.box, state.transparency
    for y in range(max(box[0], 1), min(box[1], alpha.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], alpha.shape[1] + 1)):
            if state.face_id[y, x] < 0:
                alpha[y - 1, x - 1] += params.weight * (ONE - transparency[y, x])
