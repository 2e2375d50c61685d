"""A decoded frame as players show it: colours, pixel aspect, turns and mirrors."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
import torch

from datamodules.files.hdr import LINEAR, TO_BT709, light_of, transfer_name
from hfb.errors import InputError
from hfb.formation import linear_to_srgb

# FFmpeg's numbers of the matrices between YUV and RGB that its scaler knows; 0 stands for RGB.
_KNOWN_MATRICES = (0, 1, 2, 3, 4, 5, 6, 7, 9)
# What leans further than this out of the axes is no quarter turn: tan of 10 degrees.
_LEAN = 0.18
# White of video's limited range, 235 of 255, comes out of the scaler as this in 16 bits.
_LIMITED_WHITE = 255 * 256
_FULL_RANGE = 2


@dataclass(frozen=True)
class Look:
    """How the pixels of a stream are to be shown, besides what each frame says itself.

    Attributes:
        name: the clip, for errors.
        pixel_aspect: width of a pixel over its height.
        transfer: FFmpeg's number of the transfer curve (ITU-T H.273).
        primaries: FFmpeg's number of the colour primaries.
    """

    name: str
    pixel_aspect: Fraction
    transfer: int
    primaries: int

    @property
    def is_plain(self) -> bool:
        """True if values are sRGB as they are: of a standard-range clip, as FFmpeg takes them."""
        return transfer_name(self.transfer) is None and self.primaries not in TO_BT709


def look_of(stream: av.VideoStream, name: str) -> Look:
    """Read what a stream says about its look.

    Args:
        stream: an opened stream.
        name: the clip, for errors.

    Raises:
        InputError: if its transfer curve is one that cannot be converted.
    """
    context = stream.codec_context
    look = Look(
        name,
        Fraction(stream.sample_aspect_ratio or 1),
        int(context.color_trc),
        int(context.color_primaries),
    )
    if not look.is_plain:
        light_of(look.transfer, name)
    return look


def shown_frame(frame: av.VideoFrame, look: Look) -> np.ndarray:
    """The frame with square pixels, upright, in sRGB.

    Args:
        frame: as decoded.
        look: of its stream.

    Returns:
        uint8 array (H, W, 3).

    Raises:
        InputError: if its colour matrix is unknown, or it should be turned by no quarter turn.
    """
    if int(frame.colorspace) not in _KNOWN_MATRICES:
        raise InputError(
            f"the video {look.name} uses a colour matrix that is not known here (number "
            f"{int(frame.colorspace)} of ITU-T H.273); convert it to BT.709"
        )
    size = _square_pixels(frame, look.pixel_aspect)
    bits = max(component.bits for component in frame.format.components)
    if bits <= 8 and look.is_plain:
        array = _reformat(frame, "rgb24", size).to_ndarray()
    else:
        array = _deep_colours(frame, size, bits, look)
    return np.ascontiguousarray(_turned(array, frame, look.name))


def _reformat(frame: av.VideoFrame, form: str, size: tuple[int, int] | None) -> av.VideoFrame:
    if size is None:
        return frame.reformat(format=form)
    return frame.reformat(width=size[0], height=size[1], format=form, interpolation="BICUBIC")


def _square_pixels(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int] | None:
    """Width and height to stretch to, never to shrink; None if pixels are square already."""
    width, height = frame.width, frame.height
    if aspect > 1:
        width = round(width * aspect)
    elif 0 < aspect < 1:
        height = round(height / aspect)
    return None if (width, height) == (frame.width, frame.height) else (width, height)


def _deep_colours(
    frame: av.VideoFrame, size: tuple[int, int] | None, bits: int, look: Look
) -> np.ndarray:
    """More than 8 bits or other colours than sRGB's, through 16 bits."""
    codes = _reformat(frame, "gbrp16le", size).to_ndarray()  # in the order R, G, B
    form = frame.format
    is_full = form.is_rgb or form.name.startswith(("gray", "yuvj"))
    is_full = is_full or int(frame.color_range) == _FULL_RANGE
    white = (2**bits - 1) << (16 - bits) if is_full else _LIMITED_WHITE
    if look.is_plain:
        return np.rint(np.minimum(codes.astype(np.float32) * (255 / white), 255)).astype(np.uint8)
    light = _light_table(white, look.transfer)[codes]
    if look.primaries in TO_BT709:
        light = light @ TO_BT709[look.primaries].T.astype(np.float32)
    encoded = linear_to_srgb(torch.from_numpy(light.clip(0.0, 1.0)))
    return (encoded * 255).round().byte().numpy()


@cache
def _light_table(white: int, transfer: int) -> np.ndarray:
    signal = np.minimum(np.arange(2**16) / white, 1.0)
    return light_of(transfer, "")(signal).astype(np.float32)


def _turned(array: np.ndarray, frame: av.VideoFrame, name: str) -> np.ndarray:
    """Turned and mirrored as the display matrix asks.

    The matrix (9 numbers, rows [a b u; c d v; x y w]) shows the pixel (x, y) at
    (a x + c y, b x + d y): what exchanges the axes is a transposition, then signs are mirrors.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV meets something beside the image that it does not know
        return np.rot90(array, round(frame.rotation / 90) % 4)
    if matrix is None:
        return array
    a, b, _, c, d = struct.unpack_from("<5i", memoryview(matrix))  # type: ignore[arg-type]
    along, across = max(abs(a), abs(d)), max(abs(b), abs(c))
    if min(along, across) > _LEAN * max(along, across):
        raise InputError(
            f"the video {name} asks players to turn it by an angle that is no quarter turn; "
            "convert it so that it is stored as it is shown"
        )
    if across > along:
        array = array.swapaxes(0, 1)
        a, d = c, b
    if a < 0:
        array = array[:, ::-1]
    return array[::-1] if d < 0 else array


def is_hdr(look: Look) -> bool:
    """True if a clip's light goes beyond the white of standard range."""
    return transfer_name(look.transfer) not in (None, LINEAR)
