"""Kernels: images of mode `dibr` and their gradients; the twin of `hfb.render.numba.dibr`.

Which faces may reach a tile of pixels is kept as one bit a face, so that each pixel finds them in
order of their index.
"""

from typing import no_type_check

import warp as wp

from hfb.render.torch.silhouette import DIVISION_GUARD
from hfb.render.warp.compiled import inlined, kernel
from hfb.render.warp.raster import corners
from hfb.render.warp.scene_arrays import HALF, ONE, TWO, ZERO, Grads, Images, Job
from hfb.render.warp.shading import face_colour, face_colour_backward

TILE = 8
"""Pixels along the side of a tile."""
_TINY = 1e-12
_OPAQUE = 6e-8
_NEARLY_ONE = 0.9
_NO_EXPONENT = 80.0


@kernel
@no_type_check
def mark_tiles(
    job: Job,
    boxes: wp.array2d[wp.vec4],
    bits: wp.array4d[wp.uint32],
    used: wp.array4d[wp.int32],
    transparency: wp.array3d[wp.float32],
):
    """Mark each face in the tiles that its enlarged box touches, (M, F) threads.

    Args:
        job: what is drawn.
        boxes: (M, F) the enlarged boxes: left, right, top, bottom.
        bits: (M, rows, columns, words) of tiles.
        used: (M, rows, columns, 2) first and last word of a tile that is not 0.
        transparency: unused.
    """
    m, f = wp.tid()
    a, b, c = corners(job, m, f)
    if a[2] <= ZERO or b[2] <= ZERO or c[2] <= ZERO:
        return
    height, width = job.face_id.shape[1], job.face_id.shape[2]
    left = wp.min(a[0], wp.min(b[0], c[0])) - job.margin_x
    right = wp.max(a[0], wp.max(b[0], c[0])) + job.margin_x
    top = wp.min(a[1], wp.min(b[1], c[1])) - job.margin_y
    bottom = wp.max(a[1], wp.max(b[1], c[1])) + job.margin_y
    boxes[m, f] = wp.vec4(left, right, top, bottom)
    first_x, last_x = wp.max(left, ONE), wp.min(right, float(width - 2))
    first_y, last_y = wp.max(top, ONE), wp.min(bottom, float(height - 2))
    if first_x > last_x or first_y > last_y:
        return
    word = f // 32
    bit = wp.uint32(1) << wp.uint32(f % 32)
    for row in range(int(first_y) // TILE, int(last_y) // TILE + 1):
        for column in range(int(first_x) // TILE, int(last_x) // TILE + 1):
            wp.atomic_or(bits, m, row, column, word, bit)
            wp.atomic_min(used, m, row, column, 0, word)
            wp.atomic_max(used, m, row, column, 1, word)


@inlined
@no_type_check
def reach_from_side(x: float, y: float, side_x: float, side_y: float):
    """Nearest point of a triangle's side to the point at (x, y) from its start."""
    along = (x * side_x + y * side_y) * (ONE / (side_x * side_x + side_y * side_y + _TINY))
    along = wp.min(wp.max(along, ZERO), ONE)
    reach_x, reach_y = x - along * side_x, y - along * side_y
    return along, reach_x, reach_y, reach_x * reach_x + reach_y * reach_y


@inlined
@no_type_check
def measure_face(job: Job, m: int, f: int, y: int, x: int):
    """The nearest point of a face's outline to a pixel.

    Returns:
        Which side it is on and where, the vector from it times the falloff, and its squared length
        times the falloff.
    """
    a, b, c = corners(job, m, f)
    scale_x, scale_y = wp.sqrt(job.falloff), wp.sqrt(job.falloff_y)
    # Differences before scaling, which would round the positions.
    px, py = float(x), float(y)
    along, reach_x, reach_y, distance2 = reach_from_side(
        scale_x * (px - a[0]),
        scale_y * (py - a[1]),
        scale_x * (b[0] - a[0]),
        scale_y * (b[1] - a[1]),
    )
    side = int(0)
    other, other_x, other_y, other2 = reach_from_side(
        scale_x * (px - b[0]),
        scale_y * (py - b[1]),
        scale_x * (c[0] - b[0]),
        scale_y * (c[1] - b[1]),
    )
    if other2 < distance2:
        side = 1
        along = other
        reach_x = other_x
        reach_y = other_y
        distance2 = other2
    other, other_x, other_y, other2 = reach_from_side(
        scale_x * (px - c[0]),
        scale_y * (py - c[1]),
        scale_x * (a[0] - c[0]),
        scale_y * (a[1] - c[1]),
    )
    if other2 < distance2:
        side = 2
        along = other
        reach_x = other_x
        reach_y = other_y
        distance2 = other2
    return side, along, scale_x * reach_x, scale_y * reach_y, distance2


@inlined
@no_type_check
def weigh_face(distance2: float):
    """Probability that a face covers a pixel, and one minus it with all its digits."""
    probability = wp.exp(-wp.min(distance2, _NO_EXPONENT))
    rest = ONE - probability
    if probability >= _NEARLY_ONE:
        rest = distance2 * (
            ONE - distance2 * HALF * (ONE - distance2 * (ONE / 3.0) * (ONE - distance2 * 0.25))
        )
    return probability, rest


@inlined
@no_type_check
def next_face(
    boxes: wp.array2d[wp.vec4],
    bits: wp.array4d[wp.uint32],
    m: int,
    y: int,
    x: int,
    after: int,
    end: int,
) -> int:
    """The first face behind `after` whose enlarged box holds a pixel, -1 if there is none."""
    row, column = y // TILE, x // TILE
    f = after + 1
    while f < end:
        word = bits[m, row, column, f // 32] >> wp.uint32(f % 32)
        if word == wp.uint32(0):
            f = (f // 32 + 1) * 32
        else:
            if (word & wp.uint32(1)) != wp.uint32(0):
                box = boxes[m, f]
                if float(x) >= box[0] and float(x) <= box[1]:
                    if float(y) >= box[2] and float(y) <= box[3]:
                        return f
            f = f + 1
    return -1


@inlined
@no_type_check
def rim_source(job: Job, m: int, y: int, x: int):
    """Row and column of the nearest covered pixel in reach; row -1 if there is none."""
    height, width = job.face_id.shape[1] - 1, job.face_id.shape[2] - 1
    for k in range(job.num_rim):
        there_y, there_x = y + job.rim[k, 0], x + job.rim[k, 1]
        if there_y >= 1 and there_y < height and there_x >= 1 and there_x < width:
            if job.face_id[m, there_y, there_x] >= 0:
                return there_y, there_x
    return -1, -1


@kernel
@no_type_check
def draw(
    job: Job,
    boxes: wp.array2d[wp.vec4],
    bits: wp.array4d[wp.uint32],
    used: wp.array4d[wp.int32],
    transparency: wp.array3d[wp.float32],
    images: Images,
):
    """Add up the frames of each image, (I, H, W) threads; keeps `transparency` (M, H, W)."""
    image, row, column = wp.tid()
    y, x = row + 1, column + 1
    total, alpha = wp.vec3(ZERO, ZERO, ZERO), float(ZERO)
    for n in range(job.frames_per_image):
        m = image * job.frames_per_image + n
        face = job.face_id[m, y, x]
        if face >= 0:
            images.is_visible[image, face] = wp.uint8(1)
            total = total + job.weight * face_colour(job, m, face, y, x)
            alpha = alpha + job.weight
        else:
            # The product of 1 - p over the first `knum` faces.
            product = float(ONE)
            count = int(0)
            first, last = used[m, y // TILE, x // TILE, 0], used[m, y // TILE, x // TILE, 1]
            f = next_face(boxes, bits, m, y, x, 32 * first - 1, 32 * (last + 1))
            while f >= 0 and count < job.knum:
                _side, _along, _pull_x, _pull_y, distance2 = measure_face(job, m, f, y, x)
                _probability, rest = weigh_face(distance2)
                product = product * rest
                count = count + 1
                f = next_face(boxes, bits, m, y, x, f, 32 * (last + 1))
            transparency[m, row, column] = product
            alpha = alpha + job.weight * (ONE - product)
            if count > 0:
                there_y, there_x = rim_source(job, m, y, x)
                if there_y >= 0:
                    share = job.weight
                    if job.is_premultiplied != 0:
                        share = job.weight * (ONE - product)
                    source = job.face_id[m, there_y, there_x]
                    total = total + share * face_colour(job, m, source, there_y, there_x)
    images.alpha[image, row, column] = alpha
    for k in range(3):
        images.rgb[image, k, row, column] = total[k]


@kernel
@no_type_check
def draw_backward(
    job: Job,
    boxes: wp.array2d[wp.vec4],
    bits: wp.array4d[wp.uint32],
    used: wp.array4d[wp.int32],
    transparency: wp.array3d[wp.float32],
    images: Images,
    grads: Grads,
):
    """Gradients of `draw`, (M, H, W) threads; `images` holds those of the images."""
    m, row, column = wp.tid()
    y, x = row + 1, column + 1
    image = m // job.frames_per_image
    face = job.face_id[m, y, x]
    grad = job.weight * wp.vec3(
        images.rgb[image, 0, row, column],
        images.rgb[image, 1, row, column],
        images.rgb[image, 2, row, column],
    )
    if face >= 0:
        face_colour_backward(job, grads, m, face, y, x, grad)
        return
    grad_alpha = job.weight * images.alpha[image, row, column]
    product = transparency[m, row, column]
    first, last = used[m, y // TILE, x // TILE, 0], used[m, y // TILE, x // TILE, 1]
    f = next_face(boxes, bits, m, y, x, 32 * first - 1, 32 * (last + 1))
    if f >= 0 and job.knum > 0:
        there_y, there_x = rim_source(job, m, y, x)
        if there_y >= 0:
            source = job.face_id[m, there_y, there_x]
            share = float(ONE)
            if job.is_premultiplied != 0:
                share = ONE - product
                grad_alpha = grad_alpha + wp.dot(
                    grad, face_colour(job, m, source, there_y, there_x)
                )
            face_colour_backward(job, grads, m, source, there_y, there_x, share * grad)
    if product < _OPAQUE or grad_alpha == ZERO:
        return
    # d mask / d(d²) = -sigmainv (1 - mask) p / (1 - p), as in DIB-R with its guard against p = 1.
    factor = TWO * grad_alpha * product
    count = int(0)
    while f >= 0 and count < job.knum:
        side, along, pull_x, pull_y, distance2 = measure_face(job, m, f, y, x)
        probability, rest = weigh_face(distance2)
        rate = factor * probability / (rest + DIVISION_GUARD)
        pull = rate * wp.vec3(pull_x, pull_y, ZERO)
        wp.atomic_add(grads.screen, m, job.faces[f, side], (ONE - along) * pull)
        wp.atomic_add(grads.screen, m, job.faces[f, (side + 1) % 3], along * pull)
        count = count + 1
        f = next_face(boxes, bits, m, y, x, f, 32 * (last + 1))
