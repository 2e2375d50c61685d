"""Clothes for training: garments of random cut, colour and pattern.

The shipped outfits are few, and a network that sees only them memorises them. Here the parts
of the body are told apart by the bones that move them, and shirt, trousers, sleeves, skin and shoes
get new colours on top of a shipped outfit's head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from datamodules.synthetic.texels import TexelMap, map_texels
from hfb.body import SmplBody, load_texture, texture_names
from hfb.formation import srgb_to_linear

TEXTURE_SIZE = 256
"""Rows and columns of a training texture; the person covers some 200 px of the image."""

# SMPL's joints whose bones each part hangs on.
_PARTS = {
    "torso": (3, 6, 9, 13, 14), "hips": (0,), "sleeves": (16, 17), "forearms": (18, 19),
    "thighs": (1, 2), "shanks": (4, 5), "feet": (7, 8, 10, 11),
}  # fmt: skip
_PLAIN_SHARE = 0.3
_SKIN_TONES = ((0.45, 0.62), (0.25, 0.48), (0.16, 0.4))
"""Lowest and highest linear red, green and blue of skin; all three go together."""


@dataclass(frozen=True)
class Wardrobe:
    """What outfits are made of.

    Attributes:
        texels: which point of the surface each texel shows.
        part: which of `_PARTS` each texel belongs to, -1 for head and hands.
        height: of each texel's point in the rest pose, m: stripes run along it.
        bases: shipped outfits, linear RGB.
    """

    texels: TexelMap
    part: Int[np.ndarray, "TH TW"]
    height: Float[np.ndarray, "TH TW"]
    bases: Float[Tensor, "O 3 TH TW"]

    @classmethod
    def of(cls, body: SmplBody) -> Wardrobe:
        """Find the parts of a body and read the shipped outfits.

        Args:
            body: with texture coordinates.
        """
        size = TEXTURE_SIZE
        texels = map_texels(body.faces, body.uv, body.faces_uv, size, size)
        joint = (texels.from_verts @ body.weights.numpy()).argmax(1)
        part_of_joint = np.full(body.weights.shape[1], -1)
        for number, joints in enumerate(_PARTS.values()):
            part_of_joint[list(joints)] = number
        height = texels.from_verts @ body.template[:, 1].numpy()
        bases = torch.stack([srgb_to_linear(load_texture(name)) for name in texture_names()])
        small = torch.nn.functional.interpolate(
            bases, size=(size, size), mode="bilinear", antialias=True
        )
        return cls(
            texels, part_of_joint[joint].reshape(size, size), height.reshape(size, size), small
        )

    def draw(
        self, rng: np.random.Generator, photo: Float[Tensor, "3 H W"]
    ) -> Float[Tensor, "3 TH TW"]:
        """A random outfit, linear RGB in [0, 1].

        Args:
            rng: source of randomness.
            photo: any image, linear RGB: printed cloth is cut from it.
        """
        base = self.bases[int(rng.integers(len(self.bases)))]
        texture = base * torch.from_numpy(rng.uniform(0.7, 1.3, (3, 1, 1))).float()
        if rng.random() < _PLAIN_SHARE:
            return texture.clamp(0.0, 1.0)
        garments, bare = _cut(rng)
        tone = float(rng.random())
        skin = torch.tensor([low + tone * (high - low) for low, high in _SKIN_TONES])
        texture = self._dyed(texture, bare, skin.reshape(3, 1, 1))
        for names in garments:
            texture = self._dyed(texture, names, self._cloth(rng, photo))
        return texture.clamp(0.0, 1.0)

    def _dyed(self, texture: Tensor, parts: tuple[str, ...], colour: Tensor) -> Tensor:
        numbers = [list(_PARTS).index(name) for name in parts]
        return torch.where(torch.from_numpy(np.isin(self.part, numbers)), colour, texture)

    def _cloth(
        self, rng: np.random.Generator, photo: Float[Tensor, "3 H W"]
    ) -> Float[Tensor, "3 TH TW"]:
        """One colour, stripes of two, or a print."""
        colours = torch.from_numpy(rng.uniform(0.0, 1.0, (2, 3, 1, 1)) ** 2.2).float()
        plain = colours[0].expand(3, TEXTURE_SIZE, TEXTURE_SIZE)
        kind = rng.random()
        if kind < 0.5:
            return plain
        if kind < 0.7:
            wave = np.sin(rng.uniform(60.0, 250.0) * self.height + rng.uniform(0.0, 6.3))
            return torch.where(torch.from_numpy(wave > rng.uniform(-0.5, 0.5)), plain, colours[1])
        shift = [int(rng.integers(size)) for size in photo.shape[1:]]
        print_ = torch.nn.functional.interpolate(
            photo.roll(shift, (1, 2))[None], size=(TEXTURE_SIZE, TEXTURE_SIZE), mode="bilinear"
        )
        return print_[0] * torch.from_numpy(rng.uniform(0.4, 1.6, (3, 1, 1))).float()


def _cut(rng: np.random.Generator) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Parts that each garment covers, and parts that stay bare."""
    top: tuple[str, ...] = ("torso",)
    bottom: tuple[str, ...] = ("hips", "thighs")
    if rng.random() < 0.85:
        top += ("sleeves", "forearms") if rng.random() < 0.5 else ("sleeves",)
    if rng.random() < 0.7:
        bottom += ("shanks",)
    garments = [top + bottom] if rng.random() < 0.1 else [top, bottom]
    covered = top + bottom
    bare = tuple(name for name in ("sleeves", "forearms", "shanks") if name not in covered)
    return [*garments, ("feet",)], bare
