"""Solids that a ray can hit: boxes, balls and the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from datamodules.synthetic.world.textures import Material, sample

Array = NDArray[np.floating]


@runtime_checkable
class Solid(Protocol):
    """Something a ray can hit."""

    @property
    def material(self) -> Material:
        """Its colour."""
        ...

    @property
    def bumpiness(self) -> float:
        """Strength of the relief in its shading."""
        ...

    @property
    def darkens_at_ground(self) -> bool:
        """Whether little ambient light reaches its foot."""
        ...

    def intersect(self, centre: Array, rays: Array) -> Array:
        """Distance (P,) from `centre` (3,) along unit rays (3, P), infinite where they miss, m."""
        ...

    def surface(self, points: Array) -> tuple[Array, Array, Array]:
        """Unit normals (3, P) and two surface coordinates (P,) in m at surface points (3, P)."""
        ...


@dataclass(frozen=True)
class Box:
    """A box turned about the vertical; a room if seen from inside.

    Attributes:
        low: smallest corner in its own frame, m.
        high: largest corner in its own frame, m.
        yaw: rotation of its frame about the world's y axis, rad.
        material: its colour.
        inside: the rays start inside, the far side is hit.
        bumpiness: strength of the relief in its shading.
        darkens_at_ground: little ambient light reaches its foot.
    """

    low: Array
    high: Array
    yaw: float
    material: Material
    inside: bool = False
    bumpiness: float = 0.0
    darkens_at_ground: bool = True

    def intersect(self, centre: Array, rays: Array) -> Array:
        """Slab test; see `Solid`."""
        origin, own = turned(centre, -self.yaw), turned(rays, -self.yaw)
        enter = np.full(rays.shape[1], -np.inf, dtype=rays.dtype)
        leave = np.full(rays.shape[1], np.inf, dtype=rays.dtype)
        for axis in range(3):
            slope = 1 / np.where(np.abs(own[axis]) < 1e-7, np.float32(1e-7), own[axis])
            first = np.float32(self.low[axis] - origin[axis]) * slope
            second = np.float32(self.high[axis] - origin[axis]) * slope
            np.maximum(enter, np.minimum(first, second), out=enter)
            np.minimum(leave, np.maximum(first, second), out=leave)
        if self.inside:
            return np.where(leave > 0, leave, np.inf)
        return np.where((enter < leave) & (enter > 0), enter, np.inf)

    def surface(self, points: Array) -> tuple[Array, Array, Array]:
        """The side that is nearest to each point; see `Solid`."""
        own = turned(points, -self.yaw)
        low, high = (corner.astype(own.dtype)[:, None] for corner in (self.low, self.high))
        gaps = np.concatenate([np.abs(own - low), np.abs(own - high)])
        side = gaps.argmin(axis=0)
        axis, sign = side % 3, np.where(side < 3, -1.0, 1.0)
        normals = np.zeros_like(own)
        normals[axis, np.arange(own.shape[1])] = -sign if self.inside else sign
        along = np.where(axis == 0, own[2], own[0])
        across = np.where(axis == 1, own[2], own[1])
        # Each side shows another part of the pattern.
        return turned(normals, self.yaw), along + 17.0 * side, across


@dataclass(frozen=True)
class Ground:
    """The plane y = 0."""

    material: Material
    bumpiness: float = 0.0
    darkens_at_ground: bool = False

    def intersect(self, centre: Array, rays: Array) -> Array:
        """See `Solid`."""
        return np.where(rays[1] < -1e-4, -centre[1] / np.minimum(rays[1], -1e-9), np.inf)

    def surface(self, points: Array) -> tuple[Array, Array, Array]:
        """See `Solid`."""
        normals = np.zeros_like(points)
        normals[1] = 1.0
        return normals, points[0], points[2]


@dataclass(frozen=True)
class Ball:
    """A bush or a part of a tree's crown, with a frayed outline.

    Attributes:
        centre: world, m.
        radius: m.
        material: its colour.
        outline: field that frays the outline.
        bumpiness: strength of the relief in its shading.
        darkens_at_ground: little ambient light reaches its foot.
    """

    centre: Array
    radius: float
    material: Material
    outline: Array
    bumpiness: float = 0.6
    darkens_at_ground: bool = False

    def intersect(self, centre: Array, rays: Array) -> Array:
        """See `Solid`."""
        offset = (self.centre - centre).astype(rays.dtype)
        along = offset @ rays
        missed = offset @ offset - along**2
        distance = np.full(rays.shape[1], np.inf, dtype=rays.dtype)
        near = np.flatnonzero((missed < (1.3 * self.radius) ** 2) & (along > 0))
        reach = float(np.linalg.norm(offset))
        across = rays[0, near] * offset[2] / reach - rays[2, near] * offset[0] / reach
        fray = sample(self.outline, reach * across, reach * rays[1, near], 1.6)
        squared = (self.radius * np.clip(1 + 0.10 * fray, 0.75, 1.25)) ** 2 - missed[near]
        hit = squared > 0
        distance[near[hit]] = along[near[hit]] - np.sqrt(squared[hit])
        return distance

    def surface(self, points: Array) -> tuple[Array, Array, Array]:
        """See `Solid`."""
        normals = (points - self.centre.astype(points.dtype)[:, None]) / self.radius
        normals /= np.linalg.norm(normals, axis=0)
        turn = np.arctan2(normals[0], normals[2])
        return normals, self.radius * turn, self.radius * np.arcsin(np.clip(normals[1], -1, 1))


def turned(vectors: Array, yaw: float) -> Array:
    """Vectors (3, ...) turned about the y axis by `yaw` rad."""
    cos, sin = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    x, y, z = vectors
    return np.stack([cos * x + sin * z, y, cos * z - sin * x])
