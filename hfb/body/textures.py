"""Shipped clothed textures for the free body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from hfb.assets import search_places
from hfb.errors import AssetNotFoundError, InputError


def texture_names() -> tuple[str, ...]:
    """Names of the shipped textures, in alphabetical order.

    Returns:
        What `load_texture` takes; empty where the textures are not installed.
    """
    found: set[str] = set()
    for folder in search_places():
        found |= {path.stem for path in (folder / "textures").glob("*.png")}
    return tuple(sorted(found))


def load_texture(name_or_path: str | Path) -> Float[Tensor, "3 TH TW"]:
    """Read a texture.

    Args:
        name_or_path: one of `texture_names()`, or an image file.

    Returns:
        sRGB in [0, 1]; row 0 is v = 1.

    Raises:
        AssetNotFoundError: if there is no such texture; lists the shipped ones.
        InputError: if the file is not an image.
    """
    candidates = [folder / "textures" / f"{name_or_path}.png" for folder in search_places()]
    path = next((p for p in [*candidates, Path(name_or_path)] if p.is_file()), None)
    if path is None:
        shipped = ", ".join(texture_names())
        raise AssetNotFoundError(
            f"no texture `{name_or_path}`: it is neither a file nor one of the shipped ones, "
            f"{shipped or 'which were not found; set HFB_ASSETS to the checkpoints folder'}"
        )
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
    except OSError as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).to(torch.get_default_dtype()) / 255
