"""Compiled kernels: which faces enter the `dibr` mask of which pixel."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from hfb.render.numba.cache import inlined
from hfb.render.numba.records import F32, I32, I64, U8, U32, ZERO
from hfb.render.numba.silhouette import first_pixel, last_pixel

BLOCK = 8
"""Pixels along the side of a block whose 64 bits fill a word: about a face's box at 256 pixels."""
_BLOCK, _THREE, _ONE = np.uint64(BLOCK), np.uint64(3), np.uint64(1)
_LOW = np.uint64(BLOCK - 1)
_FULL = np.uint64(2**64 - 1)
_FIRST_COLUMN = np.uint64(0x0101010101010101)


def _lowest_bit(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        is_zero_undefined = context.get_constant(types.boolean, True)
        return builder.cttz(arguments[0], is_zero_undefined)

    return types.uint64(types.uint64), generate


lowest_bit: Any = intrinsic(inspect.unwrap(_lowest_bit))
"""The number of the lowest bit that is set, of an unsigned word that is not 0; numba has no name
for this instruction."""


@inlined
def list_near_faces(
    screen: F32,
    faces: U32,
    box: I64,
    face_id: I32,
    margin_x: np.float32,
    margin_y: np.float32,
    knum: int,
    open_ahead: U8,
    slot: I32,
    pixel: U32,
    count: U32,
    listed: U32,
) -> int:
    """List the first `knum` faces, by index, whose enlarged boxes hold an uncovered pixel.

    Faces are visited in that order. The bits of the pixels that still take faces are read a block
    at a time, so that a face with all its pixels covered or full costs no more than its box.

    Args:
        screen: (V, 3) grid position and inverse depth.
        faces: (F, 3).
        box: the part of the grid in use.
        face_id: grid.
        margin_x: enlargement of the boxes along x, px.
        margin_y: the same along y.
        knum: largest number of faces a pixel.
        open_ahead: room, see `open_pixels`.
        slot: room for a grid, flat.
        pixel: gets the flat index of each pixel that has faces, by slot.
        count: gets how many, by slot.
        listed: gets the faces; those of slot s begin at s * knum.

    Returns:
        How many slots are used; -1 if there were not enough.
    """
    height, width = face_id.shape
    stride, full = np.uint64(width), np.uint32(knum)
    num_slots, room = 0, len(count)
    open_pixels(box, face_id, open_ahead, slot)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if not ((screen[a, 2] > ZERO) & (screen[b, 2] > ZERO) & (screen[c, 2] > ZERO)):
            continue
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        left = first_pixel(min(ax, bx, cx) - margin_x)
        right = last_pixel(max(ax, bx, cx) + margin_x, width - 2)
        top = first_pixel(min(ay, by, cy) - margin_y)
        bottom = last_pixel(max(ay, by, cy) + margin_y, height - 2)
        for y in range(top, bottom + 1, BLOCK):
            for x in range(left, right + 1, BLOCK):
                corner = np.uint64(y) * stride + np.uint64(x)
                bits = read_block(
                    open_ahead,
                    corner,
                    stride,
                    min(bottom + 1 - y, BLOCK),
                    min(right + 1 - x, BLOCK),
                )
                # Written out: adding a face by a function of its own took half as long again.
                while bits != 0:
                    bit = lowest_bit(bits)
                    bits &= bits - _ONE
                    place = corner + (bit >> _THREE) * stride + (bit & _LOW)
                    own = slot[place]
                    if own < 0:
                        if num_slots == room:
                            return -1
                        own = num_slots
                        slot[place], pixel[own], count[own] = own, place, 0
                        num_slots += 1
                    own_count = count[np.uint64(own)]
                    listed[np.uint64(own) * np.uint64(knum) + own_count] = f
                    count[np.uint64(own)] = own_count + np.uint32(1)
                    if own_count + np.uint32(1) == full:
                        close_pixel(open_ahead, place, x + int(bit & _LOW))
    return num_slots


@inlined
def open_pixels(box: I64, face_id: I32, open_ahead: U8, slot: I32) -> None:
    """Open every uncovered pixel of the box.

    Args:
        box: first and last-plus-one row, then column.
        face_id: grid.
        open_ahead: grid and `BLOCK` more rows, flat: bit k of a pixel's byte tells whether the
            pixel k columns further takes faces.
        slot: grid, flat: -1.
    """
    width = face_id.shape[1]
    for y in range(box[0], box[1]):
        byte = np.uint8(0)
        for i in range(box[3] - box[2]):
            x = box[3] - 1 - i
            byte = np.uint8((byte << 1) | (face_id[y, x] < 0))
            open_ahead[y * width + x] = byte
            slot[y * width + x] = -1


@inlined
def read_block(
    open_ahead: U8, corner: np.uint64, stride: np.uint64, rows: int, columns: int
) -> np.uint64:
    """Which pixels of a block are open, row by row, 8 bits each.

    Always reads 8 rows: their loads, unlike a loop of unknown length, overlap.
    """
    bits = np.uint64(0)
    for row in range(BLOCK):
        line = np.uint64(row)
        bits |= np.uint64(open_ahead[corner + line * stride]) << (line << _THREE)
    in_columns = ((_ONE << np.uint64(columns)) - _ONE) * _FIRST_COLUMN
    return bits & in_columns & (_FULL >> np.uint64(64 - BLOCK * rows))


@inlined
def close_pixel(open_ahead: U8, place: np.uint64, x: int) -> None:
    """Take no more faces at a pixel: clear its bit in the bytes of the pixels before it."""
    for k in range(min(x + 1, BLOCK)):
        open_ahead[place - np.uint64(k)] &= np.uint8(255 - (1 << k))
