"""Kernels: where silhouette edges cross the lines between pixel centres (`coverage`).

The twin of `hfb.render.torch.crossings`, where the method is explained. A crossing is named by its
slot, 4 far pixel + direction of the near one (right, left, below, above); its key holds the offset
from the far pixel and the edge.
"""

from typing import no_type_check

import warp as wp

from hfb.render.warp.compiled import inlined, kernel
from hfb.render.warp.raster import edge_verts, make_key, silhouette_half_edge
from hfb.render.warp.scene_arrays import HALF, ONE, ZERO, Job


@kernel
@no_type_check
def find_crossings(job: Job, slots: wp.array4d[wp.int64]):
    """Offer each silhouette edge to the pixels beyond it, (M, E) threads."""
    m, e = wp.tid()
    half = silhouette_half_edge(job, m, e)
    if half < 0:
        return
    i, j = edge_verts(job, half)
    a, b = job.screen[m, i], job.screen[m, j]
    nearness = depth_step(job, m)
    edge_x, edge_y = b[0] - a[0], b[1] - a[1]
    az = nearness * a[2]
    edge_z = nearness * b[2] - az
    height, width = slots.shape[1], slots.shape[2]
    # The outside of a front face's edge (x, y) is (-y, x) with y down.
    for y in range(first_line(a[1], b[1], height), last_line(a[1], b[1], height)):
        along = (float(y) - a[1]) / edge_y
        position = a[0] + along * edge_x
        if position > ZERO and position < float(width - 1):
            x = pixel_before(position, edge_y > ZERO)
            share = position - float(x)
            limit = az + along * edge_z
            if edge_y > ZERO:
                offer_crossing(job, slots, m, e, y, x, 0, share, limit)
            else:
                offer_crossing(job, slots, m, e, y, x + 1, 1, ONE - share, limit)
    for x in range(first_line(a[0], b[0], width), last_line(a[0], b[0], width)):
        along = (float(x) - a[0]) / edge_x
        position = a[1] + along * edge_y
        if position > ZERO and position < float(height - 1):
            y = pixel_before(position, edge_x < ZERO)
            share = position - float(y)
            limit = az + along * edge_z
            if edge_x < ZERO:
                offer_crossing(job, slots, m, e, y, x, 2, share, limit)
            else:
                offer_crossing(job, slots, m, e, y + 1, x, 3, ONE - share, limit)


@inlined
@no_type_check
def depth_step(job: Job, m: int) -> float:
    """By what an edge's inverse depth is multiplied; half the distance is a step in any case."""
    focal = wp.abs(job.intrinsics[m // job.frames_per_sample][0])
    return ONE - wp.min(job.occlusion_step / focal, HALF)


@inlined
@no_type_check
def first_line(start: float, end: float, size: int) -> int:
    """The first row or column of the image from min(start, end) on."""
    return int(wp.ceil(wp.min(wp.max(wp.min(start, end), ONE), float(size))))


@inlined
@no_type_check
def last_line(start: float, end: float, size: int) -> int:
    """The first row or column from max(start, end) on: the edge does not hold it any more."""
    return int(wp.ceil(wp.max(wp.min(wp.max(start, end), float(size - 1)), ZERO)))


@inlined
@no_type_check
def pixel_before(position: float, is_first_far: bool) -> int:
    """The upper or left one of the two pixels that a crossing lies between.

    An edge through a pixel centre covers that: it is the near one.
    """
    pixel = int(position)
    if is_first_far and float(pixel) == position:
        return pixel - 1
    return pixel


@inlined
@no_type_check
def offer_crossing(
    job: Job,
    slots: wp.array4d[wp.int64],
    m: int,
    e: int,
    y: int,
    x: int,
    direction: int,
    distance: float,
    limit: float,
):
    """Keep a crossing if nothing hides it and it is the nearest to its far pixel."""
    if job.depth[m, y, x] < limit:
        wp.atomic_min(slots, m, y, x, direction, make_key(distance, e))
