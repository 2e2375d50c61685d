"""What holds for every sample: a name for its folder, an image and a background that fit."""

from __future__ import annotations

import re

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.files.images import size_text


def check_pair(
    image: Float[Tensor, "3 H W"],
    background: Float[Tensor, "3 H2 W2"],
    image_name: str = "the image",
    background_name: str = "the background",
) -> None:
    """Raise unless an image and a background can belong together.

    Args:
        image: the blurry image.
        background: the clean scene.
        image_name: for the error.
        background_name: for the error.

    Raises:
        InputError: if the sizes differ or the two are the same image.
    """
    if image.shape != background.shape:
        raise InputError(
            f"{image_name} is {size_text(image)} px, but {background_name} is "
            f"{size_text(background)} px; photo and background must come from the same camera at "
            "the same size"
        )
    if torch.equal(image, background):
        raise InputError(
            f"{image_name} and {background_name} are identical: nobody can be told from the "
            "background; give an image of the scene without the person"
        )


def sample_name(text: str) -> str:
    """A valid folder name: letters, digits, dot, dash, underscore.

    Example:
        >>> sample_name("my clip_40:49")
        'my_clip_40-49'
    """
    name = re.sub(r"[^\w.\-]+", "_", text.replace(":", "-").replace(",", "_")).strip("._")
    return name or "sample"
