"""Compiled kernels: the `contour` silhouette and its gradient."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.raster import list_silhouette_edges
from hfb.render.numba.records import (
    F32,
    I32,
    ONE,
    TWO,
    U32,
    ZERO,
    FrameState,
    MeshArrays,
    RasterParams,
    ThreadBuffers,
)

_FAR = np.float32(1e30)
_TINY = np.float32(1e-12)


@kernel
def soften_silhouette(
    mesh: MeshArrays, params: RasterParams, buffers: ThreadBuffers, state: FrameState
) -> None:
    """Fill `edge_id` and `alpha` of a sub-frame that has been rasterised."""
    box, face_id, edge_id, alpha = state.box, state.face_id, state.edge_id, state.alpha
    faces, screen, distance2 = mesh.faces, state.screen, buffers.depth
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            distance2[y, x] = _FAR
            edge_id[y, x] = -1
            alpha[y, x] = ZERO
    num_edges = list_silhouette_edges(
        mesh.edge_halves, mesh.edge_faces, buffers.is_front, buffers.silhouette
    )
    for e in range(num_edges):
        offer_edge(buffers.silhouette[e], faces, params.radius, screen, face_id, distance2, edge_id)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if edge_id[y, x] >= 0:
                alpha[y, x] = math.exp(-params.contour_falloff * distance2[y, x])


@inlined
def offer_edge(
    half_edge: int,
    faces: U32,
    radius: np.float32,
    screen: F32,
    face_id: I32,
    distance2: F32,
    edge_id: I32,
) -> None:
    """Offer one silhouette edge to the uncovered pixels that its softness reaches."""
    face, corner = half_edge // 3, half_edge % 3
    a, b = faces[face, corner], faces[face, (corner + 1) % 3]
    ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
    left = first_pixel(min(ax, bx) - radius)
    right = last_pixel(max(ax, bx) + radius, face_id.shape[1] - 2)
    top = first_pixel(min(ay, by) - radius)
    bottom = last_pixel(max(ay, by) + radius, face_id.shape[0] - 2)
    edge_x, edge_y = bx - ax, by - ay
    inverse = ONE / (edge_x * edge_x + edge_y * edge_y + _TINY)
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            if face_id[y, x] >= 0:
                continue
            _, reach_x, reach_y = reach_from_edge(
                np.float32(x), np.float32(y), ax, ay, bx, by, inverse
            )
            near2 = reach_x * reach_x + reach_y * reach_y
            if (near2 < distance2[y, x]) & (near2 < radius * radius):
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
    mesh: MeshArrays,
    params: RasterParams,
    image_grad: F32,
    buffers: ThreadBuffers,
    state: FrameState,
) -> None:
    """Add the silhouette's part of the gradient of the (H, W) image to `buffers.screen_grad`.

    By the envelope theorem the nearest point's position along the edge may be held fixed: only the
    vector from it to the pixel counts.
    """
    faces, screen, edge_id, alpha = mesh.faces, state.screen, state.edge_id, state.alpha
    screen_grad, box, falloff = buffers.screen_grad, state.box, params.contour_falloff
    for y in range(max(box[0], 1), min(box[1], image_grad.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], image_grad.shape[1] + 1)):
            if edge_id[y, x] < 0:
                continue
            face, corner = edge_id[y, x] // 3, edge_id[y, x] % 3
            a, b = faces[face, corner], faces[face, (corner + 1) % 3]
            ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
            inverse = ONE / ((bx - ax) * (bx - ax) + (by - ay) * (by - ay) + _TINY)
            along, reach_x, reach_y = reach_from_edge(
                np.float32(x), np.float32(y), ax, ay, bx, by, inverse
            )
            factor = -TWO * falloff * alpha[y, x] * params.weight * image_grad[y - 1, x - 1]
            pull_x, pull_y = factor * reach_x, factor * reach_y
            screen_grad[a, 0] -= (ONE - along) * pull_x
            screen_grad[a, 1] -= (ONE - along) * pull_y
            screen_grad[b, 0] -= along * pull_x
            screen_grad[b, 1] -= along * pull_y
