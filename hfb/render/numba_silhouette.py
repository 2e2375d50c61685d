"""Compiled kernels: the `coverage` and `contour` silhouettes and their gradients."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import kernel
from hfb.render.numba_records import F32, HALF, I32, ONE, TWO, ZERO, FrameState, Look, MeshArrays, Scratch

_FAR = np.float32(1e30)
_MIN_DISTANCE = np.float32(1e-4)
_TINY = np.float32(1e-12)


@kernel
def soften_silhouette(mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState) -> None:
    """Fill `edge_id` and `alpha` of a sub-frame that has been rasterised."""
    distance2 = scratch.depth
    for y in range(state.box[0], state.box[1]):
        for x in range(state.box[2], state.box[3]):
            distance2[y, x] = _FAR
            state.edge_id[y, x] = -1
            state.alpha[y, x] = ONE if state.face_id[y, x] >= 0 else ZERO
    no_half_edge = 3 * mesh.faces.shape[0]
    for e in range(mesh.edge_halves.shape[0]):
        first, second = mesh.edge_halves[e, 0], mesh.edge_halves[e, 1]
        first_is_front = scratch.is_front[first // 3]
        if first_is_front == scratch.is_front[second // 3]:
            continue
        find_near_pixels(
            first if first_is_front else second, mesh.faces, look, distance2, state
        )
    set_alpha(look, distance2, state)


@kernel
def find_near_pixels(
    half_edge: int, faces: I32, look: Look, distance2: F32, state: FrameState
) -> None:
    """Offer one silhouette edge to the pixels that its softness reaches."""
    face, corner = half_edge // 3, half_edge % 3
    a, b = faces[face, corner], faces[face, (corner + 1) % 3]
    ax, ay, bx, by = state.screen[a, 0], state.screen[a, 1], state.screen[b, 0], state.screen[b, 1]
    height, width = state.face_id.shape
    radius = look.radius
    left = max(int(math.ceil(min(ax, bx) - radius)), 1)
    right = min(int(math.floor(max(ax, bx) + radius)), width - 2)
    top = max(int(math.ceil(min(ay, by) - radius)), 1)
    bottom = min(int(math.floor(max(ay, by) + radius)), height - 2)
    edge_x, edge_y = bx - ax, by - ay
    inverse = ONE / (edge_x * edge_x + edge_y * edge_y + _TINY)
    # The outside of a front face's edge (ex, ey) is (-ey, ex) with y down.
    x_step = -1 if edge_y > ZERO else 1
    y_step = 1 if edge_x > ZERO else -1
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            along, reach_x, reach_y = reach_from_edge(
                np.float32(x), np.float32(y), ax, ay, bx, by, inverse
            )
            near2 = reach_x * reach_x + reach_y * reach_y
            if near2 >= distance2[y, x] or near2 >= radius * radius:
                continue
            if state.face_id[y, x] >= 0 and not (
                look.is_coverage
                and (
                    state.face_id[y, x + x_step] < 0
                    or state.face_id[y + y_step, x] < 0
                    or state.face_id[y + y_step, x + x_step] < 0
                )
            ):
                continue
            distance2[y, x] = near2
            state.edge_id[y, x] = half_edge


@kernel
def reach_from_edge(
    x: float, y: float, ax: float, ay: float, bx: float, by: float, inverse: float
) -> tuple[float, float, float]:
    """Nearest point of an edge (0 at a, 1 at b) and the vector from it to (x, y).

    At b the vector is measured from b itself: two edges that meet there are then exactly equally
    far, and the earlier wins whatever the rounding.
    """
    dx, dy, edge_x, edge_y = x - ax, y - ay, bx - ax, by - ay
    along = (dx * edge_x + dy * edge_y) * inverse
    if along <= ZERO:
        return ZERO, dx, dy
    if along >= ONE:
        return ONE, x - bx, y - by
    return along, dx - along * edge_x, dy - along * edge_y


@kernel
def set_alpha(look: Look, distance2: F32, state: FrameState) -> None:
    """Turn distances to the silhouette into its soft values."""
    for y in range(state.box[0], state.box[1]):
        for x in range(state.box[2], state.box[3]):
            if state.edge_id[y, x] < 0:
                continue
            if not look.is_coverage:
                state.alpha[y, x] = math.exp(-look.contour_falloff * distance2[y, x])
            elif state.face_id[y, x] >= 0:
                state.alpha[y, x] = HALF + math.sqrt(distance2[y, x])
            else:
                state.alpha[y, x] = HALF - math.sqrt(distance2[y, x])


@kernel
def soften_silhouette_backward(
    mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState
) -> None:
    """Add the silhouette's gradient (`scratch.alpha_grad`) to `scratch.screen_grad`."""
    height, width = state.face_id.shape
    for y in range(max(state.box[0], 1), min(state.box[1], height - 1)):
        for x in range(max(state.box[2], 1), min(state.box[3], width - 1)):
            half_edge = state.edge_id[y, x]
            grad = scratch.alpha_grad[y, x]
            if half_edge >= 0 and grad != ZERO:
                face, corner = half_edge // 3, half_edge % 3
                a, b = mesh.faces[face, corner], mesh.faces[face, (corner + 1) % 3]
                is_covered = state.face_id[y, x] >= 0
                pull_edge(x, y, a, b, grad, is_covered, look, state, scratch.screen_grad)


@kernel
def pull_edge(
    x: int,
    y: int,
    a: int,
    b: int,
    grad: float,
    is_covered: bool,
    look: Look,
    state: FrameState,
    screen_grad: F32,
) -> None:
    """Gradient of one pixel's soft value for the two ends of its edge.

    By the envelope theorem the nearest point's position along the edge may be held fixed: only the
    vector from it to the pixel counts.
    """
    ax, ay = state.screen[a, 0], state.screen[a, 1]
    bx, by = state.screen[b, 0], state.screen[b, 1]
    edge_x, edge_y = bx - ax, by - ay
    length2 = edge_x * edge_x + edge_y * edge_y + _TINY
    along, reach_x, reach_y = reach_from_edge(
        np.float32(x), np.float32(y), ax, ay, bx, by, ONE / length2
    )
    distance2 = reach_x * reach_x + reach_y * reach_y
    if not look.is_coverage:
        factor = -TWO * look.contour_falloff * state.alpha[y, x] * grad
        reach_x, reach_y = factor * reach_x, factor * reach_y
    elif distance2 > _MIN_DISTANCE * _MIN_DISTANCE:
        factor = grad / math.sqrt(distance2)
        if not is_covered:
            factor = -factor
        reach_x, reach_y = factor * reach_x, factor * reach_y
    else:  # on the edge: its inward normal is the direction
        factor = grad / math.sqrt(length2)
        reach_x, reach_y = factor * edge_y, -factor * edge_x
    screen_grad[a, 0] -= (ONE - along) * reach_x
    screen_grad[a, 1] -= (ONE - along) * reach_y
    screen_grad[b, 0] -= along * reach_x
    screen_grad[b, 1] -= along * reach_y
