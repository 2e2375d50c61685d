"""Formats that need a package of their own: HEIC of phones, cameras' RAW."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image

from hfb.errors import InputError
from hfb.files import tiff
from hfb.files.memory import check_memory
from hfb.formation import linear_to_srgb
from hfb.storage import utf8_path

RAW_SUFFIXES = (
    ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".raf", ".orf", ".rw2", ".pef", ".srw",
)  # fmt: skip
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
# What follows `ftyp` at the beginning of a HEIF file that holds HEVC images.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Transfer curves of HDR, by their numbers in ITU-T H.273.
_HDR_CURVES = {16: "PQ", 18: "HLG"}


def is_heic(head: bytes) -> bool:
    """True if a file that begins so is a HEIC image.

    Args:
        head: its first bytes, at least 12.
    """
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def is_raw(path: Path) -> bool:
    """True if a file is a camera's RAW: by its name, or by a tag of DNG.

    Pillow would take the preview in it for the image.

    Args:
        path: the file.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(2) in (b"II", b"MM") and tiff.DNG_VERSION in tiff.tiff_tags(
            path.read_bytes()
        )


def raw_exposure_time(path: Path) -> float:
    """The shutter time that the camera noted, s; 0 if it did not.

    Args:
        path: a RAW file.
    """
    rawpy = _package("rawpy", "raw", path)
    with utf8_path(path) as name, rawpy.imread(str(name)) as raw:
        return float(raw.other.shutter_speed)


def open_heic(path: Path) -> Image.Image:
    """Open a HEIC image; libheif turns it as its own boxes ask, so EXIF's turn is not done again.

    Args:
        path: the file.

    Raises:
        InputError: if the package for it is missing, or the image is HDR.
    """
    heif = _package("pillow_heif", "heic", path)
    image = heif.open_heif(path, convert_hdr_to_8bit=True)
    curve = (image.info.get("nclx_profile") or {}).get("transfer_characteristics")
    if curve in _HDR_CURVES:
        raise InputError(
            f"the image {path} is HDR ({_HDR_CURVES[curve]}): its values are not sRGB; export it "
            "in standard range, as JPEG or PNG"
        )
    return image.to_pillow()


def read_raw(path: Path) -> np.ndarray:
    """Develop a camera's RAW file so that linearising gives the sensor's light.

    White balance is the camera's; no brightening and no contrast; what the sensor clipped is 1.

    Args:
        path: the file.

    Returns:
        float32 (H, W, 3), sRGB in [0, 1], upright.

    Raises:
        InputError: if the package for it is missing, or it cannot be read.
    """
    rawpy = _package("rawpy", "raw", path)
    try:
        with utf8_path(path) as name, rawpy.imread(str(name)) as raw:
            check_memory(raw.sizes.height, raw.sizes.width, name=f"the image {path}")
            light = raw.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                # By default LibRaw takes the brightest pixel for white: photo and background would
                # be scaled differently.
                adjust_maximum_thr=0.0,
                use_camera_wb=True,
                highlight_mode=rawpy.HighlightMode.Clip,
                output_color=rawpy.ColorSpace.sRGB,
                output_bps=16,
            )
    except rawpy.LibRawError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"cannot read the RAW image {path}: {reason}; is it whole?") from error
    return encoded_light(light)


def encoded_light(light: np.ndarray) -> np.ndarray:
    """What linearises to the given light.

    Args:
        light: uint16, linear.

    Returns:
        float32 sRGB in [0, 1].
    """
    levels = torch.arange(2**16, dtype=torch.float64) / (2**16 - 1)
    return linear_to_srgb(levels).float().numpy()[light]


def _package(name: str, extra: str, path: Path) -> ModuleType:
    """The module, or an error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"the image {path} needs the package {module_title(name)}: install it with pip install "
            f"'.[{extra}]' (or pip install {module_title(name)}), or convert the image to PNG or "
            "JPEG"
        ) from error


def module_title(name: str) -> str:
    """A module's name as pip knows it."""
    return name.replace("_", "-")
