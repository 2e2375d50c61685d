"""Mattes of the user: which numbers of a file are the matte, and whether they can be one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from hfb.errors import InputError
from hfb.files.decode import read_stored, stored_of
from hfb.files.images import existing_file, size_text, unit_range

# Grey that went through JPEG differs a little between its channels.
_SAME_GREY = 0.06
# Fewer pixels, each counted by its share, show no person that could be fitted.
_MIN_PIXELS = 10.0
# A pixel counts as covered above this: mattes that networks make are never quite 0.
_COVERED = 0.05
_MAX_SHARE = 0.99
# A person does not cover this much of the picture's edge all around while its inside is free.
_MAX_EDGE = 0.9


def read_matte(path: str | Path, height: int, width: int) -> Float[Tensor, "1 H W"]:
    """Read the share of the exposure during which the person covers each pixel.

    A grey image is taken as it is; of an image with an alpha channel (a cut-out) the alpha, unless
    it is opaque everywhere. A mask of 0 and 1 counts as 0 and 100 %.

    Args:
        path: the file, 8 or 16 bits.
        height: rows of the blurry image.
        width: columns of the blurry image.

    Returns:
        Matte in [0, 1].

    Raises:
        InputError: as `read_image`; also if it is in colours, of another size than the image, or
            covers nothing, everything, or all of the picture's edge.
    """
    path = existing_file(path, "alpha matte")
    name = f"the alpha matte {path}"
    matte = matte_values(read_stored(path, as_colours=False).array, name)
    return checked_matte(matte, name, height, width)


def matte_of_image(image: Image.Image, height: int, width: int) -> Float[Tensor, "1 H W"]:
    """The same of an image that was opened with Pillow.

    Args:
        image: as opened or made.
        height: rows of the blurry image.
        width: columns of the blurry image.

    Raises:
        InputError: as `read_matte`.
    """
    matte = matte_values(stored_of(image, as_colours=False).array, "the matte")
    return checked_matte(matte, "the matte", height, width)


def matte_values(array: np.ndarray, name: str) -> Float[Tensor, "1 H W"]:
    """The channel that is the matte, in [0, 1].

    Args:
        array: (H, W, C): grey, grey and alpha, RGB or RGBA; whole numbers or floats.
        name: for errors.

    Raises:
        InputError: if it is a picture in colours.
    """
    if array.shape[-1] in (2, 4):
        alpha = array[..., -1:]
        opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1.0
        if bool((alpha < opaque).any()):
            return unit_range(alpha, name, _top(alpha))
        array = array[..., :-1]
    matte = unit_range(array, name, _top(array))
    if float((matte.amax(0) - matte.amin(0)).amax()) > _SAME_GREY:
        raise InputError(
            f"{name} is in colours: give a grey image, white where the person is, or a cut-out "
            "with an alpha channel"
        )
    return matte[:1]


def _top(array: np.ndarray) -> float | None:
    """What stands for 100 %: 1 in a mask of 0 and 1, 255 in 8 bits that were saved as 16."""
    if array.dtype.kind != "u" or not array.size:
        return None
    largest = int(array.max())
    if largest == 1:
        return 1.0
    return 255.0 if array.dtype != np.uint8 and largest <= 255 else None


def checked_matte(
    matte: Float[Tensor, "1 H W"], name: str, height: int, width: int
) -> Float[Tensor, "1 H W"]:
    """The matte, if it can be one of a person in the image.

    Args:
        matte: in [0, 1].
        name: for errors.
        height: rows of the blurry image.
        width: columns of the blurry image.

    Raises:
        InputError: if its size is not the image's, or it covers nothing, hardly anything,
            everything, or all of the picture's edge but not its inside.
    """
    if matte.shape[-2:] != (height, width):
        raise InputError(
            f"{name} is {size_text(matte)} px, but the image is {width} x {height} px; they must "
            "have the same size"
        )
    if not bool((matte > 0).any()):
        raise InputError(f"{name} is empty: no pixel is covered by the person")
    if float(matte.sum()) < _MIN_PIXELS:
        raise InputError(f"{name} covers {float(matte.sum()):.1f} pixels: too few to show a person")
    share = float((matte > _COVERED).float().mean())
    if share > _MAX_SHARE:
        raise InputError(
            f"{name} covers {100 * share:.1f} % of the picture: it tells no person from the "
            "background; white should be where the person is, black elsewhere"
        )
    edge = torch.cat([matte[0, 0], matte[0, -1], matte[0, :, 0], matte[0, :, -1]])
    if float((edge > 0.5).float().mean()) > _MAX_EDGE:
        raise InputError(
            f"{name} covers the picture's edge all around: it seems to be inverted; white should "
            "be where the person is, black elsewhere"
        )
    return matte
