"""Kernels: projection, and the nearest face of each pixel.

The twin of `hfb.render.numba.raster`, one thread a vertex, a face or a pixel.
"""

from typing import no_type_check

import warp as wp

from hfb.render.settings import MAX_GRID_PX, NEAR_PLANE_M
from hfb.render.torch.visibility import INSIDE_TOLERANCE, MIN_AREA_PX
from hfb.render.warp.compiled import inlined, kernel
from hfb.render.warp.scene_arrays import HALF, LAST_FACE, ONE, ZERO, Grads, Job


@kernel
@no_type_check
def project(job: Job):
    """Grid position and inverse depth of each vertex, (M, V) threads."""
    m, v = wp.tid()
    place = job.verts[m, v]
    camera = job.intrinsics[m // job.frames_per_sample]
    depth = place[2]
    job.screen[m, v] = wp.vec3(ZERO, ZERO, ZERO)
    if depth >= NEAR_PLANE_M and wp.isfinite(depth):
        inverse = ONE / depth
        x = camera[0] * place[0] * inverse + (camera[2] + HALF)
        y = camera[1] * place[1] * inverse + (camera[3] + HALF)
        if wp.abs(x) < MAX_GRID_PX and wp.abs(y) < MAX_GRID_PX:
            job.screen[m, v] = wp.vec3(x, y, inverse)


@kernel
@no_type_check
def draw_faces(job: Job, nearest: wp.array3d[wp.int64]):
    """Note which faces show their outside and draw these into a depth buffer, (M, F + 1) threads.

    A pixel's key is the inverse depth, then the face counted down: equal depths go to the earlier.
    """
    m, f = wp.tid()
    job.is_front[m, f] = wp.uint8(0)
    if f == job.faces.shape[0]:
        return
    a, b, c = corners(job, m, f)
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    # Counter-clockwise from the camera is clockwise with y down.
    if a[2] <= ZERO or b[2] <= ZERO or c[2] <= ZERO or not area < -MIN_AREA_PX:
        return
    job.is_front[m, f] = wp.uint8(1)
    height, width = nearest.shape[1], nearest.shape[2]
    low_x = wp.max(wp.min(a[0], wp.min(b[0], c[0])), ZERO)
    low_y = wp.max(wp.min(a[1], wp.min(b[1], c[1])), ZERO)
    high_x = wp.min(wp.max(a[0], wp.max(b[0], c[0])), float(width - 1))
    high_y = wp.min(wp.max(a[1], wp.max(b[1], c[1])), float(height - 1))
    if low_x > high_x or low_y > high_y:
        return
    left, top = int(wp.ceil(low_x)), int(wp.ceil(low_y))
    # Barycentric coordinates are affine: value at the first centre, plus steps in x and y.
    scale = ONE / area
    x0, y0 = float(left), float(top)
    first_dx, first_dy = (b[1] - c[1]) * scale, (c[0] - b[0]) * scale
    second_dx, second_dy = (c[1] - a[1]) * scale, (a[0] - c[0]) * scale
    first_0 = ((b[0] - x0) * (c[1] - y0) - (b[1] - y0) * (c[0] - x0)) * scale
    second_0 = ((c[0] - x0) * (a[1] - y0) - (c[1] - y0) * (a[0] - x0)) * scale
    for y in range(top, int(high_y) + 1):
        first_row = first_0 + float(y - top) * first_dy
        second_row = second_0 + float(y - top) * second_dy
        for x in range(left, int(high_x) + 1):
            first = first_row + float(x - left) * first_dx
            second = second_row + float(x - left) * second_dx
            depth = c[2] + first * (a[2] - c[2]) + second * (b[2] - c[2])
            is_inside = first >= -INSIDE_TOLERANCE and second >= -INSIDE_TOLERANCE
            if is_inside and first + second <= ONE + INSIDE_TOLERANCE and depth > ZERO:
                wp.atomic_max(nearest, m, y, x, make_key(depth, LAST_FACE - f))


@kernel
@no_type_check
def read_nearest(job: Job, nearest: wp.array3d[wp.int64]):
    """Take the keys apart, one thread a grid pixel."""
    m, y, x = wp.tid()
    key = nearest[m, y, x]
    job.face_id[m, y, x] = -1
    job.depth[m, y, x] = ZERO
    if key > wp.int64(0):
        job.face_id[m, y, x] = LAST_FACE - key_index(key)
        job.depth[m, y, x] = key_value(key)


@kernel
@no_type_check
def unproject_gradient(job: Job, grads: Grads, verts_grad: wp.array2d[wp.vec3]):
    """Turn the gradient of `Job.screen` into that of the vertices, (M, V) threads."""
    m, v = wp.tid()
    inverse = job.screen[m, v][2]
    verts_grad[m, v] = wp.vec3(ZERO, ZERO, ZERO)
    if inverse > ZERO:
        camera = job.intrinsics[m // job.frames_per_sample]
        place, grad = job.verts[m, v], grads.screen[m, v]
        along_x, along_y = camera[0] * grad[0], camera[1] * grad[1]
        inverse_grad = grad[2] + along_x * place[0] + along_y * place[1]
        verts_grad[m, v] = wp.vec3(
            along_x * inverse, along_y * inverse, -inverse * inverse * inverse_grad
        )


@inlined
@no_type_check
def corners(job: Job, m: int, f: int):
    """Screen positions of a face's corners."""
    return (
        job.screen[m, job.faces[f, 0]],
        job.screen[m, job.faces[f, 1]],
        job.screen[m, job.faces[f, 2]],
    )


@inlined
@no_type_check
def make_key(value: float, index: int) -> wp.int64:
    """A number that is not negative and an index in one integer that sorts by the number first."""
    return (wp.int64(wp.cast(value, wp.int32)) << wp.int64(32)) | wp.int64(index)


@inlined
@no_type_check
def key_value(key: wp.int64) -> float:
    """The number in a key."""
    return wp.cast(wp.int32(key >> wp.int64(32)), wp.float32)


@inlined
@no_type_check
def key_index(key: wp.int64) -> int:
    """The index in a key."""
    return wp.int32(key & wp.int64(2147483647))


@inlined
@no_type_check
def silhouette_half_edge(job: Job, m: int, e: int) -> int:
    """The half-edge of the front face if an edge is part of the silhouette, -1 if it is not."""
    first, second = job.edge_halves[e, 0], job.edge_halves[e, 1]
    first_front, second_front = job.is_front[m, first // 3], job.is_front[m, second // 3]
    if first_front == second_front:
        return -1
    if first_front > wp.uint8(0):
        return first
    return second


@inlined
@no_type_check
def edge_verts(job: Job, half: int):
    """Both vertices of a half-edge."""
    face, corner = half // 3, half % 3
    return job.faces[face, corner], job.faces[face, (corner + 1) % 3]
