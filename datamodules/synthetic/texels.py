"""Which point of a mesh each texel of its texture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_matrix
from torch import Tensor


@dataclass(frozen=True)
class TexelMap:
    """Which point of the surface each texel shows.

    Attributes:
        from_verts: sparse (height·width, V) float32: barycentric weights of each texel's face, so
            that its product with vertex values is their interpolation over the texture.
        height: texture rows.
        width: texture columns.
    """

    from_verts: csr_matrix
    height: int
    width: int


def map_texels(
    faces: Int[Tensor, "F 3"],
    uv: Float[Tensor, "U 2"],
    faces_uv: Int[Tensor, "F 3"],
    height: int,
    width: int,
) -> TexelMap:
    """Find the surface point of every texel; texels outside all faces take their nearest one's.

    Args:
        faces: vertex indices.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`.
        height: texture rows; row 0 is v = 1.
        width: texture columns.
    """
    size = np.array([width, height])
    corners = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)[faces_uv.numpy()] * size
    low = np.clip(np.floor(corners.min(1) - 0.5), 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(corners.max(1) + 0.5), 1, size).astype(np.int64)
    extent = high - low
    count = extent[:, 0] * extent[:, 1]
    face = np.repeat(np.arange(len(corners)), count)
    local = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    column = low[face, 0] + local % extent[face, 0]
    row = low[face, 1] + local // extent[face, 0]
    weights = _barycentric(np.stack([column, row], axis=1) + 0.5, corners[face])
    inside = weights.min(axis=1) >= -1e-6
    face_of = np.full((height, width), -1)
    face_of[row[inside], column[inside]] = face[inside]
    weights_of = np.zeros((height, width, 3))
    weights_of[row[inside], column[inside]] = weights[inside]
    nearest = distance_transform_edt(face_of < 0, return_distances=False, return_indices=True)
    face_of, weights_of = face_of[tuple(nearest)], weights_of[tuple(nearest)]
    columns = faces.numpy()[face_of.ravel()].ravel()
    starts = np.arange(0, len(columns) + 1, 3)
    shape = (height * width, int(faces.max()) + 1)
    values = weights_of.ravel().astype(np.float32)
    return TexelMap(csr_matrix((values, columns, starts), shape), height, width)


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric coordinates (P, 3) of points (P, 2) in triangles (P, 3, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    det = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    det = np.where(np.abs(det) < 1e-12, np.inf, det)
    v = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / det
    w = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / det
    outside = ~np.isfinite(det)
    return np.where(outside[:, None], -1.0, np.stack([1 - v - w, v, w], axis=1))
