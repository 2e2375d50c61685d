"""Functions of kernels: how much of each boundary pixel lies on the near side of its edge.

The twin of `hfb.render.torch.boundary`, where the method is explained.
"""

from typing import no_type_check

import warp as wp

from hfb.render.warp.compiled import inlined
from hfb.render.warp.crossings import depth_step
from hfb.render.warp.raster import edge_verts, key_index, key_value, silhouette_half_edge
from hfb.render.warp.scene_arrays import EMPTY_KEY, HALF, ONE, ZERO, Grads, Job

NO_NEAR, OUTLINE, INNER = 0, 1, 2
_NONE = 9.0
_TINY = 1e-12


@inlined
@no_type_check
def slot_key(slots: wp.array4d[wp.int64], m: int, slot: int) -> wp.int64:
    """The key of a crossing."""
    width = slots.shape[2]
    far = slot // 4
    return slots[m, far // width, far % width, slot % 4]


@inlined
@no_type_check
def slot_half_edge(job: Job, slots: wp.array4d[wp.int64], m: int, slot: int) -> int:
    """The half-edge of a crossing."""
    return silhouette_half_edge(job, m, key_index(slot_key(slots, m, slot)))


@inlined
@no_type_check
def slot_axis(slot: int) -> int:
    """The coordinate that is fixed on the line of a crossing."""
    if slot % 4 < 2:
        return 1
    return 0


@inlined
@no_type_check
def slot_line(slot: int, width: int) -> float:
    """Its value."""
    far = slot // 4
    if slot % 4 < 2:
        return float(far // width)
    return float(far % width)


@inlined
@no_type_check
def slot_before(y: int, x: int, direction: int, width: int) -> int:
    """The crossing whose near pixel this is."""
    far = y * width + x
    if direction == 0:
        far = far - 1
    if direction == 1:
        far = far + 1
    if direction == 2:
        far = far - width
    if direction == 3:
        far = far + width
    return 4 * far + direction


@inlined
@no_type_check
def crossing_kind(job: Job, slots: wp.array4d[wp.int64], m: int, slot: int, near_depth: float):
    """What ends at a crossing: see `Boundary.kind` of the numba backend."""
    width = slots.shape[2]
    far = slot // 4
    far_depth = job.depth[m, far // width, far % width]
    if far_depth == ZERO:  # any surface ends here: one behind the edge's is hidden by that
        if near_depth > ZERO:
            return OUTLINE
        return NO_NEAR
    i, j = edge_verts(job, slot_half_edge(job, slots, m, slot))
    a, b = job.screen[m, i], job.screen[m, j]
    axis, nearness = slot_axis(slot), depth_step(job, m)
    along = (slot_line(slot, width) - a[axis]) / (b[axis] - a[axis])
    az = nearness * a[2]
    if near_depth >= az + along * (nearness * b[2] - az):
        return INNER
    return NO_NEAR


@inlined
@no_type_check
def far_offset(slots: wp.array4d[wp.int64], m: int, slot: int) -> float:
    """Distance of a crossing from its far pixel."""
    key = slot_key(slots, m, slot)
    if key == wp.int64(EMPTY_KEY):
        return _NONE
    return key_value(key)


@inlined
@no_type_check
def near_offset(
    job: Job, slots: wp.array4d[wp.int64], m: int, slot: int, wanted: int, near_depth: float
):
    """Distance of a crossing of the wanted kind from its near pixel."""
    key = slot_key(slots, m, slot)
    if key == wp.int64(EMPTY_KEY):
        return _NONE
    if crossing_kind(job, slots, m, slot, near_depth) != wanted:
        return _NONE
    return ONE - key_value(key)


@inlined
@no_type_check
def distance_from_axes(x: float, y: float, x_slot: int, y_slot: int):
    """Distance of a line from the origin by where it crosses the axes; the nearer one first."""
    distance = wp.min(x, y)
    if x < _NONE and y < _NONE:
        distance = x * y / wp.sqrt(x * x + y * y + _TINY)
    if x >= _NONE:
        x_slot = -1
    if y >= _NONE:
        y_slot = -1
    if y < x:
        return distance, y_slot, x_slot
    return distance, x_slot, y_slot


@inlined
@no_type_check
def nearest_beyond(slots: wp.array4d[wp.int64], m: int, y: int, x: int):
    """Distance from the edges that a pixel lies beyond, and the crossings it is made of."""
    slot = 4 * (y * slots.shape[2] + x)
    right, left = far_offset(slots, m, slot), far_offset(slots, m, slot + 1)
    below, above = far_offset(slots, m, slot + 2), far_offset(slots, m, slot + 3)
    x_slot, y_slot = slot, slot + 2
    if left < right:
        x_slot = slot + 1
    if above < below:
        y_slot = slot + 3
    return distance_from_axes(wp.min(right, left), wp.min(below, above), x_slot, y_slot)


@inlined
@no_type_check
def nearest_before(job: Job, slots: wp.array4d[wp.int64], m: int, y: int, x: int, wanted: int):
    """The same for the edges that end the pixel's own surface."""
    width, depth = slots.shape[2], job.depth[m, y, x]
    x_slot, y_slot = slot_before(y, x, 0, width), slot_before(y, x, 2, width)
    left_slot, above_slot = slot_before(y, x, 1, width), slot_before(y, x, 3, width)
    right = near_offset(job, slots, m, x_slot, wanted, depth)
    left = near_offset(job, slots, m, left_slot, wanted, depth)
    below = near_offset(job, slots, m, y_slot, wanted, depth)
    above = near_offset(job, slots, m, above_slot, wanted, depth)
    if left < right:
        x_slot = left_slot
    if above < below:
        y_slot = above_slot
    return distance_from_axes(wp.min(right, left), wp.min(below, above), x_slot, y_slot)


@inlined
@no_type_check
def measure_pixel(job: Job, slots: wp.array4d[wp.int64], m: int, y: int, x: int):
    """Distance of a pixel from its edge; a covered one belongs to the outline if that is near.

    Returns:
        The distance, the crossings it is made of (-1: none), and the pixel that is seen beyond the
        edge (-1: none).
    """
    distance, first, second = nearest_beyond(slots, m, y, x)
    back = int(-1)
    if job.face_id[m, y, x] >= 0:
        outline, one, other = nearest_before(job, slots, m, y, x, OUTLINE)
        if outline < HALF:
            return outline, one, other, back
        inner, one, other = nearest_before(job, slots, m, y, x, INNER)
        back = y * slots.shape[2] + x
        if not distance < inner:
            distance = inner
            first = one
            second = other
            back = one // 4
    return distance, first, second, back


@inlined
@no_type_check
def share_backward(
    job: Job,
    grads: Grads,
    slots: wp.array4d[wp.int64],
    m: int,
    first: int,
    second: int,
    share: float,
    grad: float,
):
    """Gradient of a pixel's share for the ends of the edges that it is made of.

    Beyond the edge the share falls with the distance, which is the offset; before it, it rises with
    the distance, which is 1 - offset.
    """
    if second < 0:
        pull_edge(job, grads, slots, m, first, -grad)
        return
    x, y = far_offset(slots, m, first), far_offset(slots, m, second)
    if share >= HALF:
        x = ONE - x
        y = ONE - y
    length2 = x * x + y * y + _TINY
    scale = -grad / (length2 * wp.sqrt(length2))
    pull_edge(job, grads, slots, m, first, scale * y * (y * y + _TINY))
    pull_edge(job, grads, slots, m, second, scale * x * (x * x + _TINY))


@inlined
@no_type_check
def pull_edge(job: Job, grads: Grads, slots: wp.array4d[wp.int64], m: int, slot: int, grad: float):
    """Add the gradient of a crossing's offset to that of the edge's ends.

    Moving an end across the line changes the crossing as moving it along the line does, times the
    slope.
    """
    i, j = edge_verts(job, slot_half_edge(job, slots, m, slot))
    a, b = job.screen[m, i], job.screen[m, j]
    axis = slot_axis(slot)
    along = (slot_line(slot, slots.shape[2]) - a[axis]) / (b[axis] - a[axis])
    if slot % 2 == 1:  # measured leftwards or upwards
        grad = -grad
    pull = wp.vec3(grad, -grad * (b[0] - a[0]) / (b[1] - a[1]), ZERO)
    if axis == 0:
        pull = wp.vec3(-grad * (b[1] - a[1]) / (b[0] - a[0]), grad, ZERO)
    wp.atomic_add(grads.screen, m, i, (ONE - along) * pull)
    wp.atomic_add(grads.screen, m, j, along * pull)
