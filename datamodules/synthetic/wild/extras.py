"""Parts of a person that a body has no vertices for: skirts and long hair, as two tubes.

The tubes are always part of the mesh, so that its topology is the same for everybody; one that is
not worn is shrunk to a point inside the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from datamodules.synthetic.texels import TexelMap, map_texels
from datamodules.synthetic.wild.regions import Cut, SurfacePoints, ramp
from datamodules.synthetic.wild.settings import Mix
from hfb.body import SmplBody
from hfb.body.kinematics import joint_frames
from hfb.body.skinning import skin
from hfb.structures import BodyParams

STRIP = 96
"""Rows of the texture below the body's own that the tubes share."""

_SKIRT, _HAIR = (12, 40), (8, 14)  # rings, segments
_MARGIN = 2
_PELVIS, _THIGHS, _NECK, _HEAD, _CHEST = 0, (1, 2), 12, 15, 9


@dataclass(frozen=True)
class Topology:
    """Faces and texture coordinates of a body with its tubes.

    Attributes:
        faces: vertex indices, the body's first.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`.
        texels: of the texture that is `STRIP` rows higher than the body's.
        size: side of the body's own square texture.
    """

    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]
    texels: TexelMap
    size: int

    @property
    def skirt_part(self) -> tuple[slice, slice]:
        """Rows and columns of the texture that show the skirt."""
        return slice(self.size, self.size + STRIP), slice(0, self.size // 2)

    @property
    def hair_part(self) -> tuple[slice, slice]:
        """Rows and columns of the texture that show the long hair."""
        return slice(self.size, self.size + STRIP), slice(self.size // 2, self.size)


@lru_cache(maxsize=1)
def topology_of(body: SmplBody, size: int) -> Topology:
    """The mesh of a body with its tubes.

    Args:
        body: the body.
        size: side of its texture.
    """
    height = size + STRIP
    faces, faces_uv = [body.faces], [body.faces_uv]
    uv = [torch.stack([body.uv[:, 0], 1 - (1 - body.uv[:, 1]) * size / height], dim=1)]
    first_vert, first_uv = len(body.template), len(body.uv)
    for (rings, segments), left in ((_SKIRT, 0), (_HAIR, size // 2)):
        quads, quads_uv = _quads(rings, segments)
        faces.append(first_vert + quads)
        faces_uv.append(first_uv + quads_uv)
        across = torch.linspace(left + _MARGIN, left + size // 2 - _MARGIN, segments + 1)
        down = torch.linspace(size + _MARGIN, height - _MARGIN, rings)
        grid = torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=-1).flatten(0, 1)
        uv.append(torch.stack([grid[:, 1] / size, 1 - grid[:, 0] / height], dim=1))
        first_vert += rings * segments
        first_uv += rings * (segments + 1)
    joined = torch.cat(faces), torch.cat(uv), torch.cat(faces_uv)
    return Topology(*joined, map_texels(*joined, height, size), size)


def _quads(rings: int, segments: int) -> tuple[Int[Tensor, "F 3"], Int[Tensor, "F 3"]]:
    """Triangles of a tube whose rings follow one another downwards, seen from outside."""
    ring, segment = torch.meshgrid(torch.arange(rings - 1), torch.arange(segments), indexing="ij")
    ring, segment = ring.flatten(), segment.flatten()

    def triangles(width: int, after: Tensor) -> Tensor:
        left, right = ring * width + after, ring * width + segment
        lower_left, lower_right = left + width, right + width
        upper = torch.stack([left, lower_left, lower_right], dim=1)
        lower = torch.stack([left, lower_right, right], dim=1)
        return torch.cat([upper, lower])

    return triangles(segments, (segment + 1) % segments), triangles(segments + 1, segment + 1)


@dataclass(frozen=True)
class Extras:
    """The tubes of one person.

    Attributes:
        rest: vertices in the rest pose, m.
        weights: skinning weights.
        swing: how far each vertex may trail behind, m.
        has_skirt: whether there is a skirt.
        has_tail: whether there is long hair.
    """

    rest: Float[Tensor, "E 3"]
    weights: Float[Tensor, "E J"]
    swing: Float[Tensor, " E"]
    has_skirt: bool
    has_tail: bool

    def posed(
        self, body: SmplBody, betas: Float[Tensor, " K"], params: BodyParams
    ) -> Float[Tensor, "S E 3"]:
        """The vertices at the poses, camera frame, m.

        Args:
            body: the body.
            betas: its shape.
            params: its pose at S times.
        """
        _, joints = body.shape(betas)
        joints = joints.expand(len(params.transl), -1, -1)
        frames = joint_frames(params.pose_rotmat, joints, body.parents)
        return skin(self.rest, joints, frames, self.weights) + params.transl[:, None]


def draw_extras(
    points: SurfacePoints, cut: Cut | None, hair: tuple[float, float] | None, mix: Mix
) -> Extras:
    """Draw a person's skirt and long hair, if any.

    Args:
        points: the vertices of the body.
        cut: of the garments, if any.
        hair: its drop and fringe, if any.
        mix: what is in the photo.
    """
    inside = points.joints[_PELVIS]
    skirt = np.tile(inside, (_SKIRT[0] * _SKIRT[1], 1)), np.zeros((_SKIRT[0] * _SKIRT[1], 24))
    tail = np.tile(inside, (_HAIR[0] * _HAIR[1], 1)), np.zeros((_HAIR[0] * _HAIR[1], 24))
    skirt[1][:, _PELVIS] = tail[1][:, _PELVIS] = 1.0
    swings = [np.zeros(len(skirt[0])), np.zeros(len(tail[0]))]
    has_skirt = cut is not None and cut.skirt > 0.0
    if cut is not None and has_skirt:
        skirt, swings[0] = _skirt(points, cut, mix.rng("skirt"))
    has_tail = False
    if hair is not None:
        rng = mix.rng("tail")
        has_tail = bool(rng.random() < 0.4)
        if has_tail:
            tail, swings[1] = _tail(points, rng)
    rest, weights, swing = (
        torch.from_numpy(np.concatenate(pair).astype(np.float32))
        for pair in ((skirt[0], tail[0]), (skirt[1], tail[1]), swings)
    )
    return Extras(rest, weights, swing, has_skirt, has_tail)


def _skirt(
    points: SurfacePoints, cut: Cut, rng: np.random.Generator
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Rest vertices and weights, and swing: from the waist down, wider towards the hem."""
    rings, segments = _SKIRT
    joints, body = points.joints, points.position[points.arms < 0.3]
    top = float(joints[_PELVIS, 1]) + 0.10
    leg = float(joints[list(_THIGHS), 1].mean() - joints[[7, 8], 1].mean())
    bottom = float(joints[list(_THIGHS), 1].mean()) - cut.skirt * leg
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    pleats, flare = int(rng.integers(5, 11)), float(rng.uniform(0.1, 0.75))
    share = np.linspace(0.0, 1.0, rings)
    heights = top + (bottom - top) * share
    verts, wide, deep = [], 0.0, 0.0
    middle = float(joints[_PELVIS, 2])
    for height, down in zip(heights, share, strict=True):
        slab = body[np.abs(body[:, 1] - height) < 0.03]
        margin = 0.012 + 0.01 * down
        wide = max(wide, float(np.abs(slab[:, 0]).max()) + margin) + flare * 0.012 * down
        deep = max(deep, float(np.abs(slab[:, 2] - middle).max()) + margin) + flare * 0.012 * down
        wave = 1 + 0.06 * down * np.sin(pleats * angle)
        ring = [wide * wave * np.cos(angle), np.full(segments, height)]
        verts.append(np.stack([*ring, middle + deep * wave * np.sin(angle)], axis=1))
    rest = np.concatenate(verts)
    depth = np.repeat(ramp(0.1, 0.55, share), segments)
    # Each side follows its own thigh, the middle both.
    side = 0.5 + 0.5 * np.clip(rest[:, 0] / wide * 1.6, -1, 1)
    weights = np.zeros((len(rest), points.weights.shape[1]))
    weights[:, _THIGHS[0]], weights[:, _THIGHS[1]] = 0.8 * depth * side, 0.8 * depth * (1 - side)
    weights[:, _PELVIS] = 1 - 0.8 * depth
    return (rest, weights), 0.10 * np.repeat(share, segments)


def _tail(
    points: SurfacePoints, rng: np.random.Generator
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Rest vertices and weights, and swing: a pony tail, or hair to the shoulder blades."""
    rings, segments = _HAIR
    ear = points.landmarks["lear"]
    skull = points.position[points.share((_HEAD,)) > 0.5]
    back = float(skull[:, 2].min())
    is_tied = rng.random() < 0.5
    share = np.linspace(0.0, 1.0, rings)
    if is_tied:
        top, length = float(ear[1]) + 0.06, float(rng.uniform(0.18, 0.38))
        wide, deep = np.full(rings, 0.026), np.full(rings, 0.024)
        shift = back - 0.045 * np.sin(np.pi * np.clip(share * 1.3 + 0.15, 0, 1))
    else:
        top, length = float(ear[1]) + 0.07, float(rng.uniform(0.24, 0.42))
        wide, deep = np.full(rings, 0.095), np.full(rings, 0.045)
        shift = np.interp(share, [0.0, 0.5, 1.0], [back + 0.04, back + 0.03, back - 0.01])
    end = np.interp(share, [0.0, 0.12, 0.85, 1.0], [0.15, 1.0, 0.8, 0.15])
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    circle = np.stack([np.cos(angle), np.zeros(segments), np.sin(angle)], axis=1)
    centres = np.stack([np.zeros(rings), top - length * share, shift], axis=1)
    radii = np.stack([wide * end, np.zeros(rings), deep * end], axis=1)
    rest = (centres[:, None] + radii[:, None] * circle).reshape(-1, 3)
    weights = np.zeros((len(rest), points.weights.shape[1]))
    lower = 0.6 * np.repeat(ramp(0.2, 1.0, share), segments)
    weights[:, _HEAD], weights[:, _CHEST] = 1 - lower, lower
    return (rest, weights), 0.12 * np.repeat(share, segments)
