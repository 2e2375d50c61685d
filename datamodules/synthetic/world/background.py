"""Rooms and outdoor places without any photograph, seen by the sample's own camera.

A scene is a ground, walls or a sky, boxes (furniture, buildings, doors, pictures) and balls
(bushes, crowns of trees), textured, lit by the light that also falls on the person, and traced with
one ray a sample. The person is not in it: nothing stands between the camera and the person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from torch import Tensor

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.shading import Light
from datamodules.synthetic.world.scenes import World, indoor_world, outdoor_world
from datamodules.synthetic.world.solids import Solid
from datamodules.synthetic.world.textures import sample
from hfb.errors import InputError
from hfb.formation import srgb_to_linear

Array = NDArray[np.floating]

_SUPERSAMPLING = 2
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Place:
    """What is behind the person.

    Attributes:
        image: linear RGB in [0, 1].
        world: what was traced; None: a photograph.
    """

    image: Float[Tensor, "3 H W"]
    world: World | None = None


def draw_place(
    placed: SceneCamera, light: Light, rng: np.random.Generator, folder: Path | None = None
) -> Place:
    """A background: a photograph of the folder, or a procedural place if there is none.

    Args:
        placed: the camera.
        light: falls on the procedural place too.
        rng: source of randomness.
        folder: holds photographs.

    Raises:
        InputError: if the folder holds no photograph.
    """
    if folder is not None:
        return Place(photograph(Path(folder), placed.camera.height, placed.camera.width, rng))
    return procedural_place(placed, light, rng)


def photograph(
    folder: Path, height: int, width: int, rng: np.random.Generator
) -> Float[Tensor, "3 H W"]:
    """A random photograph of a folder, cropped to the aspect ratio, mirrored half of the time.

    Args:
        folder: holds images.
        height: rows wanted.
        width: columns wanted.
        rng: source of randomness.

    Returns:
        Linear RGB in [0, 1].

    Raises:
        InputError: if the folder holds no image.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise InputError(f"no images ({', '.join(sorted(_SUFFIXES))}) below {folder}")
    with Image.open(found[rng.integers(len(found))]) as opened:
        where = (float(rng.random()), float(rng.random()))
        image = ImageOps.fit(opened.convert("RGB"), (width, height), centering=where)
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    return srgb_to_linear(pixels)


@torch.no_grad()
def procedural_place(placed: SceneCamera, light: Light, rng: np.random.Generator) -> Place:
    """Draw a room or an outdoor place and trace it.

    Args:
        placed: the camera; the person stands where it looks.
        light: in the camera frame.
        rng: source of randomness.
    """
    camera = placed.camera
    forward = placed.world_to_camera[2].numpy()
    centre = placed.centre.numpy()
    draw = indoor_world if rng.random() < 0.55 else outdoor_world
    world = draw(centre, forward, placed.subject_m, rng)
    pixel_m = 1 / (_SUPERSAMPLING * float(camera.focal[0]))
    rays = pixel_rays(placed, _SUPERSAMPLING)
    rgb = trace(world, centre, rays, _Lamp.of(placed, light), pixel_m)
    rows, columns = camera.height, camera.width
    image = rgb.reshape(rows, _SUPERSAMPLING, columns, _SUPERSAMPLING, 3).mean(axis=(1, 3))
    # Exposure metering, and a lens that is focused on the person.
    image = image * np.clip(rng.uniform(0.16, 0.30) / image.mean(), 0.6, 2.5)
    defocus = float(rng.uniform(0.0, 1.2))
    image = gaussian_filter(np.clip(image, 0.0, 1.0), (defocus, defocus, 0))
    return Place(torch.from_numpy(image).permute(2, 0, 1).float().contiguous(), world)


def pixel_rays(placed: SceneCamera, supersampling: int = 1) -> Array:
    """Unit rays in the world, (3, P) float32, row by row of the supersampled image."""
    camera = placed.camera
    y, x = np.meshgrid(
        (np.arange(camera.height * supersampling, dtype=np.float32) + 0.5) / supersampling,
        (np.arange(camera.width * supersampling, dtype=np.float32) + 0.5) / supersampling,
        indexing="ij",
    )
    focal, principal = camera.focal.numpy(), camera.principal_point.numpy()
    x, y = (x - principal[0]) / focal[0], (y - principal[1]) / focal[1]
    scale = 1 / np.sqrt(1 + x * x + y * y)
    rotmat = placed.world_to_camera.numpy()
    return np.stack([(scale * (x * r[0] + y * r[1] + r[2])).ravel() for r in rotmat.T])


@dataclass(frozen=True)
class _Lamp:
    """The sample's light in the world frame."""

    direction: Array
    lamp: Array
    ambient: Array
    ground_share: float = field(default=0.5)

    @staticmethod
    def of(placed: SceneCamera, light: Light) -> _Lamp:
        direction = placed.world_to_camera.T @ light.direction
        return _Lamp(
            direction.numpy(),
            light.lamp.numpy(),
            light.ambient.numpy(),
            light.ground_share,
        )

    def irradiance(self, normals: Array) -> Array:
        towards = np.maximum(self.direction @ normals, 0.0)[:, None]
        sky = self.ground_share + (1 - self.ground_share) * 0.5 * (1 + normals[1])[:, None]
        return towards * self.lamp + sky * self.ambient


def first_hits(world: World, centre: Array, rays: Array) -> tuple[Array, NDArray[np.intp]]:
    """Distance (P,) of what each ray hits first, m, and its number among the solids; -1: the sky.

    Args:
        world: what is there.
        centre: where the rays start (3,), m.
        rays: unit directions (3, P).
    """
    nearest = np.full(rays.shape[1], np.inf, dtype=rays.dtype)
    owner = np.full(rays.shape[1], -1)
    for index, solid in enumerate(world.solids):
        distance = solid.intersect(centre, rays)
        closer = distance < nearest
        nearest[closer], owner[closer] = distance[closer], index
    return nearest, owner


def trace(world: World, centre: Array, rays: Array, lamp: _Lamp, pixel_m: float) -> Array:
    """Linear RGB (P, 3) of unit rays (3, P) from `centre` (3,).

    Args:
        world: what is there.
        centre: where the rays start, m.
        rays: unit directions.
        lamp: the light.
        pixel_m: width of a sample at a distance of 1 m.
    """
    nearest, owner = first_hits(world, centre, rays)
    rgb = np.empty((rays.shape[1], 3), dtype=rays.dtype)
    free = np.flatnonzero(owner < 0)
    rgb[free] = world.sky(rays[:, free])
    for index, solid in enumerate(world.solids):
        hit = np.flatnonzero(owner == index)
        if len(hit):
            points = centre[:, None] + rays[:, hit] * nearest[hit]
            lit = _lit(solid, points, rays[:, hit], nearest[hit] * pixel_m, world, lamp)
            clear = np.exp(-nearest[hit] / world.haze_m)[:, None]
            rgb[hit] = clear * lit + (1 - clear) * world.haze_rgb
    return rgb


def _lit(
    solid: Solid, points: Array, rays: Array, pixel: Array, world: World, lamp: _Lamp
) -> Array:
    """Albedo times irradiance, darker at the foot of things and away from the room's lamp."""
    normals, u, v = solid.surface(points)
    # Texture finer than a sample would alias: fade it to its mean where samples get wide.
    slant = np.maximum(np.abs((normals * rays).sum(axis=0)), 0.02)
    detail = 1 / (1 + (pixel / (0.03 * slant)) ** 2)
    albedo = solid.material(u, v)
    mean = albedo.mean(axis=0)
    albedo = mean + detail[:, None] * (albedo - mean)
    if solid.bumpiness:
        bump = solid.bumpiness * detail * sample(world.noise.rough, u, v, 1.1)
        normals = normals + bump * np.array([[0.6], [0.8], [0.3]], dtype=rays.dtype)
        normals /= np.linalg.norm(normals, axis=0)
    light = lamp.irradiance(normals)
    if world.lamp_position is not None:
        squared = np.sum((points - world.lamp_position[:, None]) ** 2, axis=0)
        light = light * (world.lamp_reach / (1 + squared / 9.0) + 0.45)[:, None]
    if solid.darkens_at_ground:
        light = light * (1 - 0.4 * np.exp(-np.maximum(points[1], 0.0) / 0.25))[:, None]
    return albedo * light
