"""What stands where in a procedural background: rooms and outdoor places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datamodules.synthetic.world import textures
from datamodules.synthetic.world.solids import Ball, Box, Ground, Solid, turned
from datamodules.synthetic.world.textures import Material, Noise

Array = NDArray[np.floating]


@dataclass(frozen=True)
class World:
    """A place.

    Attributes:
        solids: what the rays can hit.
        sky: linear RGB (P, 3) of unit rays (3, P).
        noise: shared random fields.
        lamp_position: a lamp in the room whose light falls off with distance, or None.
        lamp_reach: its strength.
        haze_m: distance at which haze hides 63 % of the scene, m.
        haze_rgb: its linear colour.
    """

    solids: tuple[Solid, ...]
    sky: Callable[[Array], Array]
    noise: Noise
    lamp_position: Array | None = None
    lamp_reach: float = 0.0
    haze_m: float = np.inf
    haze_rgb: Array = field(default_factory=lambda: np.zeros(3))


def _heading(forward: Array) -> tuple[Array, float]:
    """Horizontal viewing direction (3,) and its angle about the y axis, rad."""
    ahead = np.array([forward[0], 0.0, forward[2]])
    ahead /= np.linalg.norm(ahead)
    return ahead, float(np.arctan2(ahead[0], ahead[2]))


def _box_at(spot: Array, size: Array, yaw: float, material: Material, lift: float = 0.0) -> Box:
    """A box of a size (width, height, depth) that stands (or hangs) at a spot on the ground."""
    own = turned(spot, -yaw)
    low = own + np.array([-size[0] / 2, lift, -size[2] / 2])
    return Box(low, low + size, yaw, material)


def indoor_world(centre: Array, forward: Array, reach: float, rng: np.random.Generator) -> World:
    """A room with furniture along its far walls and things on them.

    Args:
        centre: camera position, m.
        forward: viewing direction.
        reach: horizontal distance of the person, m; the place is empty that far.
        rng: source of randomness.
    """
    noise = Noise.draw(rng)
    _, heading = _heading(forward)
    yaw = heading + float(rng.uniform(-0.5, 0.5))
    own = turned(np.array([centre[0], 0.0, centre[2]]), -yaw)
    depth = reach + float(rng.uniform(1.6, 4.5))
    left, right = 1.2 + reach * rng.uniform(0.45, 1.1, 2)
    height = float(rng.uniform(2.6, 3.8))
    low = own + np.array([-left, -0.01, -3.0])
    high = own + np.array([right, height, depth])
    wall = (textures.plaster, textures.plaster, textures.grid, textures.stripes)[rng.integers(4)]
    floor = (textures.grid, textures.grid, textures.concrete)[rng.integers(3)]
    ceiling = np.array([low[0], height - 0.02, low[2]])
    solids: list[Solid] = [
        Box(low, high, yaw, wall(rng, noise), inside=True),
        Box(ceiling, high, yaw, textures.plaster(rng, noise)),
        Ground(floor(rng, noise)),
    ]
    solids += _along_wall(low, high, yaw, reach, rng, noise)
    lamp = np.array([rng.uniform(low[0], high[0]), height - 0.2, rng.uniform(low[2], high[2])])
    return World(
        solids=tuple(solids),
        sky=lambda rays: np.zeros(rays.shape[::-1]),
        noise=noise,
        lamp_position=turned(lamp, yaw),
        lamp_reach=float(rng.uniform(0.6, 1.1)),
    )


def _along_wall(
    low: Array, high: Array, yaw: float, reach: float, rng: np.random.Generator, noise: Noise
) -> list[Solid]:
    """Furniture, doors and pictures along the far wall and the far part of the side walls."""
    kinds = (textures.grid, textures.stripes, textures.plaster, textures.concrete)
    behind = low[2] + 3.0 + reach + 0.8  # the camera stands 3 m inside the near wall
    solids: list[Solid] = []
    for _ in range(int(rng.integers(5, 11))):
        size = np.array([rng.uniform(0.4, 1.8), rng.uniform(0.35, 2.1), rng.uniform(0.3, 0.7)])
        spot = np.array([rng.uniform(low[0], high[0]), 0.0, high[2] - size[2] / 2])
        if rng.random() < 0.4:
            spot[0] = low[0] + size[0] / 2 if rng.random() < 0.5 else high[0] - size[0] / 2
            spot[2] = rng.uniform(min(behind, high[2]), high[2])
        material = kinds[rng.integers(len(kinds))](rng, noise)
        solids.append(_box_at(turned(spot, yaw), size, yaw, material))
    for _ in range(int(rng.integers(2, 7))):
        size = np.array([rng.uniform(0.4, 1.6), rng.uniform(0.4, 1.3), 0.05])
        spot = np.array([rng.uniform(low[0], high[0]), 0.0, high[2]])
        kind = (textures.painting, textures.facade, textures.stripes)[rng.integers(3)]
        lift = float(rng.uniform(0.8, 1.5))
        solids.append(_box_at(turned(spot, yaw), size, yaw, kind(rng, noise), lift))
    return solids


def outdoor_world(centre: Array, forward: Array, reach: float, rng: np.random.Generator) -> World:
    """A ground under the sky with buildings, walls, hedges, bushes and trees behind the person.

    Args:
        centre: camera position, m.
        forward: viewing direction.
        reach: horizontal distance of the person, m; the place is empty that far.
        rng: source of randomness.
    """
    noise = Noise.draw(rng)
    ahead, heading = _heading(forward)
    side = np.array([ahead[2], 0.0, -ahead[0]])
    base = np.array([centre[0], 0.0, centre[2]])
    is_green = bool(rng.random() < 0.5)
    ground: Material = (
        textures.foliage(rng, noise)
        if is_green
        else (textures.concrete, textures.grid)[rng.integers(2)](rng, noise)
    )
    solids: list[Solid] = [Ground(ground, bumpiness=0.25 if is_green else 0.05)]

    def spot(nearest: float, farthest: float, spread: float) -> Array:
        distance = rng.uniform(nearest, farthest)
        return base + distance * ahead + rng.uniform(-spread, spread) * distance * side

    for _ in range(int(rng.integers(2, 6))):
        size = np.array([rng.uniform(4, 14), rng.uniform(3, 16), rng.uniform(3, 8)])
        yaw = heading + float(rng.uniform(-0.5, 0.5))
        solids.append(
            _box_at(spot(reach + 10, reach + 40, 0.8), size, yaw, textures.facade(rng, noise))
        )
    if rng.random() < 0.6:
        kind = (textures.foliage, textures.grid, textures.stripes)[rng.integers(3)]
        size = np.array([60.0, rng.uniform(0.7, 2.4), 0.6])
        yaw = heading + float(rng.uniform(-0.3, 0.3))
        wall = _box_at(base + (reach + rng.uniform(2.5, 8)) * ahead, size, yaw, kind(rng, noise))
        solids.append(wall)
    for _ in range(int(rng.integers(3, 10))):
        solids += _plant(spot(reach + 2.6, reach + 22, 0.6), rng, noise)
    sky, horizon = _draw_sky(rng, noise)
    return World(tuple(solids), sky, noise, haze_m=float(rng.uniform(150, 600)), haze_rgb=horizon)


def _draw_sky(rng: np.random.Generator, noise: Noise) -> tuple[Callable[[Array], Array], Array]:
    """A sky with clouds as a function of rays, and its colour at the horizon."""
    zenith = textures.colour(rng, (0.55, 0.63), (0.1, 0.6), (0.55, 0.9))
    horizon = textures.colour(rng, (0.05, 0.6), (0.0, 0.12), (0.8, 0.97))
    cloud = float(rng.uniform(0.0, 0.5))

    def sky(rays: Array) -> Array:
        up = np.clip(rays[1], 0.02, 1.0)
        clouds = textures.sample(noise.soft, rays[0] / up, rays[2] / up, 9.0)
        # Towards the horizon the cloud layer is seen so flat that it turns to haze.
        clouds = clouds * np.clip(6 * up - 0.3, 0.0, 1.0)
        share = np.clip(np.sqrt(up) * 1.3 - cloud * clouds, 0.0, 1.0)[:, None]
        return horizon + (zenith - horizon) * share

    return sky, horizon


def _plant(spot: Array, rng: np.random.Generator, noise: Noise) -> list[Solid]:
    """A bush, or a tree of a trunk and a few balls of leaves."""
    leaves = textures.foliage(rng, noise)
    if rng.random() < 0.5:
        radius = float(rng.uniform(0.4, 1.1))
        return [Ball(spot + np.array([0.0, 0.6 * radius, 0.0]), radius, leaves, noise.rough)]
    height = float(rng.uniform(2.0, 5.0))
    trunk_size = np.array([0.25, height, 0.25]) * rng.uniform(0.7, 1.4)
    trunk: Solid = _box_at(
        spot, trunk_size, float(rng.uniform(0, 3)), textures.concrete(rng, noise)
    )
    crown: list[Solid] = [
        Ball(
            spot + np.array([0.0, height, 0.0]) + rng.uniform(-0.8, 0.8, 3),
            float(rng.uniform(0.8, 1.7)),
            leaves,
            noise.rough,
        )
        for _ in range(int(rng.integers(4, 9)))
    ]
    return [trunk, *crown]
