"""Compiled kernels: the `coverage` and `contour` silhouettes and their gradients."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    F32,
    HALF,
    I32,
    ONE,
    TWO,
    ZERO,
    FrameState,
    Look,
    MeshArrays,
    Scratch,
)

_FAR = np.float32(1e30)
_MIN_DISTANCE = np.float32(1e-4)
_TINY = np.float32(1e-12)


@kernel
def soften_silhouette(mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState) -> None:
    """Fill `edge_id`, `edge_pixels` and `alpha` of a sub-frame that has been rasterised."""
    edge_halves, edge_faces, is_front = mesh.edge_halves, mesh.edge_faces, scratch.is_front
    screen, box, face_id, edge_id = state.screen, state.box, state.face_id, state.edge_id
    alpha, edge_pixels, distance2 = state.alpha, state.edge_pixels, scratch.depth
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            distance2[y, x] = _FAR
            edge_id[y, x] = -1
            alpha[y, x] = ONE if face_id[y, x] >= 0 else ZERO
    for e in range(edge_faces.shape[0]):
        first_is_front = is_front[edge_faces[e, 0]]
        if first_is_front != is_front[edge_faces[e, 1]]:
            half_edge = edge_halves[e, 0] if first_is_front else edge_halves[e, 1]
            find_near_pixels(half_edge, mesh.faces, look, screen, face_id, distance2, edge_id)
    count = 0
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if edge_id[y, x] < 0:
                continue
            edge_pixels[count] = y * face_id.shape[1] + x
            count += 1
            if not look.is_coverage:
                alpha[y, x] = math.exp(-look.contour_falloff * distance2[y, x])
            elif face_id[y, x] >= 0:
                alpha[y, x] = HALF + math.sqrt(distance2[y, x])
            else:
                alpha[y, x] = HALF - math.sqrt(distance2[y, x])
    state.num_edge_pixels[0] = count


@inlined
def find_near_pixels(
    half_edge: int,
    faces: I32,
    look: Look,
    screen: F32,
    face_id: I32,
    distance2: F32,
    edge_id: I32,
) -> None:
    """Offer one silhouette edge to the pixels that its softness reaches."""
    face, corner = half_edge // 3, half_edge % 3
    a, b = faces[face, corner], faces[face, (corner + 1) % 3]
    ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
    radius = look.radius
    left = first_pixel(min(ax, bx) - radius)
    right = last_pixel(max(ax, bx) + radius, face_id.shape[1] - 2)
    top = first_pixel(min(ay, by) - radius)
    bottom = last_pixel(max(ay, by) + radius, face_id.shape[0] - 2)
    edge_x, edge_y = bx - ax, by - ay
    inverse = ONE / (edge_x * edge_x + edge_y * edge_y + _TINY)
    # The outside of a front face's edge (ex, ey) is (-ey, ex) with y down.
    x_step = -1 if edge_y > ZERO else 1
    y_step = 1 if edge_x > ZERO else -1
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            _, reach_x, reach_y = reach_from_edge(
                np.float32(x), np.float32(y), ax, ay, bx, by, inverse
            )
            near2 = reach_x * reach_x + reach_y * reach_y
            if near2 < distance2[y, x] and near2 < radius * radius:
                if face_id[y, x] < 0 or (
                    look.is_coverage
                    and (
                        face_id[y, x + x_step] < 0
                        or face_id[y + y_step, x] < 0
                        or face_id[y + y_step, x + x_step] < 0
                    )
                ):
                    distance2[y, x] = near2
                    edge_id[y, x] = half_edge


@inlined
def first_pixel(position: np.float32) -> int:
    """The smallest pixel of the image at or after a position; the ring around it is left out.

    Truncation does here what `ceil`, a call into the C library, would do.
    """
    if position <= ONE:
        return 1
    pixel = int(position)
    return pixel + 1 if np.float32(pixel) < position else pixel


@inlined
def last_pixel(position: np.float32, last: int) -> int:
    """The largest pixel of the image at or before a position; 0 if there is none."""
    if position < ONE:
        return 0
    return min(int(position), last)


@inlined
def reach_from_edge(
    x: np.float32,
    y: np.float32,
    ax: np.float32,
    ay: np.float32,
    bx: np.float32,
    by: np.float32,
    inverse: np.float32,
) -> tuple[np.float32, np.float32, np.float32]:
    """Nearest point of an edge (0 at a, 1 at b) and the vector from it to (x, y).

    At b the vector is measured from b itself: two edges that meet there are then exactly equally
    far, and the earlier wins whatever the rounding. Between the ends it is a multiple of the
    edge's normal: its direction stays right on edges much longer than the distance.
    """
    dx, dy, edge_x, edge_y = x - ax, y - ay, bx - ax, by - ay
    along = (dx * edge_x + dy * edge_y) * inverse
    if along <= ZERO:
        return ZERO, dx, dy
    if along >= ONE:
        return ONE, x - bx, y - by
    offset = (edge_x * dy - edge_y * dx) * inverse
    return along, -offset * edge_y, offset * edge_x


@kernel
def soften_silhouette_backward(
    mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState
) -> None:
    """Add the silhouette's gradient (`scratch.alpha_grad`) to `scratch.screen_grad`.

    By the envelope theorem the nearest point's position along the edge may be held fixed: only the
    vector from it to the pixel counts.
    """
    faces, screen, face_id, alpha = mesh.faces, state.screen, state.face_id, state.alpha
    screen_grad, grid_width = scratch.screen_grad, state.face_id.shape[1]
    for k in range(state.num_edge_pixels[0]):
        y = state.edge_pixels[k] // grid_width
        x = state.edge_pixels[k] - y * grid_width
        grad = scratch.alpha_grad[y, x]
        face, corner = state.edge_id[y, x] // 3, state.edge_id[y, x] % 3
        a, b = faces[face, corner], faces[face, (corner + 1) % 3]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        edge_x, edge_y = bx - ax, by - ay
        length2 = edge_x * edge_x + edge_y * edge_y + _TINY
        along, pull_x, pull_y = reach_from_edge(
            np.float32(x), np.float32(y), ax, ay, bx, by, ONE / length2
        )
        distance2 = pull_x * pull_x + pull_y * pull_y
        if not look.is_coverage:
            factor = -TWO * look.contour_falloff * alpha[y, x] * grad
            pull_x, pull_y = factor * pull_x, factor * pull_y
        elif distance2 > _MIN_DISTANCE * _MIN_DISTANCE:
            factor = grad / math.sqrt(distance2)
            if face_id[y, x] < 0:
                factor = -factor
            pull_x, pull_y = factor * pull_x, factor * pull_y
        else:  # on the edge: its inward normal is the direction
            factor = grad / math.sqrt(length2)
            pull_x, pull_y = factor * edge_y, -factor * edge_x
        screen_grad[a, 0] -= (ONE - along) * pull_x
        screen_grad[a, 1] -= (ONE - along) * pull_y
        screen_grad[b, 0] -= along * pull_x
        screen_grad[b, 1] -= along * pull_y
