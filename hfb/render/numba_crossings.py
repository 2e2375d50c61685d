"""Compiled kernels: where silhouette edges cross the lines between pixel centres (`coverage`).

The twin of `torch_crossings`, where the method is explained.
"""

from __future__ import annotations

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
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
    Look,
    MeshArrays,
    Scratch,
)


@kernel
def find_crossings(
    mesh: MeshArrays,
    look: Look,
    focal: np.float32,
    scratch: Scratch,
    state: FrameState,
    boundary: Boundary,
) -> int:
    """Fill the list of crossings of a sub-frame that has been rasterised.

    Leaves their places in `scratch.slot`, which `clear_slots` takes out again.

    Args:
        mesh: tables of the mesh.
        look: the smallest step in depth that counts, px.
        focal: px, turns it into a share of the depth.
        scratch: room of this thread.
        state: the rasterised sub-frame.
        boundary: the lists.

    Returns:
        How many there are; if that is the length of the lists, they were too short.
    """
    edge_halves, edge_faces, is_front = mesh.edge_halves, mesh.edge_faces, scratch.is_front
    faces, screen, slot, depth = mesh.faces, state.screen, scratch.slot, scratch.depth.ravel()
    key, half_edge, offset = boundary.key, boundary.half_edge, boundary.offset
    kind, (height, width), count = boundary.kind, scratch.depth.shape, 0
    # Half of the way to the camera is a step whatever the focal length.
    nearness = ONE - min(look.occlusion_step / abs(focal), HALF)
    for e in range(edge_faces.shape[0]):
        first_is_front = is_front[edge_faces[e, 0]]
        if first_is_front == is_front[edge_faces[e, 1]]:
            continue
        half = edge_halves[e, 0] if first_is_front else edge_halves[e, 1]
        a, b = faces[half // 3, half % 3], faces[half // 3, (half % 3 + 1) % 3]
        ax, ay, az = screen[a, 0], screen[a, 1], nearness * screen[a, 2]
        edge_x, edge_y = screen[b, 0] - ax, screen[b, 1] - ay
        edge_z = nearness * screen[b, 2] - az
        # The outside of a front face's edge (x, y) is (-y, x) with y down.
        first, last = lines_between(ay, screen[b, 1], height)
        for y in range(first, last):
            along = (np.float32(y) - ay) / edge_y
            place = ax + along * edge_x
            if (place > ZERO) & (place < np.float32(width - 1)):
                x = pixel_before(place, edge_y > ZERO)
                count = offer_crossing(
                    y * width + x, 1, place - np.float32(x), edge_y > ZERO,
                    az + along * edge_z, half, depth, slot, key, half_edge, offset, kind, count,
                )  # fmt: skip
        first, last = lines_between(ax, screen[b, 0], width)
        for x in range(first, last):
            along = (np.float32(x) - ax) / edge_x
            place = ay + along * edge_y
            if (place > ZERO) & (place < np.float32(height - 1)):
                y = pixel_before(place, edge_x < ZERO)
                count = offer_crossing(
                    y * width + x, width, place - np.float32(y), edge_x < ZERO,
                    az + along * edge_z, half, depth, slot, key, half_edge, offset, kind, count,
                )  # fmt: skip
    return count


@inlined
def lines_between(start: np.float32, end: np.float32, size: int) -> tuple[int, int]:
    """The rows (or columns) of the image from min(start, end) on and before max(start, end).

    Of two edges that meet on a line, one holds it.
    """
    low, high = max(min(start, end), ONE), min(max(start, end), np.float32(size - 1))
    first, last = int(low), int(max(high, ZERO))
    return first + int(np.float32(first) < low), last + int(np.float32(last) < high)


@inlined
def pixel_before(place: np.float32, is_first_far: bool) -> int:
    """The upper or left one of the two pixels that a crossing lies between.

    An edge through a pixel centre covers that: it is the near one.
    """
    pixel = int(place)
    return pixel - int(is_first_far & (np.float32(pixel) == place))


@inlined
def offer_crossing(
    pixel: int,
    stride: int,
    share: np.float32,
    is_first_far: bool,
    limit: np.float32,
    half: int,
    depth: F32,
    slot: I32,
    key: U32,
    half_edge: U32,
    offset: F32,
    kind: U8,
    count: int,
) -> int:
    """Take a crossing into the list if it is the nearest to its far pixel so far.

    Args:
        pixel: flat index of the upper or left one of the two pixels.
        stride: from there to the other one.
        share: of the way to the other one where the edge crosses it.
        is_first_far: whether the upper or left one lies beyond the edge.
        limit: inverse depth of the edge there, less a step.
        half: half-edge.
        depth: grid, flat.
        slot: place in the list, -1 for none.
        key: list, 4 far pixel + direction of the near one (right, left, below, above).
        half_edge: list.
        offset: list, distance from the far pixel.
        kind: list, what ends here, see `Boundary`.
        count: length of the list.

    Returns:
        The new length of the list; it stops one before the end.
    """
    far, near = (pixel, pixel + stride) if is_first_far else (pixel + stride, pixel)
    distance = share if is_first_far else ONE - share
    if depth[far] >= limit:  # hidden, or hardly before what is seen beyond
        return count
    place = 4 * far + (0 if stride == 1 else 2) + (0 if is_first_far else 1)
    k = slot[place]
    if k < 0:
        if count == len(key):
            return count
        k = count
        slot[place] = k
        key[k] = place
        count += 1
    elif distance >= offset[k]:
        return count
    half_edge[k] = half
    offset[k] = distance
    if depth[far] == ZERO:  # any surface ends here: one behind the edge's is hidden by that
        kind[k] = OUTLINE if depth[near] > ZERO else NO_NEAR
    else:
        kind[k] = INNER if depth[near] >= limit else NO_NEAR
    return count


@kernel
def clear_slots(count: int, scratch: Scratch, boundary: Boundary) -> None:
    """Take the places of a list out of `scratch.slot`."""
    for k in range(count):
        scratch.slot[boundary.key[k]] = -1


@kernel
def find_crossings_backward(
    mesh: MeshArrays, scratch: Scratch, state: FrameState, boundary: Boundary
) -> None:
    """Add the gradient of the offsets (`Boundary.offset_grad`) to `scratch.screen_grad`."""
    faces, screen, screen_grad = mesh.faces, state.screen, scratch.screen_grad
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
