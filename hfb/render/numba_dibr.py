"""Compiled kernels: DIB-R's soft mask and its gradient."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    F32,
    HALF,
    I32,
    I64,
    ONE,
    TWO,
    U64,
    ZERO,
    FrameState,
    Look,
    MeshArrays,
    NearFaces,
    Scratch,
)
from hfb.render.numba_silhouette import first_pixel, last_pixel
from hfb.render.torch_silhouette import DIVISION_GUARD

_OPAQUE = np.float32(6e-8)
_DIVISION_GUARD = np.float32(DIVISION_GUARD)
_TINY = np.float32(1e-12)
_NEARLY_ONE = np.float32(0.9)
_SIXTH = np.float32(1 / 6)
_TWENTYFOURTH = np.float32(1 / 24)
_BIT = np.uint64(1)
_STRIDE = 56
"""Pixels looked at in one go; fewer than the 64 bits of a word, so that a mask never overflows."""


@kernel
def soften_by_faces(
    mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState, near: NearFaces
) -> bool:
    """Fill `transparency` of a rasterised sub-frame with prod(1 - exp(-sigmainv d²)).

    The product runs over the first `knum` faces in index order whose enlarged boxes hold the pixel.
    Faces are visited in that order. A bit for each pixel that still takes faces lets them skip
    covered and finished ground at the price of a shift and a mask a row.

    Returns:
        Whether `near` was long enough; if not, nothing is of use.
    """
    faces, open_bits, num_near = mesh.faces, scratch.open_bits, scratch.num_near
    screen, face_id, transparency = state.screen, state.face_id, state.transparency
    near_pixel, near_edge, near_probability = near.pixel, near.half_edge, near.probability
    kx, ky = look.falloff_x, look.falloff_y
    open_pixels(state.box, face_id, transparency, num_near, open_bits)
    count, room, width = 0, len(near_pixel), face_id.shape[1]
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if not (screen[a, 2] > ZERO and screen[b, 2] > ZERO and screen[c, 2] > ZERO):
            continue
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        left = first_pixel(min(ax, bx, cx) - look.margin_x)
        right = last_pixel(max(ax, bx, cx) + look.margin_x, width - 2)
        top = first_pixel(min(ay, by, cy) - look.margin_y)
        bottom = last_pixel(max(ay, by, cy) + look.margin_y, face_id.shape[0] - 2)
        is_ready, inverse_ab, inverse_bc, inverse_ca = False, ZERO, ZERO, ZERO
        for y in range(top, bottom + 1):
            for start in range(left, right + 1, _STRIDE):
                bits = read_bits(open_bits, y, start, min(right + 1 - start, _STRIDE))
                x = start
                while bits != 0:
                    if bits & _BIT:
                        if count >= room:
                            return False
                        if not is_ready:  # most faces never get here: all their pixels are covered
                            inverse_ab = inverse_length2(bx - ax, by - ay, kx, ky)
                            inverse_bc = inverse_length2(cx - bx, cy - by, kx, ky)
                            inverse_ca = inverse_length2(ax - cx, ay - cy, kx, ky)
                            is_ready = True
                        px, py, corner = np.float32(x), np.float32(y), 0
                        _, _, _, distance2 = scaled_reach(
                            px - ax, py - ay, bx - ax, by - ay, kx, ky, inverse_ab
                        )
                        _, _, _, other = scaled_reach(
                            px - bx, py - by, cx - bx, cy - by, kx, ky, inverse_bc
                        )
                        if other < distance2:
                            corner, distance2 = 1, other
                        _, _, _, other = scaled_reach(
                            px - cx, py - cy, ax - cx, ay - cy, kx, ky, inverse_ca
                        )
                        if other < distance2:
                            corner, distance2 = 2, other
                        probability = np.float32(math.exp(-distance2))
                        near_pixel[count] = y * width + x
                        near_edge[count] = 3 * f + corner
                        near_probability[count] = probability
                        count += 1
                        num_near[y, x] += 1
                        transparency[y, x] *= one_minus(probability, distance2)
                        if num_near[y, x] >= look.knum or transparency[y, x] < _OPAQUE:
                            open_bits[y, x >> 6] &= ~(_BIT << np.uint64(x & 63))
                    bits >>= _BIT
                    x += 1
    near.length[0] = count
    return True


@inlined
def open_pixels(box: I64, face_id: I32, transparency: F32, num_near: I32, open_bits: U64) -> None:
    """Start with transparency 1 and every uncovered pixel of the box open."""
    for y in range(box[0], box[1]):
        for word in range(open_bits.shape[1]):
            open_bits[y, word] = 0
        for x in range(box[2], box[3]):
            transparency[y, x] = ONE
            num_near[y, x] = 0
            if face_id[y, x] < 0:
                open_bits[y, x >> 6] |= _BIT << np.uint64(x & 63)


@inlined
def read_bits(open_bits: U64, y: int, start: int, stride: int) -> int:
    """The bits of `stride` pixels from column `start` on, lowest bit first."""
    shift = start & 63
    bits = open_bits[y, start >> 6] >> np.uint64(shift)
    if shift + stride > 64:
        bits |= open_bits[y, (start >> 6) + 1] << np.uint64(64 - shift)
    return bits & ((_BIT << np.uint64(stride)) - _BIT)


@inlined
def one_minus(probability: np.float32, distance2: np.float32) -> np.float32:
    """1 - exp(-x) given exp(-x): by its series where a difference would lose its digits."""
    if probability < _NEARLY_ONE:
        return ONE - probability
    x = distance2
    return x * (ONE - x * (HALF - x * (_SIXTH - x * _TWENTYFOURTH)))


@inlined
def clamp_to_unit(value: np.float32) -> np.float32:
    """Into [0, 1]; `min` and `max` compile to instructions, `if` to jumps that cost a quarter."""
    return min(max(value, ZERO), ONE)  # type: ignore[return-value]


@inlined
def inverse_length2(
    edge_x: np.float32, edge_y: np.float32, kx: np.float32, ky: np.float32
) -> np.float32:
    """1 / (kx x² + ky y²), finite for an edge without length."""
    return ONE / (kx * edge_x * edge_x + ky * edge_y * edge_y + _TINY)


@inlined
def scaled_reach(
    dx: np.float32,
    dy: np.float32,
    edge_x: np.float32,
    edge_y: np.float32,
    kx: np.float32,
    ky: np.float32,
    inverse: np.float32,
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Nearest point of an edge to a point at (dx, dy) from its start, with x and y scaled apart.

    Returns:
        Where it is on the edge (0 to 1), the vector from it, and kx x² + ky y² of this vector.
    """
    along = clamp_to_unit((kx * dx * edge_x + ky * dy * edge_y) * inverse)
    reach_x, reach_y = dx - along * edge_x, dy - along * edge_y
    return along, reach_x, reach_y, kx * reach_x * reach_x + ky * reach_y * reach_y


@kernel
def soften_by_faces_backward(
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    image_grad: F32,
    near: NearFaces,
) -> None:
    """Add the mask's part of the gradient of the (H, W) image to `scratch.screen_grad`.

    d mask / d(d²) = -sigmainv (1 - mask) p / (1 - p), as in DIB-R with its guard against p = 1.
    """
    faces, screen, transparency = mesh.faces, state.screen, state.transparency
    near_pixel, near_edge, near_probability = near.pixel, near.half_edge, near.probability
    screen_grad = scratch.screen_grad
    kx, ky, width = look.falloff_x, look.falloff_y, transparency.shape[1]
    last_edge, a, b = np.int32(-1), np.int32(0), np.int32(0)
    ax, ay, edge_x, edge_y, inverse = ZERO, ZERO, ZERO, ZERO, ZERO
    for k in range(near.length[0]):
        y = near_pixel[k] // width
        x = near_pixel[k] - y * width
        left_over, grad = transparency[y, x], look.weight * image_grad[y - 1, x - 1]
        if left_over < _OPAQUE or grad == ZERO:
            continue
        if near_edge[k] != last_edge:  # the pixels of one face follow each other
            last_edge = near_edge[k]
            face, corner = last_edge // 3, last_edge % 3
            a, b = faces[face, corner], faces[face, (corner + 1) % 3]
            ax, ay = screen[a, 0], screen[a, 1]
            edge_x, edge_y = screen[b, 0] - ax, screen[b, 1] - ay
            inverse = inverse_length2(edge_x, edge_y, kx, ky)
        along, reach_x, reach_y, distance2 = scaled_reach(
            np.float32(x) - ax, np.float32(y) - ay, edge_x, edge_y, kx, ky, inverse
        )
        probability = near_probability[k]
        rest = one_minus(probability, distance2) + _DIVISION_GUARD
        factor = -TWO * grad * left_over * probability / rest
        pull_x, pull_y = factor * kx * reach_x, factor * ky * reach_y
        screen_grad[a, 0] -= (ONE - along) * pull_x
        screen_grad[a, 1] -= (ONE - along) * pull_y
        screen_grad[b, 0] -= along * pull_x
        screen_grad[b, 1] -= along * pull_y


@kernel
def add_soft_mask(look: Look, state: FrameState, alpha: F32) -> None:
    """Add the silhouette where no face covers the pixel.

    The transparency is kept and not the silhouette: next to 1 that has lost the digits that the
    gradient needs.
    """
    box, transparency = state.box, state.transparency
    for y in range(max(box[0], 1), min(box[1], alpha.shape[0] + 1)):
        for x in range(max(box[2], 1), min(box[3], alpha.shape[1] + 1)):
            if state.face_id[y, x] < 0:
                alpha[y - 1, x - 1] += look.weight * (ONE - transparency[y, x])
