"""PNG files, 8 or 16 bit."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.storage import atomic_write


def write_image(path: str | Path, image: Float[Tensor, "C H W"], bits: Literal[8, 16] = 8) -> None:
    """Write an image as PNG, whole or not at all.

    Not in the paper: plain output. Values outside [0, 1] are clamped; rounding is to nearest, so
    reading back differs by at most half a step (1/510 or 1/131070).

    Args:
        path: file name ending in .png.
        image: one (grey) or three (RGB) channels in [0, 1]; the values are written as they are,
            give sRGB where a viewer shall show it.
        bits: bits per channel.

    Raises:
        InputError: if the name does not end in .png, the image holds NaN or no pixels, or the
            folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"images are written as PNG: {path.name} should end in .png")
    if image.shape[0] not in (1, 3) or image.numel() == 0:
        raise InputError(f"an image needs 1 or 3 channels and some pixels, got {_size(image)}")
    if not bool(torch.isfinite(image).all()):
        raise InputError(f"the image for {path.name} holds NaN or infinity")
    encoded = encode_png(image, bits)
    with atomic_write(path) as part:
        part.write_bytes(encoded)


def encode_png(image: Float[Tensor, "C H W"], bits: Literal[8, 16] = 8) -> bytes:
    """The bytes of a PNG file.

    Args:
        image: one (grey) or three (RGB) channels in [0, 1], clamped.
        bits: bits per channel.

    Returns:
        A whole PNG file.
    """
    array = quantise(image, bits)
    # OpenCV is used because Pillow cannot write 16-bit RGB; it keeps channels as BGR
    array = np.ascontiguousarray(array[..., ::-1])
    done, encoded = cv2.imencode(".png", array)
    assert done, "OpenCV refused a plain uint8/uint16 array"
    return encoded.tobytes()


def quantise(image: Float[Tensor, "C H W"], bits: Literal[8, 16] = 8) -> np.ndarray:
    """Float channels-first to integer channels-last.

    Args:
        image: values in [0, 1], clamped.
        bits: 8 or 16.

    Returns:
        uint8 or uint16 array (H, W, C).
    """
    top = 2**bits - 1
    values = image.detach().cpu()
    if bits == 16:  # 65535 · x + .5 is at the edge of what float32 resolves
        values = values.double()
    values = values.clamp(0, 1).mul_(top).round_()
    return values.permute(1, 2, 0).numpy().astype(np.uint8 if bits == 8 else np.uint16)


def _size(image: Tensor) -> str:
    return " x ".join(str(n) for n in image.shape)
