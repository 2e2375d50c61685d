"""Kernels: images of mode `contour` and their gradients; the twin of `hfb.render.numba.silhouette`.

The nearest silhouette edge of an uncovered pixel is kept as a key: squared distance, then edge.
"""

from typing import no_type_check

import warp as wp

from hfb.render.warp.compiled import inlined, kernel
from hfb.render.warp.raster import edge_verts, key_index, key_value, make_key, silhouette_half_edge
from hfb.render.warp.scene_arrays import EMPTY_KEY, ONE, TWO, ZERO, Grads, Images, Job
from hfb.render.warp.shading import face_colour, face_colour_backward

_TINY = 1e-12


@kernel
@no_type_check
def offer_edges(job: Job, nearest: wp.array3d[wp.int64]):
    """Offer silhouette edges to the uncovered pixels that they soften, (M, E) threads."""
    m, e = wp.tid()
    half = silhouette_half_edge(job, m, e)
    if half < 0:
        return
    i, j = edge_verts(job, half)
    a, b = job.screen[m, i], job.screen[m, j]
    height, width = nearest.shape[1], nearest.shape[2]
    left = wp.max(wp.min(a[0], b[0]) - job.radius, ONE)
    right = wp.min(wp.max(a[0], b[0]) + job.radius, float(width - 2))
    top = wp.max(wp.min(a[1], b[1]) - job.radius, ONE)
    bottom = wp.min(wp.max(a[1], b[1]) + job.radius, float(height - 2))
    if left > right or top > bottom:
        return
    for y in range(int(wp.ceil(top)), int(bottom) + 1):
        for x in range(int(wp.ceil(left)), int(right) + 1):
            if job.face_id[m, y, x] < 0:
                _along, reach = reach_from_edge(float(x), float(y), a, b)
                near2 = wp.dot(reach, reach)
                if near2 < job.radius * job.radius:
                    wp.atomic_min(nearest, m, y, x, make_key(near2, e))


@inlined
@no_type_check
def reach_from_edge(x: float, y: float, a: wp.vec3, b: wp.vec3):
    """Nearest point of an edge (0 at a, 1 at b) and the vector from it to (x, y).

    At b the vector is measured from b itself: two edges that meet there are then exactly equally
    far, and the earlier wins whatever the rounding.
    """
    dx, dy, edge_x, edge_y = x - a[0], y - a[1], b[0] - a[0], b[1] - a[1]
    inverse = ONE / (edge_x * edge_x + edge_y * edge_y + _TINY)
    along = (dx * edge_x + dy * edge_y) * inverse
    if along <= ZERO:
        return ZERO, wp.vec2(dx, dy)
    if along >= ONE:
        return ONE, wp.vec2(x - b[0], y - b[1])
    offset = (edge_x * dy - edge_y * dx) * inverse
    return along, wp.vec2(-offset * edge_y, offset * edge_x)


@kernel
@no_type_check
def draw(job: Job, nearest: wp.array3d[wp.int64], images: Images):
    """Add up the frames of each image, (I, H, W) threads."""
    image, row, column = wp.tid()
    y, x = row + 1, column + 1
    total, alpha = wp.vec3(ZERO, ZERO, ZERO), float(ZERO)
    for n in range(job.frames_per_image):
        m = image * job.frames_per_image + n
        face, key = job.face_id[m, y, x], nearest[m, y, x]
        if face >= 0:
            images.is_visible[image, face] = wp.uint8(1)
            total = total + job.weight * face_colour(job, m, face, y, x)
            alpha = alpha + job.weight
        elif key != wp.int64(EMPTY_KEY):
            alpha = alpha + job.weight * wp.exp(-job.falloff * key_value(key))
    images.alpha[image, row, column] = alpha
    for k in range(3):
        images.rgb[image, k, row, column] = total[k]


@kernel
@no_type_check
def draw_backward(job: Job, nearest: wp.array3d[wp.int64], images: Images, grads: Grads):
    """Gradients of `draw`, (M, H, W) threads; `images` holds those of the images.

    By the envelope theorem the nearest point's position along the edge may be held fixed.
    """
    m, row, column = wp.tid()
    y, x = row + 1, column + 1
    image = m // job.frames_per_image
    face, key = job.face_id[m, y, x], nearest[m, y, x]
    if face >= 0:
        grad = wp.vec3(
            images.rgb[image, 0, row, column],
            images.rgb[image, 1, row, column],
            images.rgb[image, 2, row, column],
        )
        face_colour_backward(job, grads, m, face, y, x, job.weight * grad)
    elif key != wp.int64(EMPTY_KEY):
        i, j = edge_verts(job, silhouette_half_edge(job, m, key_index(key)))
        along, reach = reach_from_edge(float(x), float(y), job.screen[m, i], job.screen[m, j])
        alpha = wp.exp(-job.falloff * key_value(key))
        pull = -TWO * job.falloff * alpha * job.weight * images.alpha[image, row, column] * reach
        wp.atomic_add(grads.screen, m, i, -(ONE - along) * wp.vec3(pull[0], pull[1], ZERO))
        wp.atomic_add(grads.screen, m, j, -along * wp.vec3(pull[0], pull[1], ZERO))
