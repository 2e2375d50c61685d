"""Colours of clothes, hair, shoes and skin, painted over an outfit's texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from datamodules.synthetic.wild import regions
from datamodules.synthetic.wild.extras import Topology
from datamodules.synthetic.wild.garments import Look
from datamodules.synthetic.wild.regions import SurfacePoints, ramp
from datamodules.synthetic.wild.settings import Mix
from datamodules.synthetic.world.textures import Noise, sample
from hfb.formation import srgb_to_linear

Array = NDArray[np.floating]

# sRGB/255 of what people wear: many dark and grey things, few that shine.
_CLOTHS = (
    (22, 22, 25), (38, 40, 46), (60, 62, 66), (110, 112, 115), (165, 166, 165), (225, 224, 219),
    (245, 244, 240), (24, 32, 58), (40, 62, 104), (88, 120, 160), (150, 180, 205), (92, 22, 28),
    (165, 36, 40), (205, 96, 60), (222, 178, 60), (120, 86, 58), (182, 158, 122), (214, 200, 172),
    (44, 62, 44), (92, 108, 66), (70, 128, 108), (92, 60, 108), (196, 140, 160), (232, 190, 190),
)  # fmt: skip
_HAIRS = (
    (18, 15, 14), (34, 25, 20), (58, 40, 28), (92, 62, 38), (150, 108, 62), (198, 162, 104),
    (120, 56, 30), (140, 138, 134), (205, 202, 196),
)  # fmt: skip
_LEATHERS = (
    (24, 24, 26), (60, 42, 30), (120, 82, 52), (235, 233, 228), (40, 52, 84), (170, 40, 42),
    (120, 122, 124), (200, 190, 170),
)  # fmt: skip
_KINDS = ("plain", "heather", "stripes", "checks", "print", "denim")
_KIND_SHARES = (0.34, 0.2, 0.14, 0.1, 0.12, 0.1)


@dataclass(frozen=True)
class Cloth:
    """A piece of cloth.

    Attributes:
        colours: two linear colours.
        kind: its pattern.
        scale: of the pattern, m.
        threshold: share of the second colour.
    """

    colours: Float[np.ndarray, "2 3"]
    kind: str
    scale: float
    threshold: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Cloth:
        """Any cloth."""
        return Cloth(
            _colours(_CLOTHS, rng, 2),
            str(rng.choice(_KINDS, p=_KIND_SHARES)),
            float(np.exp(rng.uniform(np.log(0.03), np.log(0.12)))),
            float(rng.uniform(-0.4, 0.9)),
        )

    def albedo(self, u: Array, v: Array, noise: Noise) -> Float[np.ndarray, "P 3"]:
        """Linear colour at surface coordinates, m."""
        main, second = self.colours
        weave = 1 + 0.10 * sample(noise.rough, u, v, 0.4) + 0.08 * sample(noise.soft, u, v, 0.7)
        share: Array = np.zeros(len(u))
        if self.kind == "heather":
            weave = weave + 0.18 * sample(noise.rough, u, v, 0.12)
        elif self.kind == "denim":
            main = 0.3 * main + 0.7 * np.array([0.035, 0.07, 0.16])
            weave = weave + 0.2 * sample(noise.soft, u, v, 0.5)
        elif self.kind == "stripes":
            share = ramp(-0.1, 0.1, np.sin(2 * np.pi * v / self.scale) - self.threshold)
        elif self.kind == "checks":
            lines = [np.sin(2 * np.pi * w / self.scale) > 0.3 for w in (u, v)]
            share = 0.5 * (lines[0].astype(float) + lines[1])
        elif self.kind == "print":
            share = ramp(0.0, 0.2, sample(noise.soft, u, v, 6 * self.scale) - self.threshold)
        colour = main + share[:, None] * (second - main)
        return np.clip(colour * np.clip(weave, 0.5, 1.6)[:, None], 0.0, 1.0)


def _colours(palette: tuple[tuple[int, ...], ...], rng: np.random.Generator, num: int) -> Array:
    chosen = np.array([palette[int(rng.integers(len(palette)))] for _ in range(num)]) / 255
    shifted = np.clip(
        chosen * rng.uniform(0.85, 1.15, (num, 1)) + rng.normal(0, 0.015, (num, 3)), 0, 1
    )
    return srgb_to_linear(torch.from_numpy(shifted)).numpy()


def paint(
    albedo: Float[Tensor, "3 S S"], points: SurfacePoints, topology: Topology, look: Look, mix: Mix
) -> Float[Tensor, "3 TH TW"]:
    """The texture of a dressed person with the tubes' part below.

    Args:
        albedo: texture of the outfit underneath, linear RGB.
        points: of all texels.
        topology: of the mesh.
        look: what is worn.
        mix: what is in the photo.
    """
    size = topology.size
    own = albedo.permute(1, 2, 0).reshape(-1, 3).numpy().astype(np.float64)
    colour = np.concatenate([own, np.zeros((topology.texels.height * size - len(own), 3))])
    noise = Noise.draw(mix.rng("weave"))
    x, y, z = points.position.T
    # Around the body rather than across it, so that stripes run over the shoulder too.
    u, v = x + 0.7 * z, y
    if look.cut is not None:
        rng = mix.rng("cloth")
        top, below = Cloth.draw(rng), Cloth.draw(rng)
        skin = _skin_colour(own, points, size)
        bare = skin * (1 + 0.05 * sample(noise.soft, u, v, 0.8))[:, None]
        limbs = 1 - np.clip(points.share((15, 22, 23, 10, 11)), 0, 1)
        colour = _over(colour, bare, limbs * (points.share((7, 8)) < 0.5))
        colour = _over(colour, below.albedo(u, v, noise), regions.trousers(points, look.cut))
        colour = _over(colour, top.albedo(u, v, noise), regions.shirt(points, look.cut))
        cloth = top if look.cut.is_one_piece else below
        _fill(colour, topology, topology.skirt_part, cloth, noise)
    if look.hair is not None:
        tone = _colours(_HAIRS, mix.rng("hair colour"), 1)[0]
        strands = 0.8 + 0.25 * sample(noise.rough, 6 * u, 0.6 * v, 0.5)
        shade = np.clip(tone * np.clip(strands, 0.3, 1.5)[:, None], 0, 1)
        colour = _over(colour, shade, regions.hair(points, *look.hair))
        _fill(
            colour,
            topology,
            topology.hair_part,
            Cloth(np.stack([tone, tone]), "heather", 1.0, 0.0),
            noise,
        )
    if look.shaft is not None:
        upper, below = _colours(_LEATHERS, mix.rng("shoe colour"), 2)
        leather = np.where((regions.sole(points, 0.018) > 0.5)[:, None], below, upper)
        colour = _over(colour, leather, regions.shoes(points, look.shaft))
    texture = torch.from_numpy(colour.astype(np.float32)).T
    return texture.reshape(3, topology.texels.height, size).contiguous()


def gloss_of(points: SurfacePoints, num_extras: int, look: Look, mix: Mix) -> tuple[Tensor, float]:
    """Strength of the highlights of each vertex, and how small they are.

    Args:
        points: the body's vertices.
        num_extras: vertices of the tubes.
        look: what is worn.
        mix: what is in the photo.
    """
    rng, strength = mix.rng("highlights"), mix.strength("highlights")
    # Cotton hardly shines, silk, leather and rain jackets do; skin is a little oily.
    cloth = float(rng.choice([0.03, 0.12, 0.35], p=[0.4, 0.35, 0.25]))
    gloss = np.full(len(points.position), float(rng.uniform(0.06, 0.2)))
    if look.cut is not None:
        covered = np.maximum(regions.shirt(points, look.cut), regions.trousers(points, look.cut))
        gloss = gloss + covered * (cloth - gloss)
    if look.hair is not None:
        gloss = np.maximum(gloss, 0.2 * regions.hair(points, *look.hair))
    everything = np.concatenate([gloss, np.full(num_extras, cloth)]) * strength
    return torch.from_numpy(everything.astype(np.float32)), float(rng.uniform(8, 40))


def wrinkles_of(points: SurfacePoints, topology: Topology, mix: Mix) -> Float[Tensor, "2 TH TW"]:
    """Two patterns of fine folds over the texture: bands that wander and fray."""
    rng = mix.rng("wrinkles")
    noise = Noise.draw(rng)
    x, y, z = points.position.T
    u, v = x + 0.7 * z, y
    patterns = []
    for _ in range(2):
        tilt, wave = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(90, 170))
        bend = 2.5 * sample(noise.soft, u, v, 0.9)
        patch = ramp(-0.6, 0.8, sample(noise.soft, v + 3.1, u, 0.6))
        patterns.append(np.sin(wave * (v + tilt * u) + bend) * patch)
    height, width = topology.texels.height, topology.texels.width
    return torch.from_numpy(np.stack(patterns).astype(np.float32)).reshape(2, height, width)


def _over(below: Array, above: Array, cover: Array) -> Array:
    return below + cover[:, None] * (above - below)


def _skin_colour(own: Array, points: SurfacePoints, size: int) -> Array:
    """Mean colour of the outfit's cheeks."""
    nose = points.landmarks["nose"]
    own_points = points.position[: size * size]
    near = np.linalg.norm(own_points - (nose - [0.0, 0.01, 0.01]), axis=1)
    chosen = np.argsort(near)[:60]
    return np.asarray(np.median(own[chosen], axis=0))


def _fill(
    colour: Array, topology: Topology, part: tuple[slice, slice], cloth: Cloth, noise: Noise
) -> None:
    """Paint a tube, whose texture is unrolled: about 1 m around and 60 cm down."""
    size = topology.size
    rows, columns = np.mgrid[part]
    v = -(rows.ravel() - size) / 96 * 0.6
    u = (columns.ravel() - part[1].start) / (size / 2) * 1.2
    colour[(rows * size + columns).ravel()] = cloth.albedo(u, v, noise)
