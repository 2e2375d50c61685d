"""Kernels: images of mode `coverage` and their gradients, one thread a pixel.

The twin of `hfb.render.numba.edge_shading`.
"""

from typing import no_type_check

import warp as wp

from hfb.render.warp.boundary import (
    measure_pixel,
    share_backward,
    slot_axis,
    slot_half_edge,
    slot_line,
)
from hfb.render.warp.compiled import kernel
from hfb.render.warp.scene_arrays import HALF, ONE, ZERO, Grads, Images, Job
from hfb.render.warp.shading import (
    edge_colour,
    edge_colour_backward,
    face_colour,
    face_colour_backward,
)


@kernel
@no_type_check
def draw(job: Job, slots: wp.array4d[wp.int64], images: Images):
    """Add up the frames of each image, (I, H, W) threads."""
    image, row, column = wp.tid()
    y, x, width = row + 1, column + 1, slots.shape[2]
    total, alpha = wp.vec3(ZERO, ZERO, ZERO), float(ZERO)
    for n in range(job.frames_per_image):
        m = image * job.frames_per_image + n
        face = job.face_id[m, y, x]
        distance, first, _second, back = measure_pixel(job, slots, m, y, x)
        colour, opacity = wp.vec3(ZERO, ZERO, ZERO), float(ZERO)
        is_beyond = face < 0 or back == y * width + x
        if face >= 0:
            images.is_visible[image, face] = wp.uint8(1)
        if distance < HALF and is_beyond:
            half = slot_half_edge(job, slots, m, first)
            colour = edge_colour(job, m, half, slot_axis(first), slot_line(first, width))
            opacity = HALF - distance
        elif face >= 0:
            colour = face_colour(job, m, face, y, x)
            opacity = ONE
            if distance < HALF:
                opacity = HALF + distance
        if distance < HALF and back >= 0:
            back_y, back_x = back // width, back % width
            far = face_colour(job, m, job.face_id[m, back_y, back_x], back_y, back_x)
            colour = far + opacity * (colour - far)
            opacity = ONE
        alpha = alpha + job.weight * opacity
        if job.is_premultiplied != 0:
            colour = colour * opacity
        total = total + job.weight * colour
    images.alpha[image, row, column] = alpha
    for k in range(3):
        images.rgb[image, k, row, column] = total[k]


@kernel
@no_type_check
def draw_backward(job: Job, slots: wp.array4d[wp.int64], images: Images, grads: Grads):
    """Gradients of `draw`, (M, H, W) threads; `images` holds those of the images."""
    m, row, column = wp.tid()
    y, x, width = row + 1, column + 1, slots.shape[2]
    image = m // job.frames_per_image
    grad = wp.vec3(
        images.rgb[image, 0, row, column],
        images.rgb[image, 1, row, column],
        images.rgb[image, 2, row, column],
    )
    grad = job.weight * grad
    face = job.face_id[m, y, x]
    distance, first, second, back = measure_pixel(job, slots, m, y, x)
    if not distance < HALF:
        if face >= 0:
            face_colour_backward(job, grads, m, face, y, x, grad)
        return
    is_beyond = face < 0 or back == y * width + x
    is_mixed = back >= 0 or job.is_premultiplied != 0
    share = HALF + distance
    if is_beyond:
        share = HALF - distance
    part = float(ONE)
    if is_mixed:
        part = share
    colour = wp.vec3(ZERO, ZERO, ZERO)
    if is_beyond:
        half, axis = slot_half_edge(job, slots, m, first), slot_axis(first)
        line = slot_line(first, width)
        colour = edge_colour(job, m, half, axis, line)
        edge_colour_backward(job, grads, m, half, axis, line, part * grad)
    else:
        colour = face_colour(job, m, face, y, x)
        face_colour_backward(job, grads, m, face, y, x, part * grad)
    if back >= 0:
        back_y, back_x = back // width, back % width
        back_face = job.face_id[m, back_y, back_x]
        colour = colour - face_colour(job, m, back_face, back_y, back_x)
        face_colour_backward(job, grads, m, back_face, back_y, back_x, (ONE - share) * grad)
    share_grad = float(ZERO)
    if is_mixed:
        share_grad = wp.dot(colour, grad)
    if back < 0:
        share_grad = share_grad + job.weight * images.alpha[image, row, column]
    share_backward(job, grads, slots, m, first, second, share, share_grad)
