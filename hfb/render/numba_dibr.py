"""Compiled kernels: DIB-R's soft mask and its gradient."""

from __future__ import annotations

import math

import numpy as np

from hfb.render.numba_cache import inlined, kernel
from hfb.render.numba_records import (
    I32,
    ONE,
    TWO,
    ZERO,
    FrameState,
    Look,
    MeshArrays,
    NearFaces,
    Scratch,
)

_OPAQUE = np.float32(6e-8)
_DIVISION_GUARD = np.float32(1e-7)
_TINY = np.float32(1e-12)
_BIT = np.uint64(1)
_STRIDE = 56
"""Pixels looked at in one go: they fit one word wherever they start in it by up to 8."""


@kernel
def soften_by_faces(
    mesh: MeshArrays, look: Look, scratch: Scratch, state: FrameState, near: NearFaces
) -> int:
    """Fill `alpha` of a rasterised sub-frame with 1 - prod(1 - exp(-sigmainv d²)).

    The product runs over the first `knum` faces in index order whose enlarged boxes hold the pixel.
    Faces are visited in that order. A bit for each pixel that still takes faces lets them skip
    covered and finished ground at the price of a shift and a mask a row.

    Returns:
        How many entries of `near` were filled, or -1 if it was too short.
    """
    open_pixels(scratch, state)
    count = 0
    height, width = state.face_id.shape
    for f in range(mesh.faces.shape[0]):
        a, b, c = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        if not (state.screen[a, 2] > 0 and state.screen[b, 2] > 0 and state.screen[c, 2] > 0):
            continue
        ax, bx, cx = state.screen[a, 0], state.screen[b, 0], state.screen[c, 0]
        left = max(int(math.ceil(min(ax, bx, cx) - look.margin_x)), 1)
        right = min(int(math.floor(max(ax, bx, cx) + look.margin_x)), width - 2)
        ay, by, cy = state.screen[a, 1], state.screen[b, 1], state.screen[c, 1]
        top = max(int(math.ceil(min(ay, by, cy) - look.margin_y)), 1)
        bottom = min(int(math.floor(max(ay, by, cy) + look.margin_y)), height - 2)
        for y in range(top, bottom + 1):
            start = left
            while start <= right:
                stride = min(right + 1 - start, _STRIDE)
                bits = read_bits(scratch.open_bits, y, start, stride)
                x = start
                while bits != 0:
                    if bits & _BIT:
                        if count >= len(near.pixel):
                            return -1
                        half_edge, probability = nearest_edge(f, x, y, mesh.faces, look, state)
                        near.pixel[count] = y * width + x
                        near.half_edge[count] = half_edge
                        near.probability[count] = probability
                        count += 1
                        take_face(x, y, probability, look.knum, scratch, state)
                    bits >>= _BIT
                    x += 1
                start += stride
    for y in range(state.box[0], state.box[1]):
        for x in range(state.box[2], state.box[3]):
            state.alpha[y, x] = ONE if state.face_id[y, x] >= 0 else ONE - state.alpha[y, x]
    return count


@inlined
def open_pixels(scratch: Scratch, state: FrameState) -> None:
    """Start with transparency 1 (kept in `alpha`) and every uncovered pixel of the box open."""
    for y in range(state.box[0], state.box[1]):
        for word in range(scratch.open_bits.shape[1]):
            scratch.open_bits[y, word] = 0
        for x in range(state.box[2], state.box[3]):
            state.alpha[y, x] = ONE
            scratch.num_near[y, x] = 0
            if state.face_id[y, x] < 0:
                scratch.open_bits[y, x >> 6] |= _BIT << np.uint64(x & 63)


@inlined
def read_bits(open_bits: np.ndarray, y: int, start: int, stride: int) -> int:
    """The bits of `stride` ≤ 56 pixels from column `start` on, lowest bit first."""
    shift = start & 63
    bits = open_bits[y, start >> 6] >> np.uint64(shift)
    if shift + stride > 64:
        bits |= open_bits[y, (start >> 6) + 1] << np.uint64(64 - shift)
    return bits & ((_BIT << np.uint64(stride)) - _BIT)


@inlined
def take_face(
    x: int, y: int, probability: float, knum: int, scratch: Scratch, state: FrameState
) -> None:
    """Multiply one face into a pixel; close the pixel when it is full or opaque."""
    scratch.num_near[y, x] += 1
    state.alpha[y, x] *= ONE - probability
    if scratch.num_near[y, x] >= knum or state.alpha[y, x] < _OPAQUE:
        scratch.open_bits[y, x >> 6] &= ~(_BIT << np.uint64(x & 63))


@inlined
def nearest_edge(
    face: int, x: int, y: int, faces: I32, look: Look, state: FrameState
) -> tuple[int, float]:
    """The half-edge of a face nearest to a pixel and exp(-sigmainv d²)."""
    best, nearest = 3 * face, np.float32(np.inf)
    for corner in range(3):
        a, b = faces[face, corner], faces[face, (corner + 1) % 3]
        _, reach_x, reach_y = scaled_reach(x, y, a, b, look, state)
        distance2 = look.falloff_x * reach_x * reach_x + look.falloff_y * reach_y * reach_y
        if distance2 < nearest:
            best, nearest = 3 * face + corner, distance2
    return best, math.exp(-nearest)


@inlined
def scaled_reach(
    x: int, y: int, a: int, b: int, look: Look, state: FrameState
) -> tuple[float, float, float]:
    """Nearest point of edge a-b, where x and y count differently, and the vector from it."""
    kx, ky = look.falloff_x, look.falloff_y
    ax, ay = state.screen[a, 0], state.screen[a, 1]
    edge_x, edge_y = state.screen[b, 0] - ax, state.screen[b, 1] - ay
    dx, dy = np.float32(x) - ax, np.float32(y) - ay
    length2 = kx * edge_x * edge_x + ky * edge_y * edge_y + _TINY
    along = min(max((kx * dx * edge_x + ky * dy * edge_y) / length2, ZERO), ONE)
    return along, dx - along * edge_x, dy - along * edge_y


@kernel
def soften_by_faces_backward(
    mesh: MeshArrays,
    look: Look,
    scratch: Scratch,
    state: FrameState,
    near: NearFaces,
    count: int,
) -> None:
    """Add the mask's gradient (`scratch.alpha_grad`) to `scratch.screen_grad`.

    d mask / d(d²) = -sigmainv (1 - mask) p / (1 - p), as in DIB-R with its guard against p = 1.
    """
    width = state.face_id.shape[1]
    for k in range(count):
        y = near.pixel[k] // width
        x = near.pixel[k] - y * width
        transparency = ONE - state.alpha[y, x]
        grad = scratch.alpha_grad[y, x]
        if transparency < _OPAQUE or grad == ZERO:
            continue
        probability = near.probability[k]
        factor = -TWO * grad * transparency * probability / (ONE - probability + _DIVISION_GUARD)
        face, corner = near.half_edge[k] // 3, near.half_edge[k] % 3
        a, b = mesh.faces[face, corner], mesh.faces[face, (corner + 1) % 3]
        along, reach_x, reach_y = scaled_reach(x, y, a, b, look, state)
        pull_x, pull_y = factor * look.falloff_x * reach_x, factor * look.falloff_y * reach_y
        scratch.screen_grad[a, 0] -= (ONE - along) * pull_x
        scratch.screen_grad[a, 1] -= (ONE - along) * pull_y
        scratch.screen_grad[b, 0] -= along * pull_x
        scratch.screen_grad[b, 1] -= along * pull_y
