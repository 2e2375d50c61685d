"""Compiled kernels: where silhouette edges cross the lines between pixel centres (`coverage`).

The twin of `hfb.render.torch.crossings`, where the method is explained.
"""

from __future__ import annotations

import numpy as np

from hfb.render.numba.cache import inlined, kernel
from hfb.render.numba.raster import list_silhouette_edges
from hfb.render.numba.records import (
    F32,
    HALF,
    I32,
    INNER,
    NO_NEAR,
    ONE,
    OUTLINE,
    U8,
    U32,
    ZERO,
    Boundary,
    FrameState,
    MeshArrays,
    RasterParams,
    ThreadBuffers,
)


@kernel
def find_crossings(
    mesh: MeshArrays,
    params: RasterParams,
    focal: np.float32,
    buffers: ThreadBuffers,
    state: FrameState,
    boundary: Boundary,
) -> bool:
    """Fill the list of crossings of a sub-frame that has been rasterised.

    Leaves the touched pixels' places in `buffers.place`, which `clear_places` takes out again.

    Args:
        mesh: tables of the mesh.
        params: the smallest step in depth that counts, px.
        focal: px, turns it into a share of the depth.
        buffers: room of this thread.
        state: the rasterised sub-frame.
        boundary: the lists.

    Returns:
        Whether the lists were long enough.
    """
    faces, screen, place, depth = mesh.faces, state.screen, buffers.place, buffers.depth
    key, half_edge, offset = boundary.key, boundary.half_edge, boundary.offset
    kind, links, pixel = boundary.kind, boundary.links, boundary.pixel
    height, width = depth.shape
    count, num_pixels, room = 0, 0, len(boundary.key)
    # Half the distance to the camera is a step whatever the focal length.
    nearness = ONE - min(params.occlusion_step / abs(focal), HALF)
    num_edges = list_silhouette_edges(
        mesh.edge_halves, mesh.edge_faces, buffers.is_front, buffers.silhouette
    )
    for e in range(num_edges):
        half = buffers.silhouette[e]
        a, b = faces[half // 3, half % 3], faces[half // 3, (half % 3 + 1) % 3]
        ax, ay, az = screen[a, 0], screen[a, 1], nearness * screen[a, 2]
        edge_x, edge_y = screen[b, 0] - ax, screen[b, 1] - ay
        edge_z = nearness * screen[b, 2] - az
        # The outside of a front face's edge (x, y) is (-y, x) with y down.
        first, last = lines_between(ay, screen[b, 1], height)
        for y in range(first, last):
            along = (np.float32(y) - ay) / edge_y
            position = ax + along * edge_x
            if (position > ZERO) & (position < np.float32(width - 1)) & (count < room):
                is_first_far = edge_y > ZERO
                x = pixel_before(position, is_first_far)
                share = position - np.float32(x)
                far_x, near_x = (x, x + 1) if is_first_far else (x + 1, x)
                count, num_pixels = offer_crossing(
                    y, far_x, y, near_x, 0 if is_first_far else 1,
                    share if is_first_far else ONE - share, az + along * edge_z, half, depth,
                    place, key, half_edge, offset, kind, links, pixel, count, num_pixels,
                )  # fmt: skip
        first, last = lines_between(ax, screen[b, 0], width)
        for x in range(first, last):
            along = (np.float32(x) - ax) / edge_x
            position = ay + along * edge_y
            if (position > ZERO) & (position < np.float32(height - 1)) & (count < room):
                is_first_far = edge_x < ZERO
                y = pixel_before(position, is_first_far)
                share = position - np.float32(y)
                far_y, near_y = (y, y + 1) if is_first_far else (y + 1, y)
                count, num_pixels = offer_crossing(
                    far_y, x, near_y, x, 2 if is_first_far else 3,
                    share if is_first_far else ONE - share, az + along * edge_z, half, depth,
                    place, key, half_edge, offset, kind, links, pixel, count, num_pixels,
                )  # fmt: skip
    boundary.lengths[0], boundary.lengths[1] = count, num_pixels
    return count < room


@inlined
def lines_between(start: np.float32, end: np.float32, size: int) -> tuple[int, int]:
    """The rows (or columns) of the image from min(start, end) on and before max(start, end).

    Of two edges that meet on a line, one holds it.
    """
    low, high = max(min(start, end), ONE), min(max(start, end), np.float32(size - 1))
    first, last = int(low), int(max(high, ZERO))
    return first + int(np.float32(first) < low), last + int(np.float32(last) < high)


@inlined
def pixel_before(position: np.float32, is_first_far: bool) -> int:
    """The upper or left one of the two pixels that a crossing lies between.

    An edge through a pixel centre covers that: it is the near one.
    """
    pixel = int(position)
    return pixel - int(is_first_far & (np.float32(pixel) == position))


@inlined
def offer_crossing(
    far_y: int,
    far_x: int,
    near_y: int,
    near_x: int,
    direction: int,
    distance: np.float32,
    limit: np.float32,
    half: int,
    depth: F32,
    place: I32,
    key: U32,
    half_edge: U32,
    offset: F32,
    kind: U8,
    links: I32,
    pixel: U32,
    count: int,
    num_pixels: int,
) -> tuple[int, int]:
    """Take a crossing into the list if it is the nearest to its far pixel so far.

    Args:
        far_y: row of the pixel beyond the edge.
        far_x: its column.
        near_y: row of the pixel before the edge.
        near_x: its column.
        direction: of the near pixel from the far one: right, left, below, above.
        distance: of the crossing from the far pixel.
        limit: inverse depth of the edge there, less a step.
        half: half-edge.
        depth: grid.
        place: grid, where a pixel is in the list of touched pixels, -1 for nowhere.
        key: list of crossings, and so are `half_edge`, `offset` and `kind`.
        half_edge: see `Boundary`.
        offset: see `Boundary`.
        kind: see `Boundary`.
        links: list of touched pixels, and so is `pixel`.
        pixel: see `Boundary`.
        count: crossings so far.
        num_pixels: touched pixels so far.

    Returns:
        The new lengths of both lists.
    """
    far_depth, near_depth = depth[far_y, far_x], depth[near_y, near_x]
    if far_depth >= limit:  # hidden, or hardly before what is seen beyond
        return count, num_pixels
    far, num_pixels = find_place(far_y, far_x, place, links, pixel, num_pixels)
    k = links[far, direction]
    if k < 0:
        near, num_pixels = find_place(near_y, near_x, place, links, pixel, num_pixels)
        k = count
        links[far, direction] = k
        links[near, direction + 4] = k
        key[k] = 4 * (far_y * depth.shape[1] + far_x) + direction
        count += 1
    elif distance >= offset[k]:
        return count, num_pixels
    half_edge[k] = half
    offset[k] = distance
    if far_depth == ZERO:  # any surface ends here: one behind the edge's is hidden by that
        kind[k] = OUTLINE if near_depth > ZERO else NO_NEAR
    else:
        kind[k] = INNER if near_depth >= limit else NO_NEAR
    return count, num_pixels


@inlined
def find_place(
    y: int, x: int, place: I32, links: I32, pixel: U32, num_pixels: int
) -> tuple[int, int]:
    """Where a pixel is in the list of touched pixels, and the list's new length."""
    k = place[y, x]
    if k >= 0:
        return k, num_pixels
    place[y, x] = num_pixels
    pixel[num_pixels] = y * place.shape[1] + x
    for direction in range(8):
        links[num_pixels, direction] = -1
    return num_pixels, num_pixels + 1


@kernel
def clear_places(buffers: ThreadBuffers, boundary: Boundary) -> None:
    """Take the places of the touched pixels out of `buffers.place`."""
    place, pixel, width = buffers.place, boundary.pixel, buffers.place.shape[1]
    for k in range(boundary.lengths[1]):
        y = pixel[k] // width
        place[y, pixel[k] - y * width] = -1


@kernel
def find_crossings_backward(
    mesh: MeshArrays, buffers: ThreadBuffers, state: FrameState, boundary: Boundary
) -> None:
    """Add the gradient of the offsets (`Boundary.offset_grad`) to `buffers.screen_grad`."""
    faces, screen, screen_grad = mesh.faces, state.screen, buffers.screen_grad
    width = state.face_id.shape[1]
    for k in range(boundary.lengths[0]):
        grad, direction, far = boundary.offset_grad[k], boundary.key[k] & 3, boundary.key[k] >> 2
        if grad == ZERO:
            continue
        face, corner = boundary.half_edge[k] // 3, boundary.half_edge[k] % 3
        a, b = faces[face, corner], faces[face, (corner + 1) % 3]
        edge_x, edge_y = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
        if direction & 1:  # measured leftwards or upwards
            grad = -grad
        # Moving an end across the line changes the crossing as moving it along the line does,
        # times the slope.
        if direction < 2:
            along = (np.float32(far // width) - screen[a, 1]) / edge_y
            x_grad, y_grad = grad, -grad * edge_x / edge_y
        else:
            along = (np.float32(far % width) - screen[a, 0]) / edge_x
            x_grad, y_grad = -grad * edge_y / edge_x, grad
        screen_grad[a, 0] += (ONE - along) * x_grad
        screen_grad[a, 1] += (ONE - along) * y_grad
        screen_grad[b, 0] += along * x_grad
        screen_grad[b, 1] += along * y_grad
