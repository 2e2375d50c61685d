"""Colours of images whose profile is not sRGB: Display P3 of phones, Adobe RGB, ProPhoto."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms

from hfb.files.primaries import ADOBE_RGB, matrix_to_srgb
from hfb.formation import linear_to_srgb

_logger = logging.getLogger("hfb")
Curve = Callable[[np.ndarray], np.ndarray]
# sRGB's primaries as profiles give them: adapted to the white of prints, D50 (ICC.1:2010, annex E).
_SRGB_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
# How far a profile may be from sRGB that is taken for it, of 1: half an 8-bit step.
_SAME = 0.002
# Pillow's modes and the spaces of profiles that belong to them.
_MODES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY", "LAB": "Lab"}
_ROWS = 512  # converted at once: copies of a large image in floats would fill the memory


@dataclass(frozen=True)
class RgbSpace:
    """A space of RGB values.

    Attributes:
        curves: from values to light, of red, green and blue.
        matrix: (3, 3), from its light to sRGB's.
    """

    curves: tuple[Curve, Curve, Curve]
    matrix: np.ndarray

    @property
    def is_srgb(self) -> bool:
        """True if nothing would change that can be seen."""
        values = np.linspace(0.0, 1.0, 256)
        apart = [np.abs(_encode(curve(values)) - values).max() for curve in self.curves]
        return bool(max(*apart, np.abs(self.matrix - np.eye(3)).max()) < _SAME)


def colour_space(image: Image.Image) -> RgbSpace | None:
    """The space of an opened image's RGB values; None for sRGB, and for what tells nothing.

    Args:
        image: as opened.
    """
    profile = image.info.get("icc_profile")
    if profile:
        space = space_of(profile)
    elif _is_adobe(image):
        space = _power_law(563 / 256, matrix_to_srgb(ADOBE_RGB))
    elif "srgb" not in image.info and abs(_png_gamma(image) * 2.2 - 1.0) > 0.05:
        space = _power_law(1.0 / _png_gamma(image), np.eye(3))
    else:
        return None
    return None if space is None or space.is_srgb else space


def _png_gamma(image: Image.Image) -> float:
    """What PNG says about its curve; 1/2.2, which stands for sRGB, where it says nothing."""
    return float(image.info.get("gamma") or 1 / 2.2) if image.format == "PNG" else 1 / 2.2


def _is_adobe(image: Image.Image) -> bool:
    """Cameras that are set to Adobe RGB add no profile, but EXIF's interoperability index R03."""
    try:
        index = image.getexif().get_ifd(ExifTags.IFD.Interop).get(1, "")
    except KeyError:  # Pillow 12, where an image has none
        return False
    return str(index).strip("\0") == "R03"


def _power_law(gamma: float, matrix: np.ndarray) -> RgbSpace:
    def curve(values: np.ndarray) -> np.ndarray:
        return values**gamma

    return RgbSpace((curve, curve, curve), matrix)


def engine_rgb(image: Image.Image, path: Path | None = None) -> Image.Image | None:
    """Convert to sRGB an image whose profile works with tables or is of other inks than RGB.

    Args:
        image: a loaded image.
        path: its file, for the warning.

    Returns:
        An RGB image; None where there is no such profile, or it cannot be used.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "LAB" and not profile:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if not profile or space_of(profile) is not None:
        return None
    if image.mode in ("P", "RGBA", "RGBX"):
        image = image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _MODES.get(image.mode):
            return None
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        _warn_of_profile(path, " ".join(str(error).split()))
        return None


def check_deep_profile(image: Image.Image, path: Path | None = None) -> None:
    """Warn if a profile is one that can be used for 8 bits only.

    Args:
        image: with more than 8 bits a channel.
        path: its file, for the warning.
    """
    profile = image.info.get("icc_profile")
    if profile and profile[16:20] != b"GRAY" and space_of(profile) is None:
        _warn_of_profile(path, "it works with tables, which is known for 8 bits only")


def _warn_of_profile(path: Path | None, reason: str) -> None:
    _logger.warning(
        "the colour profile of %s cannot be used (%s): its values are taken for sRGB",
        path or "an image",
        reason,
    )


def to_srgb(array: np.ndarray, space: RgbSpace) -> np.ndarray:
    """The same colours as sRGB values; those beyond sRGB's are cut off.

    Args:
        array: (H, W, 3 or 4) uint8, uint16, or floats in [0, 1]; a fourth channel stays.
        space: of the values.

    Returns:
        float32 (H, W, 3 or 4) in [0, 1].
    """
    is_whole = array.dtype.kind == "u"
    top = float(np.iinfo(array.dtype).max) if is_whole else 1.0
    tables = [curve(np.arange(int(top) + 1) / top) for curve in space.curves] if is_whole else []
    result = np.empty(array.shape, np.float32)
    for start in range(0, len(array), _ROWS):
        part = array[start : start + _ROWS]
        channels = [
            tables[k][part[..., k]] if is_whole else curve(part[..., k].clip(0, 1))
            for k, curve in enumerate(space.curves)
        ]
        light = np.stack(channels, axis=-1) @ space.matrix.T
        result[start : start + _ROWS, :, :3] = _encode(light.clip(0.0, 1.0))
        result[start : start + _ROWS, :, 3:] = part[..., 3:] / top
    return result


def _encode(light: np.ndarray) -> np.ndarray:
    return linear_to_srgb(torch.from_numpy(np.ascontiguousarray(light))).numpy()


def space_of(profile: bytes) -> RgbSpace | None:
    """What a profile of three primaries and three curves says.

    Args:
        profile: an ICC profile.

    Returns:
        The space; None if the profile works with tables, is not of RGB, or damaged.
    """
    try:
        tags = _tags(profile)
        if profile[16:20] != b"RGB " or b"A2B0" in tags:
            return None
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        matrix = np.linalg.solve(_SRGB_D50, np.array(columns).T)
    except (KeyError, IndexError, ValueError, struct.error, np.linalg.LinAlgError):
        return None
    return RgbSpace((red, green, blue), matrix)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    rows = [struct.unpack_from(">4sII", profile, 132 + 12 * k) for k in range(min(count, 200))]
    return {name: profile[place : place + size] for name, place, size in rows}


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(number / 65536 for number in struct.unpack_from(">3i", tag, 8))


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        table = np.array(struct.unpack_from(f">{count}H", tag, 12), dtype=np.float64)
        if count == 0:
            return lambda values: values
        if count == 1:
            return lambda values: values ** (table[0] / 256)
        return lambda values: np.interp(values, np.linspace(0, 1, count), table / 65535)
    if tag[:4] != b"para":
        raise ValueError("a curve of unknown kind")
    kind = struct.unpack_from(">H", tag, 8)[0]
    numbers = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
    return _parametric(*(number / 65536 for number in numbers))


def _parametric(
    g: float,
    a: float = 1.0,
    b: float = 0.0,
    c: float = 0.0,
    d: float | None = None,
    e: float = 0.0,
    f: float = 0.0,
) -> Curve:
    """ICC.1:2010, table 65, all five kinds: a power law above a knee, a line or constant below."""

    def power(values: np.ndarray) -> np.ndarray:
        return np.maximum(a * values + b, 0.0) ** g

    if d is None:
        return lambda values: power(values) + c
    knee = d
    return lambda values: np.where(values >= knee, power(values) + e, c * values + f)
