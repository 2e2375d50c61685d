"""What holds for every sample: a name for its folder, an image and a background that fit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.files.images import size_text

_MOST_BYTES = 200
"""File systems take 255, of which the names of the files about a sample need some."""


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
    """A valid folder name: letters, digits, dot, dash, underscore, at most 200 bytes.

    Where more than spaces, colons, commas and brackets as in "photo (1)" had to be replaced, a
    checksum of the text follows, so that different texts have different names. A valid name stays
    as it is.

    Args:
        text: for example a file's name, which may hold anything.

    Example:
        >>> sample_name("my clip_40:49"), sample_name("kick[1]")
        ('my_clip_40-49', 'kick_1-2be38d')
    """
    spelled = text.replace(":", "-").replace(",", "_")
    name = re.sub(r"[^\w.\-]+", "_", spelled).strip("._")
    is_close = not re.search(r"[^\w.\- ()]", spelled)
    if is_close and len(name.encode()) <= _MOST_BYTES:
        return name or "sample"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    room = _MOST_BYTES - len(digest) - 1
    return f"{name.encode()[:room].decode(errors='ignore').strip('._') or 'sample'}-{digest}"


def check_names_differ(names: Sequence[str], texts: Sequence[str]) -> None:
    """Raise if two samples would be written to one folder.

    Args:
        names: of the samples.
        texts: what they were made from.

    Raises:
        InputError: says which; compared without case, as some file systems do.
    """
    first: dict[str, str] = {}
    for name, text in zip(names, texts, strict=True):
        other = first.setdefault(name.casefold(), text)
        if other != text:
            raise InputError(
                f"{other!r} and {text!r} would both be written to {name!r}: rename one of them"
            )
