"""The closed surfaces that Shape from Blur and Motion from Blur deform: a sphere and a torus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.errors import InputError

PrototypeName = Literal["sphere", "torus"]

TUBE_SHARE = 0.4
"""Radius of the torus's tube as a share of the ring's; the published mesh's own is not stated."""

TILE_MARGIN = 0.02
"""Rim of each tile of the sphere's texture that no face uses, so that tiles do not mix."""

# Normal and the two directions along each side of a cube; along x up is the normal.
_CUBE_SIDES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
)


@dataclass(frozen=True)
class Prototype:
    """A closed triangle mesh with texture coordinates, half-extent 1, no unit.

    Attributes:
        name: which shape.
        verts: model frame, y up.
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`.
    """

    name: PrototypeName
    verts: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]


def load_prototype(name: PrototypeName) -> Prototype:
    """A prototype with as many vertices and faces as the published one has.

    Args:
        name: "sphere" (1538 vertices, 3072 faces) or "torus" (2304 vertices, 4608 faces).

    Raises:
        InputError: if the name is not known.
    """
    if name == "sphere":
        return sphere_prototype(16)
    if name == "torus":
        return torus_prototype(48, 48)
    raise InputError(f"prototype {name!r}: it must be one of {', '.join(get_args(PrototypeName))}")


def sphere_prototype(divisions: int) -> Prototype:
    """A cube whose sides are grids, blown up to a sphere: no poles, six texture tiles.

    Args:
        divisions: squares along an edge of the cube, n; 6 n² + 2 vertices, 12 n² faces.

    Raises:
        InputError: if there are no squares.
    """
    if divisions < 1:
        raise InputError(f"a sphere needs at least 1 square along an edge, got {divisions}")
    steps = torch.arange(divisions + 1)
    row, column = (axis.reshape(-1) for axis in torch.meshgrid(steps, steps, indexing="ij"))
    corners, uv = [], []
    for k, (normal, first, second) in enumerate(_CUBE_SIDES):
        # Whole numbers, so that the corners which sides share are found to be equal.
        along = 2 * torch.stack([column, row], 1) - divisions
        basis = torch.tensor([first, second])
        corners.append(along @ basis + divisions * torch.tensor(normal))
        inside = torch.stack([column, row], 1) / divisions * (1 - 2 * TILE_MARGIN) + TILE_MARGIN
        uv.append((inside + torch.tensor([k % 3, k // 3])) / torch.tensor([3.0, 2.0]))
    grid = _grid_faces(divisions, divisions)
    per_side = (divisions + 1) ** 2
    faces_uv = torch.cat([grid + k * per_side for k in range(len(_CUBE_SIDES))])
    points, index = torch.unique(torch.cat(corners), dim=0, return_inverse=True)
    # Equal angles instead of equal lengths along an edge: triangles of about the same size.
    even = torch.tan(points.double() / divisions * (math.pi / 4))
    verts = even / even.norm(dim=1, keepdim=True)
    return _normalised("sphere", verts, index[faces_uv], torch.cat(uv), faces_uv)


def torus_prototype(ring: int, tube: int) -> Prototype:
    """A torus about the y axis.

    Args:
        ring: vertices round the hole.
        tube: vertices round the tube.

    Raises:
        InputError: if either is too few for a closed surface.
    """
    if min(ring, tube) < 3:
        raise InputError(f"a torus needs 3 vertices in both directions, got {ring} and {tube}")
    about = 2 * math.pi * torch.arange(ring, dtype=torch.float64)[:, None] / ring
    around = 2 * math.pi * torch.arange(tube, dtype=torch.float64)[None] / tube
    radius = 1.0 + TUBE_SHARE * torch.cos(around)
    height = (TUBE_SHARE * torch.sin(around)).expand(ring, tube)
    verts = torch.stack([radius * torch.cos(about), height, -radius * torch.sin(about)], -1)
    # The tube turns in the other sense than the grid: flipped, the outside is outside.
    faces_uv = _grid_faces(ring, tube).flip(1)
    row, column = faces_uv // (tube + 1), faces_uv % (tube + 1)
    faces = (row % ring) * tube + column % tube
    u, v = torch.meshgrid(
        torch.arange(ring + 1) / ring, torch.arange(tube + 1) / tube, indexing="ij"
    )
    return _normalised(
        "torus", verts.reshape(-1, 3), faces, torch.stack([u, v], -1).reshape(-1, 2), faces_uv
    )


def _grid_faces(rows: int, columns: int) -> Int[Tensor, "F 3"]:
    """Two triangles a square of a grid of (rows + 1) x (columns + 1) points."""
    first = torch.arange(rows)[:, None] * (columns + 1) + torch.arange(columns)[None]
    first = first.reshape(-1)
    right, below = first + 1, first + columns + 1
    upper = torch.stack([first, right, below + 1], 1)
    return torch.cat([upper, torch.stack([first, below + 1, below], 1)])


def _normalised(
    name: PrototypeName, verts: Tensor, faces: Tensor, uv: Tensor, faces_uv: Tensor
) -> Prototype:
    """Centre the bounding box and scale it to a half-extent of 1."""
    low, high = verts.amin(0), verts.amax(0)
    verts = verts - (low + high) / 2
    return Prototype(name, (verts / verts.abs().max()).float(), faces, uv.float(), faces_uv)
