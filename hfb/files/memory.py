"""Refuse what does not fit before it is loaded."""

from __future__ import annotations

import os
from pathlib import Path

from hfb.errors import InputError

# Per pixel of one input frame: the photo, the background, the matte, linear-light copies and the
# matting's own work, 32-bit floats. The fit itself works on a crop of fixed size.
BYTES_PER_PIXEL = 100
# Colour, silhouette and their gradients; a texel with its moments and neighbours.
BYTES_PER_SUBFRAME_PIXEL = 64
BYTES_PER_TEXEL = 100
# Room for the libraries, the body model and the crop that is fitted.
BASE_BYTES = 512 * 2**20


def check_memory(
    height: int,
    width: int,
    num_frames: int = 1,
    extra_bytes_per_pixel: int = 0,
    name: str | None = None,
) -> None:
    """Raise if images of this size will not fit into the free memory.

    Not in the paper: the system would otherwise end the program without a word.

    Args:
        height: rows of an image.
        width: columns of an image.
        num_frames: input frames held at once.
        extra_bytes_per_pixel: what is held besides, for example frames for a median.
        name: what is too large, for the error.

    Raises:
        InputError: says what is needed, what there is and what to reduce.
    """
    per_pixel = BYTES_PER_PIXEL * num_frames + extra_bytes_per_pixel
    needed = BASE_BYTES + height * width * per_pixel
    available = available_memory()
    if available is not None and needed > available:
        frames = f" and {num_frames} frames" if num_frames > 1 else ""
        subject = "" if name is None else f"{name}: "
        raise InputError(
            f"{subject}too little memory for the asked size: {width} x {height} px{frames} need "
            f"about {needed / 2**30:.1f} GB, {available / 2**30:.1f} GB are free; scale the images "
            "down or give fewer frames"
        )


def check_fit_memory(image_size: int, num_subframes: int, texture_size: int) -> None:
    """Raise if a fit of this size will not fit into the free memory.

    Args:
        image_size: side of the crop, px.
        num_subframes: sub-frames rendered into it.
        texture_size: side of the texture, texels.

    Raises:
        InputError: says what is needed, what there is and what to reduce.
    """
    needed = BASE_BYTES + num_subframes * image_size**2 * BYTES_PER_SUBFRAME_PIXEL
    needed += texture_size**2 * BYTES_PER_TEXEL
    available = available_memory()
    if available is not None and needed > available:
        raise InputError(
            f"too little memory for this fit: {num_subframes} sub-frames of {image_size} px with a "
            f"texture of {texture_size} texels need about {needed / 2**30:.1f} GB, "
            f"{available / 2**30:.1f} GB are free; make refine.image_size, num_subframes or "
            "texture_size smaller"
        )


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
