"""Make the shipped clothed textures of the free body (a few seconds each).

    python tools/make_textures.py --out checkpoints/textures

Everything is synthesised from functions and random numbers: no third-party pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from clothing.outfit import Outfit, paint_outfit
from clothing.surface import Map, Surface, bake_surface
from clothing.wardrobe import OUTFITS
from numpy.typing import NDArray

_CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"
# Painted at twice the size and averaged down, so that patterns are anti-aliased.
_OVERSAMPLING = 2
_GUTTER_TEXELS = 12


def render_texture(surface: Surface, outfit: Outfit) -> NDArray[np.uint8]:
    """Paint an outfit, fill the gutters and average down.

    Args:
        surface: maps of the body at `_OVERSAMPLING` times the final size.
        outfit: what it wears.

    Returns:
        (H, W, 3) sRGB.
    """
    image = fill_gutters(paint_outfit(surface, outfit), surface.covered)
    size = len(image) // _OVERSAMPLING
    small = cv2.resize((image * 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8)


def fill_gutters(image: Map, covered: NDArray[np.bool_]) -> Map:
    """Continue the charts beyond their border, so that bilinear lookup does not mix in nothing.

    Args:
        image: (H, W, 3) colours.
        covered: (H, W) where they mean something.

    Returns:
        The image with `_GUTTER_TEXELS` more texels around each chart, the mean colour elsewhere.
    """
    image, known = image.astype(np.float32), covered.astype(np.float32)
    mean = image[covered].mean(axis=0)
    window = np.ones((3, 3), np.float32)
    for _ in range(_GUTTER_TEXELS):
        total = cv2.filter2D(image * known[..., None], -1, window, borderType=cv2.BORDER_CONSTANT)
        count = cv2.filter2D(known, -1, window, borderType=cv2.BORDER_CONSTANT)
        new = (known == 0) & (count > 0)
        image[new] = total[new] / count[new, None]
        known[new] = 1
    image[known == 0] = mean
    return image


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", type=Path, default=_CHECKPOINTS / "free_body.npz")
    parser.add_argument("--out", type=Path, default=_CHECKPOINTS / "textures")
    parser.add_argument("--size", type=int, default=512, help="texels along each side")
    parser.add_argument("--only", choices=sorted(OUTFITS), help="make one outfit")
    options = parser.parse_args(args)
    surface = bake_surface(options.body, options.size * _OVERSAMPLING)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else OUTFITS:
        path = options.out / f"{name}.png"
        rgb = render_texture(surface, OUTFITS[name])
        cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
