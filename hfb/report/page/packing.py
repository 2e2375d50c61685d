"""Images and arrays as text that a page can hold."""

from __future__ import annotations

import base64
import io
import zlib
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from hfb.export import quantise

QUALITY = 78
"""Of WebP: 5 to 10 kB for a picture of 360 px, without blocks that one would see."""
THUMBNAIL_SIZE = 112
"""Longer side, px."""
_EFFORT = 2
"""Of 6; more takes longer than rendering the picture."""


def picture(image: Float[Tensor, "3 h w"]) -> str:
    """An sRGB image in [0, 1] as the address of itself, WebP."""
    return address(_webp(Image.fromarray(quantise(image))))


def address(webp: bytes) -> str:
    """A stored WebP image as the address of itself."""
    return f"data:image/webp;base64,{_text(webp)}"


def thumbnail(picture: str) -> bytes:
    """What `picture` got, small enough for hundreds on a page, as WebP.

    Args:
        picture: address of an image.
    """
    image = Image.fromarray(pixels(picture))
    image.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE))
    return _webp(image)


def _webp(image: Image.Image) -> bytes:
    stored = io.BytesIO()
    image.save(stored, "WEBP", quality=QUALITY, method=_EFFORT)
    return stored.getvalue()


def packed(array: np.ndarray) -> str:
    """The bytes of an array, little-endian, deflated."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return _text(zlib.compress(ordered.tobytes(), 9))


def quantised(array: np.ndarray, step: float) -> str:
    """Numbers in steps of `step` as 16-bit integers, deflated."""
    return packed(np.clip(np.round(array / step), -32767, 32767).astype(np.int16))


def unpacked(text: str, kind: str) -> np.ndarray:
    """What `packed` got, without its shape.

    Args:
        text: of `packed`.
        kind: numpy's name of the numbers: `u2`.
    """
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.dtype(f"<{kind}"))


def pixels(address: str) -> np.ndarray:
    """What `picture` got, (h, w, 3), 0 to 255."""
    stored = io.BytesIO(base64.b64decode(address.partition(",")[2]))
    return np.asarray(Image.open(stored).convert("RGB"))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@lru_cache(maxsize=1)
def deflated(text: str) -> str:
    """Text, deflated."""
    return _text(zlib.compress(text.encode("utf-8"), 9))
