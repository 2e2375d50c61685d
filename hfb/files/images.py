"""The user's images and mattes; every fault is one clear line."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from hfb.errors import InputError
from hfb.files.memory import check_memory

DEEP_FORMATS = ("PNG", "TIFF")  # those that may hold more than 8 bits, which Pillow would cut


def read_image(path: str | Path) -> Float[Tensor, "3 H W"]:
    """Read an image as the camera's owner sees it.

    PNG, JPEG, TIFF and whatever else Pillow opens; 8 or 16 bits; the EXIF orientation is obeyed;
    grey becomes RGB; an alpha channel is dropped. The values are kept as stored: sRGB is assumed.

    Args:
        path: the file.

    Returns:
        RGB in [0, 1].

    Raises:
        InputError: if the file is missing, no image, cut off, empty, too large for the memory, or
            holds NaN; says which file.
    """
    array = _read_array(existing_file(path, "image"))
    colour = array[..., :3] if array.shape[-1] >= 3 else array[..., :1].repeat(3, axis=-1)
    return _unit_range(colour, Path(path))


def read_matte(path: str | Path, height: int, width: int) -> Float[Tensor, "1 H W"]:
    """Read the share of the exposure during which the person covers each pixel.

    A grey image is taken as it is; of an image with an alpha channel (a cut-out) the alpha.

    Args:
        path: the file, 8 or 16 bits.
        height: rows of the blurry image.
        width: columns of the blurry image.

    Returns:
        Matte in [0, 1].

    Raises:
        InputError: as `read_image`; also if the size is not the image's or nothing is covered.
    """
    array = _read_array(existing_file(path, "alpha matte"))
    # grey + alpha and RGBA hold it last, grey first; the channels of a grey RGB are all the same
    channel = array[..., -1:] if array.shape[-1] in (2, 4) else array[..., :1]
    matte = _unit_range(channel, Path(path))
    if matte.shape[-2:] != (height, width):
        raise InputError(
            f"the alpha matte {path} is {size_text(matte)} px, but the image is {width} x {height} "
            "px; they must have the same size"
        )
    if not bool((matte > 0).any()):
        raise InputError(f"the alpha matte {path} is empty: no pixel is covered by the person")
    return matte


def read_exposure_time(path: str | Path) -> float | None:
    """The shutter time that the camera noted in the image's EXIF data.

    Args:
        path: an image.

    Returns:
        Seconds; None if there is none.
    """
    try:
        with _open_image(Path(path)) as image:
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
        raise InputError(f"cannot read the {what} {path}: {kind} (looked for {path.resolve()})")
    return path


def size_text(image: Tensor) -> str:
    """Width x height, as people say it."""
    return f"{image.shape[-1]} x {image.shape[-2]}"


def _read_array(path: Path) -> np.ndarray:
    """The stored numbers (H, W, C), upright; RGB order."""
    try:
        array, orientation = _decode(path)
    except InputError:
        raise
    except Exception as error:  # decoders meet damaged files with whatever error they run into
        reason = " ".join(str(error).split())
        raise InputError(f"cannot read the image {path}: {reason}; is it whole?") from error
    return _upright(array if array.ndim == 3 else array[..., None], orientation)


def _decode(path: Path) -> tuple[np.ndarray, int]:
    """The stored numbers, and how they must be turned (EXIF's orientation 1 … 8)."""
    try:
        opened = _open_image(path)
    except UnidentifiedImageError as error:
        return _read_float_tiff(path, error), 1
    with opened as image:
        check_memory(image.height, image.width)
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        deep = _read_deep(path) if image.format in DEEP_FORMATS else None
        return np.asarray(_plain_mode(image)) if deep is None else deep, orientation


def _open_image(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # Large images are judged by the memory check, not by Pillow's fixed limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path)


def _plain_mode(image: Image.Image) -> Image.Image:
    """8 bits a channel, alpha kept where there is one."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _read_deep(path: Path) -> np.ndarray | None:
    """A 16-bit or float image through OpenCV; None if it has 8 bits."""
    # Not by its name: OpenCV knows only some, and crashes at others.
    content = np.fromfile(path, np.uint8)
    array = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if array is None or array.dtype == np.uint8:
        return None
    array = array if array.ndim == 3 else array[..., None]
    order = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[array.shape[-1]]
    return array[..., order]


def _read_float_tiff(path: Path, error: Exception) -> np.ndarray:
    """What Pillow does not know at all: floating-point RGB TIFF."""
    if path.stat().st_size == 0:
        raise InputError(f"the image {path} is an empty file") from error
    array = _read_deep(path) if path.suffix.lower() in (".tif", ".tiff") else None
    if array is None:
        raise InputError(
            f"cannot read the image {path}: not a format that is known here; convert it to PNG "
            "or JPEG"
        ) from error
    return array


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror as the EXIF orientation 1 … 8 asks."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)  # 5 is the transposed image; the others flip it besides
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def _unit_range(array: np.ndarray, path: Path) -> Float[Tensor, "C H W"]:
    """Integers by their range, floats as they are; channels first."""
    if array.size == 0:
        raise InputError(f"the image {path} has no pixels")
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 1.0
    values = np.ascontiguousarray(array.transpose(2, 0, 1)).astype(np.float32) / np.float32(top)
    if not np.isfinite(values).all():
        raise InputError(f"the image {path} holds NaN or infinity")
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"the image {path} holds values from {values.min():g} to {values.max():g}; floats "
            "should be sRGB in [0, 1]"
        )
    return torch.from_numpy(values)
