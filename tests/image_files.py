"""Image files that tests write byte by byte: TIFF of any kind, RAW, colour profiles."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMS = {BYTE: "B", ASCII: "B", 7: "B", SHORT: "H", LONG: "I", RATIONAL: "2I", SRATIONAL: "2i"}
Entry = tuple[int, int, tuple]  # tag, type, values


def write_tiff(path: Path, pages: list[tuple[np.ndarray, list[Entry]]], order: str = "<") -> Path:
    """A TIFF of uncompressed pages, each an array (H, W, C) with further tags."""
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    link = 4
    for array, further in pages:
        height, width, channels = array.shape
        start = len(data)
        data += np.ascontiguousarray(array).astype(array.dtype.newbyteorder(order)).tobytes()
        kind = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
        table = {
            256: (LONG, (width,)),
            257: (LONG, (height,)),
            258: (SHORT, (8 * array.dtype.itemsize,) * channels),
            259: (SHORT, (1,)),
            262: (SHORT, (2 if channels >= 3 else 1,)),
            273: (LONG, (start,)),
            277: (SHORT, (channels,)),
            278: (LONG, (height,)),
            279: (LONG, (len(data) - start,)),
            339: (SHORT, (kind,) * channels),
        }
        table.update({tag: (form, values) for tag, form, values in further})
        data += b"\0" * (len(data) % 2)
        data[link : link + 4] = struct.pack(order + "I", len(data))
        link = _write_directory(data, table, order)
    path.write_bytes(data)
    return path


def _write_directory(data: bytearray, table: dict[int, tuple[int, tuple]], order: str) -> int:
    """Append a page's tags; where the place of the next page will stand."""
    place = len(data) + 2 + 12 * len(table) + 4
    rows, beyond = b"", b""
    for tag, (kind, values) in sorted(table.items()):
        form = _FORMS[kind]
        flat = [n for v in values for n in (v if isinstance(v, tuple) else (v,))]
        packed = struct.pack(order + form[-1] * len(flat), *flat)
        if len(packed) > 4:
            offset = struct.pack(order + "I", place + len(beyond))
            beyond += packed + b"\0" * (len(packed) % 2)
            packed = offset
        rows += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    data += struct.pack(order + "H", len(table)) + rows
    link = len(data)
    data += b"\0\0\0\0" + beyond
    return link


def write_dng(
    path: Path,
    sensor: np.ndarray,
    orientation: int = 1,
    exposure: tuple[int, int] = (1, 30),
) -> Path:
    """A RAW file: red, green, green, blue (H, W) uint16; black 256, white 4096, its colours sRGB's.

    Its primaries are sRGB's and its white balance is neutral, so light is what the sensor counted.
    """
    from hfb.files.primaries import BT709, rgb_to_xyz

    rows = np.linalg.inv(rgb_to_xyz(BT709)).ravel()
    matrix = tuple((round(1e6 * value), 1000000) for value in rows)
    tags = [
        (254, LONG, (0,)),
        (262, SHORT, (32803,)),
        (271, ASCII, tuple(b"Maker\0")),
        (272, ASCII, tuple(b"Model\0")),
        (274, SHORT, (orientation,)),
        (33434, RATIONAL, (exposure,)),
        (33421, SHORT, (2, 2)),
        (33422, BYTE, (0, 1, 1, 2)),
        (50706, BYTE, (1, 4, 0, 0)),
        (50707, BYTE, (1, 1, 0, 0)),
        (50708, ASCII, tuple(b"Maker Model\0")),
        (50714, SHORT, (256,)),
        (50717, SHORT, (4096,)),
        (50721, SRATIONAL, matrix),
        (50728, RATIONAL, ((1, 1),) * 3),
        (50778, SHORT, (21,)),
    ]
    return write_tiff(path, [(sensor[..., None], tags)])


def icc_profile(
    columns: np.ndarray, curve: bytes, space: bytes = b"RGB ", further: bytes = b""
) -> bytes:
    """A display profile: XYZ (D50) of red, green, blue as columns (3, 3), one curve for all."""
    tags = [
        (name, b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in column)))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)
    ]
    white = struct.pack(">3i", *(round(65536 * v) for v in (0.9642, 1.0, 0.8249)))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC", b"kTRC")]
    tags += [(b"wtpt", b"XYZ \0\0\0\0" + white)]
    tags += [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78)]
    tags += [(b"cprt", b"text\0\0\0\0none\0")]
    tags += [(further, b"mft1" + b"\0" * 44)] if further else []
    table, body = b"", b""
    for name, content in tags:
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", 0, b"none", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp").ljust(68 - len(head), b"\0")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    whole = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def parametric_curve(*numbers: float) -> bytes:
    """`g` or `g a b c d …` as ICC profiles write them."""
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)]
    values = [round(Fraction(number) * 65536) for number in numbers]
    return b"para\0\0\0\0" + struct.pack(">2H", kind, 0) + struct.pack(f">{len(values)}i", *values)
