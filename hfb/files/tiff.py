"""The tags of a TIFF file's first image, which Pillow and OpenCV read but do not both tell."""

from __future__ import annotations

import struct
from dataclasses import dataclass

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
SAMPLE_FORMAT, DNG_VERSION = 339, 50706
UNSIGNED, SIGNED = 1, 2  # sample formats
LOG_LUV = 32845  # a photometric interpretation: floats in disguise
# struct's letters of the types that hold whole numbers: BYTE, SHORT, LONG, LONG8.
_LETTERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True)
class Tag:
    """The first number of a tag.

    Attributes:
        value: the number.
        place: where it stands in the file, bytes.
        form: how it is written, for struct.
    """

    value: int
    place: int
    form: str


def tiff_tags(data: bytes) -> dict[int, Tag]:
    """Tags that hold whole numbers, by their numbers; empty if it is no TIFF or damaged.

    Args:
        data: the file, TIFF or BigTIFF.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return {}
    try:
        return _read_directory(data, order)
    except struct.error:
        return {}


def without_orientation(data: bytes) -> bytes:
    """The same file, its rows and columns in the order in which they are stored.

    OpenCV turns some kinds of TIFF as their orientation asks, others not, some versions none.

    Args:
        data: a TIFF file.
    """
    tag = tiff_tags(data).get(ORIENTATION)
    if tag is None:
        return data
    return b"".join(
        (data[: tag.place], struct.pack(tag.form, 1), data[tag.place + struct.calcsize(tag.form) :])
    )


def _read_directory(data: bytes, order: str) -> dict[int, Tag]:
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    pointer, count_form, size = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    (start,) = struct.unpack_from(order + pointer, data, 8 if is_big else 4)
    (num_tags,) = struct.unpack_from(order + count_form, data, start)
    start += struct.calcsize(order + count_form)
    tags = {}
    for place in range(start, start + size * min(num_tags, 1000), size):
        number, kind, count = struct.unpack_from(order + "HH" + pointer, data, place)
        if kind not in _LETTERS or count == 0:
            continue
        form = order + _LETTERS[kind]
        value = place + size - struct.calcsize(order + pointer)
        if count * struct.calcsize(form) > struct.calcsize(order + pointer):
            (value,) = struct.unpack_from(order + pointer, data, value)
        tags[number] = Tag(struct.unpack_from(form, data, value)[0], value, form)
    return tags
