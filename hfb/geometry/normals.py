"""Normals of a mesh."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def face_normals(
    verts: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "*B F 3"]:
    """Unit normals of triangles, towards the side from which they turn counter-clockwise.

    Args:
        verts: any frame and unit.
        faces: vertex indices.

    Returns:
        Unit vectors; zero for a face without area.
    """
    return torch.nn.functional.normalize(_face_areas(verts, faces), dim=-1, eps=1e-20)


def vertex_normals(
    verts: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "*B V 3"]:
    """Unit normals of vertices: the mean of the faces around each, weighted by their area.

    Args:
        verts: any frame and unit.
        faces: vertex indices, counter-clockwise seen from outside (in a right-handed frame).

    Returns:
        Unit vectors, outwards; zero for a vertex without faces.
    """
    areas, normals = _face_areas(verts, faces), torch.zeros_like(verts)
    for k in range(3):
        normals = normals.index_add(-2, faces[:, k], areas)
    return torch.nn.functional.normalize(normals, dim=-1)


def _face_areas(verts: Tensor, faces: Tensor) -> Float[Tensor, "*B F 3"]:
    """Normals of triangles, twice as long as their area is large."""
    a, b, c = (verts.index_select(-2, faces[:, k]) for k in range(3))
    return torch.linalg.cross(b - a, c - a)
