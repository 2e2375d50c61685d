"""The user's images; every fault is one clear line."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import ExifTags, Image
from torch import Tensor

from hfb.errors import InputError
from hfb.files.colour_profiles import to_srgb
from hfb.files.decode import Stored, open_image, read_stored, stored_of
from hfb.files.extras import is_raw, raw_exposure_time

_logger = logging.getLogger("hfb")


def read_image(path: str | Path) -> Float[Tensor, "3 H W"]:
    """Read an image as the camera's owner sees it.

    PNG, JPEG, TIFF and whatever else Pillow opens, HEIC and cameras' RAW with a package of their
    own; 8 or 16 bits or floats; the EXIF orientation is obeyed; colours of other profiles become
    sRGB's; grey becomes RGB; an alpha channel is dropped.

    Args:
        path: the file.

    Returns:
        sRGB in [0, 1].

    Raises:
        InputError: if the file is missing, no image, cut off, empty, an animation, too large for
            the memory, holds NaN, or needs a package that is missing; says which file.
    """
    path = existing_file(path, "image")
    return _as_rgb(read_stored(path), f"the image {path}")


def image_pixels(image: Image.Image, name: str) -> Float[Tensor, "3 H W"]:
    """The same of an image that was opened with Pillow.

    Args:
        image: as opened or made.
        name: for errors.

    Raises:
        InputError: as `read_image`.
    """
    return _as_rgb(stored_of(image), name)


def _as_rgb(stored: Stored, name: str) -> Float[Tensor, "3 H W"]:
    array = stored.array
    if array.shape[-1] in (2, 4) and bool((array[..., -1] < array[..., -1].max()).any()):
        _logger.warning("%s is see-through in places: what is hidden there is taken, too", name)
    colour = array[..., :3] if array.shape[-1] >= 3 else array[..., :1].repeat(3, axis=-1)
    if colour.size and colour.dtype == np.uint16 and 0 < colour.max() <= 255:
        raise InputError(
            f"{name} has 16 bits, but its largest value is {colour.max()} of 65535: if these are "
            "8-bit values, save it with 8 bits"
        )
    if stored.space is not None:
        colour = to_srgb(colour, stored.space)
    return unit_range(colour, name)


def read_exposure_time(path: str | Path) -> float | None:
    """The shutter time that the camera noted in the image's EXIF data.

    Args:
        path: an image.

    Returns:
        Seconds; None if there is none.
    """
    path = Path(path)
    try:
        if is_raw(path):
            return raw_exposure_time(path) or None
        with open_image(path) as image:
            value = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ExposureTime)
        seconds = float(value) if value else 0.0
    except Exception:  # damaged EXIF data raise all kinds of errors, and tell no time
        return None
    return seconds if np.isfinite(seconds) and seconds > 0 else None


def existing_file(path: str | Path, what: str) -> Path:
    """The path, if it is a file.

    Args:
        path: where to look.
        what: the word for it in the error.

    Returns:
        The path.

    Raises:
        InputError: if there is no file; says where we looked.
    """
    path = Path(path)
    if not path.is_file():
        kind = "it is a folder" if path.is_dir() else "no such file"
        raise InputError(f"cannot read the {what} {path}: {kind} (looked for {path.absolute()})")
    return path


def size_text(image: Tensor) -> str:
    """Width x height, as people say it."""
    return f"{image.shape[-1]} x {image.shape[-2]}"


def unit_range(array: np.ndarray, name: str, top: float | None = None) -> Float[Tensor, "C H W"]:
    """Integers by their range, floats as they are; channels first.

    Args:
        array: (H, W, C).
        name: for errors.
        top: what stands for 1; None: the largest number that fits.

    Raises:
        InputError: if there are no pixels, or values outside [0, 1].
    """
    if array.size == 0:
        raise InputError(f"{name} has no pixels")
    if top is None:
        top = float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 1.0
    values = np.ascontiguousarray(array.transpose(2, 0, 1)).astype(np.float32) / np.float32(top)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinity")
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"{name} holds values from {values.min():g} to {values.max():g}; floats should be "
            "sRGB in [0, 1]"
        )
    return torch.from_numpy(values)
