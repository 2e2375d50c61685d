"""The stored numbers of an image file, upright, whatever the format."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from hfb.errors import InputError
from hfb.files import tiff
from hfb.files.colour_profiles import (
    RgbSpace,
    check_deep_profile,
    colour_space,
    engine_rgb,
)
from hfb.files.extras import HEIC_SUFFIXES, is_heic, is_raw, open_heic, read_raw
from hfb.files.memory import check_memory

# Formats of which Pillow would cut more than 8 bits, so OpenCV reads them then.
DEEP_FORMATS = ("PNG", "TIFF")
# Formats whose further images are as good as the first; what else holds several (JPEG with a
# gain map, HEIC with a depth map) has a main one.
_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
_REDUCED = 254  # TIFF's tag whose lowest bit marks a small copy of another page


@dataclass(frozen=True)
class Stored:
    """An image as stored.

    Attributes:
        array: (H, W, C) upright; whole numbers or floats; RGB order, grey or alpha as in the file.
        space: of its RGB values, where they are not sRGB.
    """

    array: np.ndarray
    space: RgbSpace | None = None


def read_stored(path: Path, as_colours: bool = True) -> Stored:
    """Decode an image.

    Args:
        path: the file.
        as_colours: False for mattes, whose numbers no profile may change.

    Raises:
        InputError: if it is no image, cut off, an animation, or too large for the memory.
    """
    try:
        if is_raw(path):
            return Stored(read_raw(path))
        with open_image(path) as image:
            return stored_of(image, path, as_colours)
    except UnidentifiedImageError as error:
        return _unknown_to_pillow(path, error)
    except InputError:
        raise
    except Exception as error:  # decoders meet damaged files with whatever error they run into
        reason = " ".join(str(error).split())
        raise InputError(f"cannot read the image {path}: {reason}; is it whole?") from error


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image with Pillow, which reads its header only.

    Args:
        path: the file.

    Raises:
        InputError: if it is HEIC and the package for it is missing.
    """
    with path.open("rb") as file:
        if is_heic(file.read(12)) or path.suffix.lower() in HEIC_SUFFIXES:
            yield open_heic(path)
            return
        file.seek(0)
        # A file object, not a path: Pillow maps files into memory, and then mixes up rows and
        # columns of grey TIFF that is to be turned.
        with _calm_pillow(), Image.open(file) as image:
            yield image


def stored_of(image: Image.Image, path: Path | None = None, as_colours: bool = True) -> Stored:
    """The numbers of an opened image.

    Args:
        image: as opened.
        path: its file; None if it has none.
        as_colours: False for mattes.

    Raises:
        InputError: if it is an animation, of a kind that cannot be read, or too large.
    """
    check_memory(image.height, image.width, name=f"the image {path or 'given'}")
    _check_single(image, path)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    space = colour_space(image) if as_colours else None
    deep = _read_deep(path) if path is not None and image.format in DEEP_FORMATS else None
    if deep is not None:
        if as_colours:
            check_deep_profile(image, path)
        return Stored(upright(deep, orientation), space)
    with _calm_pillow():
        image.load()
    # of TIFF Pillow has obeyed it while loading, and forgotten it
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    converted = engine_rgb(image, path) if as_colours else None
    array = _plain_array(image if converted is None else converted, path)
    return Stored(upright(array, orientation), space)


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror as the EXIF orientation 1 … 8 asks.

    Args:
        array: (H, W, C) as stored.
        orientation: 1 … 8; anything else counts as 1.
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)  # 5 is the transposed image; the others flip it besides
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


@contextmanager
def _calm_pillow() -> Iterator[None]:
    """Large images are judged by the memory check, and damaged ones by our own errors."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _calm_opencv() -> Iterator[None]:
    """Without OpenCV's own lines about damaged files on the terminal."""
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # versions 4 and 5
    before = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(before)


def _check_single(image: Image.Image, path: Path | None) -> None:
    if image.format not in _ANIMATED or getattr(image, "n_frames", 1) < 2:
        return
    count = sum(1 for _ in _pages(image)) if image.format == "TIFF" else image.n_frames  # type: ignore[attr-defined]
    if count > 1:
        way = (
            "save the page that is meant as a file of its own"
            if image.format == "TIFF"
            else "give it as a clip (--data.video), or save the frame that is meant as PNG"
        )
        raise InputError(f"the image {path or 'given'} holds {count} images: {way}")


def _pages(image: Image.Image) -> Iterator[int]:
    """Pages that are no small copies of others, as cameras and editors add them."""
    for page in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(page)
        if not int(image.tag_v2.get(_REDUCED, 0)) & 1:  # type: ignore[attr-defined]
            yield page
    image.seek(0)


def _plain_array(image: Image.Image, path: Path | None) -> np.ndarray:
    """8 or 16 bits a channel or floats, (H, W, C); alpha kept where there is one."""
    if image.mode.startswith("I"):
        array = np.asarray(image)
        if array.min() < 0 or array.max() > 2**16 - 1:
            raise _range_unknown(path)
        return array.astype(np.uint16)[..., None]
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "F"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def _is_of_unknown_range(tags: dict[int, tiff.Tag], bits: int) -> bool:
    if tiff.PHOTOMETRIC in tags and tags[tiff.PHOTOMETRIC].value == tiff.LOG_LUV:
        return False
    kind = tags[tiff.SAMPLE_FORMAT].value if tiff.SAMPLE_FORMAT in tags else tiff.UNSIGNED
    return kind == tiff.SIGNED or (kind == tiff.UNSIGNED and bits > 16)


def _range_unknown(path: Path | None) -> InputError:
    return InputError(
        f"the image {path or 'given'} holds signed or 32-bit whole numbers, of which nobody knows "
        "what white is; save it with 8 or 16 bits"
    )


def _read_deep(path: Path) -> np.ndarray | None:
    """A 16-bit or float PNG or TIFF through OpenCV, not turned; None if it has 8 bits or less."""
    data = path.read_bytes()
    tags = tiff.tiff_tags(data)
    bits = tags[tiff.BITS].value if tiff.BITS in tags else data[24]  # of PNG, behind the size
    if bits <= 8:
        return None
    if _is_of_unknown_range(tags, bits):
        raise _range_unknown(path)
    stored = np.frombuffer(tiff.without_orientation(data), np.uint8)
    with _calm_opencv():
        array = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
    if array is None:
        raise InputError(f"cannot read the image {path}: {bits} bits, damaged or of a rare kind")
    array = array if array.ndim == 3 else array[..., None]
    order = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[array.shape[-1]]
    return array[..., order]


def _unknown_to_pillow(path: Path, error: Exception) -> Stored:
    """Floating-point RGB TIFF, and what nobody knows."""
    data = path.read_bytes()
    if not data:
        raise InputError(f"the image {path} is an empty file") from error
    tags = tiff.tiff_tags(data)
    if not {tiff.WIDTH, tiff.HEIGHT, tiff.BITS} <= set(tags):
        raise InputError(
            f"cannot read the image {path}: not a format that is known here; convert it to PNG "
            "or JPEG"
        ) from error
    height, width = tags[tiff.HEIGHT].value, tags[tiff.WIDTH].value
    check_memory(height, width, name=f"the image {path}")
    try:
        array = _read_deep(path)
    except cv2.error as wrong:
        reason = " ".join(str(wrong).split())
        raise InputError(f"cannot read the image {path}: {reason}; is it whole?") from wrong
    if array is None:
        raise InputError(f"cannot read the image {path}: a kind of TIFF that is not known here")
    orientation = tags[tiff.ORIENTATION].value if tiff.ORIENTATION in tags else 1
    return Stored(upright(array, orientation))
