"""Shadows of a moving person on ground, walls and furniture.

Light from a disc in the sky (hard shadows) and from everywhere (the soft darkness where somebody
touches the ground) is sampled, one direction of each a sub-frame, so that penumbras widen with the
distance as they do in the world.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import grid_sample

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.shading import Light
from datamodules.synthetic.wild.settings import Mix
from datamodules.synthetic.world.background import Place, first_hits, pixel_rays
from hfb.render import hard_silhouettes
from hfb.structures import Camera

_FAR_M = 300.0  # of the camera that stands in for the sun: its rays are all but parallel
_MAP_PX, _MAP_M = 192, 3.2  # side of the silhouette that the sun sees
_DARKEST = 0.9
_SKY_SOFTNESS_M = 0.12  # few directions stand for the whole sky: blur hides that
_REACH_M = 6.0  # of a shadow
_GROUND_REACH = 4.0  # a photograph's ground ends at so many times the person's distance


@dataclass(frozen=True)
class Receivers:
    """What a shadow can fall on: the surfaces behind the pixels, where there are any.

    Attributes:
        pixels: numbers of the pixels, row by row.
        points: world, m.
        normals: world.
        height: image rows.
        width: image columns.
    """

    pixels: Int[Tensor, " P"]
    points: Float[Tensor, "P 3"]
    normals: Float[Tensor, "P 3"]
    height: int
    width: int

    def near(self, middle: Float[Tensor, " 3"], reach_m: float) -> Receivers:
        """Those within a distance of somebody, m."""
        inside = (self.points - middle).norm(dim=-1) < reach_m
        return Receivers(
            self.pixels[inside], self.points[inside], self.normals[inside], self.height, self.width
        )


def find_receivers(place: Place, placed: SceneCamera) -> Receivers:
    """The surfaces of a place; of a photograph the ground that it is taken to show.

    Args:
        place: what is behind the person.
        placed: the camera.
    """
    rays, centre = pixel_rays(placed), placed.centre.numpy()
    if place.world is None:
        down = rays[1] < -1e-3
        distance = np.where(down, -centre[1] / np.minimum(rays[1], -1e-3), np.inf)
        distance[distance > _GROUND_REACH * placed.subject_m] = np.inf
        points = centre[:, None] + rays * np.where(np.isfinite(distance), distance, 1e6)
        normals = np.zeros_like(rays)
        normals[1] = 1.0
    else:
        distance, owner = first_hits(place.world, centre, rays)
        points = centre[:, None] + rays * np.where(np.isfinite(distance), distance, 1e6)
        normals = np.zeros_like(rays)
        for index, solid in enumerate(place.world.solids):
            hit = np.flatnonzero(owner == index)
            if len(hit):
                normals[:, hit] = solid.surface(points[:, hit])[0]
    pixels = torch.from_numpy(np.flatnonzero(np.isfinite(distance)))
    own = [torch.from_numpy(a.T.astype(np.float32))[pixels] for a in (points, normals)]
    return Receivers(pixels, own[0], own[1], placed.camera.height, placed.camera.width)


@dataclass(frozen=True)
class ShadowLight:
    """The light whose absence is the shadow.

    Attributes:
        direction: to the middle of the lamp, world.
        towards: directions to the lamp, one a sub-frame, world.
        around: directions to the rest of the sky, one a sub-frame, world.
        lamp: share of the light on level ground that comes from the lamp.
        sky: the same of the sky.
        height: sine of the lamp's height above the horizon.
        softness_m: blur of the shadow's outline, m.
    """

    direction: Float[Tensor, " 3"]
    towards: Float[Tensor, "N 3"]
    around: Float[Tensor, "N 3"]
    lamp: float
    sky: float
    height: float
    softness_m: float

    @staticmethod
    def draw(mix: Mix, light: Light, placed: SceneCamera, num: int) -> ShadowLight:
        """Hard or soft, strong or weak.

        Args:
            mix: what is in the photo.
            light: that falls on the person.
            placed: the camera.
            num: sub-frames.
        """
        rng, strength = mix.rng("shadow"), mix.strength("shadow")
        direction = placed.world_to_camera.T @ light.direction
        is_hard = rng.random() < 0.5
        radius = float(np.deg2rad(rng.uniform(0.5, 2.0) if is_hard else rng.uniform(4.0, 14.0)))
        lamp = float(rng.uniform(0.4, 0.75) if is_hard else rng.uniform(0.2, 0.5))
        order = torch.from_numpy(rng.permutation(num))
        return ShadowLight(
            direction,
            _cone(direction, radius, num)[order],
            _cone(torch.tensor([0.0, 1.0, 0.0]), 0.48 * np.pi, num)[order],
            min(strength * lamp, _DARKEST),
            min(strength * float(rng.uniform(0.3, 0.6)) * (1 - lamp), _DARKEST),
            float(direction[1]),
            max(0.012, 1.5 * radius / num**0.5),
        )

    def remaining(
        self, normals: Float[Tensor, "P 3"], lamp_hidden: Tensor, sky_hidden: Tensor, tint: Tensor
    ) -> Float[Tensor, "3 P"]:
        """Share of their light that surfaces still get.

        Args:
            normals: of the surfaces.
            lamp_hidden: where the person hides the lamp (P), 0 to 1.
            sky_hidden: where the person hides a part of the sky (P), 0 to 1.
            tint: colour of the lamp, mean 1.
        """
        facing = (normals @ self.direction).clamp(min=0.0) / max(self.height, 0.1)
        lost = (self.lamp * tint[:, None] * facing).clamp(max=_DARKEST) * lamp_hidden
        return (1 - lost) * (1 - self.sky * normals[:, 1].clamp(min=0.0) * sky_hidden)


def _cone(axis: Float[Tensor, " 3"], radius: float, num: int) -> Float[Tensor, "N 3"]:
    """Directions spread evenly over a disc of the sky (a sunflower), seen at `radius` rad."""
    k = torch.arange(num) + 0.5
    away = (k / num).sqrt() * float(np.sin(radius))
    angle = k * (np.pi * (3 - 5**0.5))
    axis = torch.nn.functional.normalize(axis, dim=0)
    other = (
        torch.tensor([1.0, 0.0, 0.0]) if abs(float(axis[0])) < 0.8 else torch.tensor([0.0, 0, 1])
    )
    side = torch.nn.functional.normalize(torch.linalg.cross(axis, other), dim=0)
    third = torch.linalg.cross(axis, side)
    upright = (1 - away**2).clamp(min=0.0).sqrt()
    across = away * angle.cos(), away * angle.sin()
    return upright[:, None] * axis + across[0][:, None] * side + across[1][:, None] * third


def transmittance(
    verts: Float[Tensor, "N V 3"],
    faces: Int[Tensor, "F 3"],
    alphas: Iterable[Float[Tensor, "H W"]],
    receivers: Receivers,
    sun: ShadowLight,
    tint: Float[Tensor, " 3"],
) -> Float[Tensor, "3 H W"]:
    """Share of the background's light that reaches the camera past person and shadow.

    Mean over the sub-frames of (1 - silhouette) times what the shadow leaves, in linear light.

    Args:
        verts: of the person at the sub-frames, world, m.
        faces: of its mesh.
        alphas: silhouettes of the sub-frames, on the full image.
        receivers: the surfaces.
        sun: the light.
        tint: its colour, mean 1.
    """
    near = receivers.near(verts.mean((0, 1)), _REACH_M)
    shape = (near.height, near.width)
    total, sky = torch.zeros(3, *shape), near.points.new_zeros(len(near.points))
    for k, alpha in enumerate(alphas):
        lamp = shadow_of(verts[k], faces, near.points, sun.towards[k], sun.softness_m)
        if k % 2 == 0:  # the sky's part is soft: every other sub-frame is enough
            sky = shadow_of(verts[k], faces, near.points, sun.around[k], _SKY_SOFTNESS_M)
        left = torch.ones(3, shape[0] * shape[1])
        left[:, near.pixels] = sun.remaining(near.normals, lamp, sky, tint)
        total += (1 - alpha) * left.unflatten(1, shape)
    return total / len(verts)


def shadow_of(
    verts: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    points: Float[Tensor, "P 3"],
    towards: Float[Tensor, " 3"],
    softness_m: float,
) -> Float[Tensor, " P"]:
    """Which points the person hides from a direction, 0 to 1.

    Args:
        verts: of the person, world, m.
        faces: of its mesh.
        points: of surfaces, world, m.
        towards: unit vector to the light, world.
        softness_m: blur of the outline, m.
    """
    middle = (verts.min(0).values + verts.max(0).values) / 2
    up = (
        torch.tensor([0.0, 1.0, 0.0])
        if abs(float(towards[1])) < 0.95
        else torch.tensor([0.0, 0, 1])
    )
    right = torch.nn.functional.normalize(torch.linalg.cross(up, towards), dim=0)
    axes = torch.stack([right, torch.linalg.cross(right, towards), -towards])
    scale = _MAP_PX / _MAP_M
    focal = torch.tensor([_FAR_M * scale] * 2)
    camera = Camera(focal, torch.tensor([_MAP_PX / 2] * 2), _MAP_PX, _MAP_PX)
    seen = (verts - middle) @ axes.T
    shifted = seen + torch.tensor([0.0, 0.0, _FAR_M])
    mask = hard_silhouettes(shifted[None], faces, camera)[0]
    blurred = gaussian_filter(mask.numpy().astype(np.float32), max(softness_m * scale, 0.6))
    own = (points - middle) @ axes.T
    grid = own[None, None, :, :2] * (2 / _MAP_M)
    hidden = grid_sample(torch.from_numpy(blurred)[None, None], grid, align_corners=False)[0, 0, 0]
    return hidden * (own[:, 2] > seen[:, 2].mean() - 0.3)
