"""Functions of kernels: colours of faces and edges at pixels, and their gradients.

The twins of those in `hfb.render.numba.shading`, `texture` and `edge_shading`.
"""

from typing import no_type_check

import warp as wp

from hfb.render.warp.compiled import inlined
from hfb.render.warp.raster import edge_verts
from hfb.render.warp.scene_arrays import HALF, ONE, ZERO, Grads, Job

_TINY = 1e-12


@inlined
@no_type_check
def locate(position: float, size: int):
    """The two texels beside a coordinate in [0, 1], the share of the second, and its slope."""
    slope = float(size)
    place, last = position * slope - HALF, slope - ONE
    if not place >= ZERO:  # also not-a-number
        place = ZERO
        slope = ZERO
    if place > last:
        place = last
        slope = ZERO
    index = int(place)
    return index, wp.min(index + 1, size - 1), place - float(index), slope


@inlined
@no_type_check
def texture_colour(job: Job, s: int, uv: wp.vec2) -> wp.vec3:
    """Bilinear look-up; nested differences, so that a constant texture gives that constant."""
    left, right, x_part, _x_slope = locate(uv[0], job.texture.shape[2])
    top, bottom, y_part, _y_slope = locate(ONE - uv[1], job.texture.shape[1])
    upper_left, lower_left = job.texture[s, top, left], job.texture[s, bottom, left]
    upper = upper_left + x_part * (job.texture[s, top, right] - upper_left)
    lower = lower_left + x_part * (job.texture[s, bottom, right] - lower_left)
    return upper + y_part * (lower - upper)


@inlined
@no_type_check
def texture_colour_backward(job: Job, grads: Grads, s: int, uv: wp.vec2, grad: wp.vec3) -> wp.vec2:
    """Gradient of `texture_colour` for the texture (added); returns that of the coordinates."""
    left, right, x_part, x_slope = locate(uv[0], job.texture.shape[2])
    top, bottom, y_part, y_slope = locate(ONE - uv[1], job.texture.shape[1])
    upper_left, lower_left = job.texture[s, top, left], job.texture[s, bottom, left]
    upper_step = job.texture[s, top, right] - upper_left
    lower_step = job.texture[s, bottom, right] - lower_left
    upper, lower = upper_left + x_part * upper_step, lower_left + x_part * lower_step
    lower_grad = y_part * grad
    upper_grad = grad - lower_grad
    wp.atomic_add(grads.texture, s, top, left, upper_grad * (ONE - x_part))
    wp.atomic_add(grads.texture, s, top, right, upper_grad * x_part)
    wp.atomic_add(grads.texture, s, bottom, left, lower_grad * (ONE - x_part))
    wp.atomic_add(grads.texture, s, bottom, right, lower_grad * x_part)
    x_grad = wp.dot(upper_grad, upper_step) + wp.dot(lower_grad, lower_step)
    return wp.vec2(x_grad * x_slope, -wp.dot(grad, lower - upper) * y_slope)


@inlined
@no_type_check
def face_place(job: Job, m: int, f: int, y: int, x: int):
    """Where the ray through a pixel centre meets a face.

    Returns:
        Texture coordinates, the affine barycentric coordinates in the image, inverse depths of the
        corners (ones without perspective), 1 / (twice the signed area) and 1 / (inverse depth).
    """
    a, b = job.screen[m, job.faces[f, 0]], job.screen[m, job.faces[f, 1]]
    c = job.screen[m, job.faces[f, 2]]
    grid_x, grid_y = float(x), float(y)
    ax, ay, bx, by = a[0] - grid_x, a[1] - grid_y, b[0] - grid_x, b[1] - grid_y
    cx, cy = c[0] - grid_x, c[1] - grid_y
    w_a, w_b, w_c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    scale = ONE / (w_a + w_b + w_c)
    weights = wp.vec3(w_a * scale, w_b * scale, w_c * scale)
    near = wp.vec3(ONE, ONE, ONE)
    if job.is_perspective != 0:
        near = wp.vec3(a[2], b[2], c[2])
    p_a, p_b, p_c = weights[0] * near[0], weights[1] * near[1], weights[2] * near[2]
    depth = ONE / wp.max(p_a + p_b + p_c, _TINY)
    uv = (p_a * depth) * job.corner_uv[f, 0] + (p_b * depth) * job.corner_uv[f, 1]
    uv = uv + (p_c * depth) * job.corner_uv[f, 2]
    return uv, weights, near, scale, depth


@inlined
@no_type_check
def face_colour(job: Job, m: int, f: int, y: int, x: int) -> wp.vec3:
    """The colour of a face where the ray through a pixel centre meets it."""
    uv, _weights, _near, _scale, _depth = face_place(job, m, f, y, x)
    return texture_colour(job, m // job.frames_per_sample, uv)


@inlined
@no_type_check
def face_colour_backward(job: Job, grads: Grads, m: int, f: int, y: int, x: int, grad: wp.vec3):
    """Gradient of `face_colour` for the corners and the texture, both added."""
    uv, w, near, scale, depth = face_place(job, m, f, y, x)
    uv_grad = texture_colour_backward(job, grads, m // job.frames_per_sample, uv, grad)
    i, j, k = job.faces[f, 0], job.faces[f, 1], job.faces[f, 2]
    a, b, c = job.screen[m, i], job.screen[m, j], job.screen[m, k]
    g_a, g_b = wp.dot(uv_grad, job.corner_uv[f, 0]), wp.dot(uv_grad, job.corner_uv[f, 1])
    g_c = wp.dot(uv_grad, job.corner_uv[f, 2])
    # p = w z / (w·z): its gradient is taken relative to the mean, over the denominator.
    mean = (w[0] * near[0] * g_a + w[1] * near[1] * g_b + w[2] * near[2] * g_c) * depth
    g_a, g_b, g_c = (g_a - mean) * depth, (g_b - mean) * depth, (g_c - mean) * depth
    z_a, z_b, z_c = ZERO, ZERO, ZERO
    if job.is_perspective != 0 and job.has_depth_gradient != 0:
        z_a, z_b, z_c = w[0] * g_a, w[1] * g_b, w[2] * g_c
    g_a, g_b, g_c = g_a * near[0], g_b * near[1], g_c * near[2]
    # Moving corner j by a vector changes every w like moving the pixel by -w_j times that vector.
    pull_x = scale * (g_a * (b[1] - c[1]) + g_b * (c[1] - a[1]) + g_c * (a[1] - b[1]))
    pull_y = scale * (g_a * (c[0] - b[0]) + g_b * (a[0] - c[0]) + g_c * (b[0] - a[0]))
    wp.atomic_add(grads.screen, m, i, wp.vec3(-w[0] * pull_x, -w[0] * pull_y, z_a))
    wp.atomic_add(grads.screen, m, j, wp.vec3(-w[1] * pull_x, -w[1] * pull_y, z_b))
    wp.atomic_add(grads.screen, m, k, wp.vec3(-w[2] * pull_x, -w[2] * pull_y, z_c))


@inlined
@no_type_check
def edge_place(job: Job, m: int, half: int, axis: int, line: float):
    """Where an edge crosses a row (axis 1) or column (axis 0), on the edge's front face.

    Returns:
        Texture coordinates there and their step along the edge, where on the image's edge it is,
        inverse depths of the ends (ones without perspective), the length along the axis, and
        1 / (inverse depth).
    """
    i, j = edge_verts(job, half)
    a, b = job.screen[m, i], job.screen[m, j]
    length = b[axis] - a[axis]
    along = (line - a[axis]) / length
    az, bz = ONE, ONE
    if job.is_perspective != 0:
        az = a[2]
        bz = b[2]
    depth = ONE / wp.max((ONE - along) * az + along * bz, _TINY)
    face, corner = half // 3, half % 3
    uv = job.corner_uv[face, corner]
    step = job.corner_uv[face, (corner + 1) % 3] - uv
    return uv + (along * bz * depth) * step, step, along, az, bz, length, depth


@inlined
@no_type_check
def edge_colour(job: Job, m: int, half: int, axis: int, line: float) -> wp.vec3:
    """The colour of the point where an edge crosses between pixels."""
    uv, _step, _along, _az, _bz, _length, _depth = edge_place(job, m, half, axis, line)
    return texture_colour(job, m // job.frames_per_sample, uv)


@inlined
@no_type_check
def edge_colour_backward(
    job: Job, grads: Grads, m: int, half: int, axis: int, line: float, grad: wp.vec3
):
    """Gradient of `edge_colour` for the ends and the texture, both added."""
    uv, step, along, az, bz, length, depth = edge_place(job, m, half, axis, line)
    uv_grad = texture_colour_backward(job, grads, m // job.frames_per_sample, uv, grad)
    # share = along bz / ((1 - along) az + along bz)
    share_grad = wp.dot(uv_grad, step) * depth * depth
    z_a, z_b = ZERO, ZERO
    if job.is_perspective != 0 and job.has_depth_gradient != 0:
        spread = along * (ONE - along) * share_grad
        z_a = -spread * bz
        z_b = spread * az
    along_grad = share_grad * az * bz / length
    at_a, at_b = -(ONE - along) * along_grad, -along * along_grad
    i, j = edge_verts(job, half)
    if axis == 0:
        wp.atomic_add(grads.screen, m, i, wp.vec3(at_a, ZERO, z_a))
        wp.atomic_add(grads.screen, m, j, wp.vec3(at_b, ZERO, z_b))
    else:
        wp.atomic_add(grads.screen, m, i, wp.vec3(ZERO, at_a, z_a))
        wp.atomic_add(grads.screen, m, j, wp.vec3(ZERO, at_b, z_b))
