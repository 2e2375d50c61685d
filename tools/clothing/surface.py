"""The body's surface as maps over its texture: where, on which part, facing where each texel is.

Colours that are functions of the 3D position run across UV seams without a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from hfb.body.model_file import read_body_file
from hfb.geometry import vertex_normals
from hfb.skeleton import SMPL_JOINT_NAMES

Map = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Maps of (H, W) texels; row 0 is v = 1.

    Attributes:
        position: (H, W, 3) point of the mean body in the T-pose, m; x left, y up, z ahead.
        weights: (H, W, J) skinning weights.
        normal: (H, W, 3) unit normal, outwards.
        covered: (H, W) whether any face uses the texel.
        joints: SMPL joint positions by name, m.
        landmarks: positions of the named vertices, m.
        floor: lowest point of the body, m.
    """

    position: Map
    weights: Map
    normal: Map
    covered: NDArray[np.bool_]
    joints: dict[str, NDArray[np.float64]]
    landmarks: dict[str, NDArray[np.float64]]
    floor: float

    def weight_of(self, *joints: str) -> Map:
        """(H, W) sum of the skinning weights of some joints, named with their side."""
        return self.weights[..., [SMPL_JOINT_NAMES.index(name) for name in joints]].sum(-1)

    def weight_of_both(self, *joints: str) -> Map:
        """(H, W) sum of the skinning weights of some joints, left and right."""
        return self.weight_of(*(f"{side}_{name}" for side in ("left", "right") for name in joints))


def bake_surface(body_path: Path, size: int) -> Surface:
    """Rasterise a body's faces into its own texture.

    Args:
        body_path: SMPL-format file with UVs and landmarks.
        size: texels along each side.

    Returns:
        The maps; zero where no face is.
    """
    file = read_body_file(body_path)
    if file.uv is None or file.faces_uv is None:
        raise SystemExit(f"{body_path} has no texture coordinates")
    texel = np.stack([file.uv[:, 0], 1 - file.uv[:, 1]], axis=-1) * size
    face, barycentric = _rasterise(texel[file.faces_uv], size)
    covered = face >= 0

    def interpolate(values: NDArray[np.float64]) -> Map:
        corners = values[file.faces[np.maximum(face, 0)]]  # (H, W, 3, C)
        return np.einsum("hwk,hwkc->hwc", barycentric, corners)

    joints = file.joint_regressor @ file.v_template
    normals = vertex_normals(torch.from_numpy(file.v_template), torch.from_numpy(file.faces))
    return Surface(
        position=interpolate(file.v_template),
        weights=interpolate(file.weights),
        normal=interpolate(normals.numpy()),
        covered=covered,
        joints=dict(zip(SMPL_JOINT_NAMES, joints, strict=True)),
        landmarks={name: file.v_template[v] for name, v in file.landmark_vertices.items()},
        floor=float(file.v_template[:, 1].min()),
    )


@numba.njit(cache=True)
def _rasterise(
    corners: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Face that covers each texel's centre (-1: none) and the centre's place in it."""
    face = np.full((size, size), -1)
    barycentric = np.zeros((size, size, 3))
    for f in range(len(corners)):
        (x0, y0), (x1, y1), (x2, y2) = corners[f, 0], corners[f, 1], corners[f, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        for row in range(max(0, int(min(y0, y1, y2)) - 1), min(size, int(max(y0, y1, y2)) + 2)):
            for column in range(
                max(0, int(min(x0, x1, x2)) - 1), min(size, int(max(x0, x1, x2)) + 2)
            ):
                x, y = column + 0.5, row + 0.5
                a = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                b = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                c = 1 - a - b
                if a >= -1e-9 and b >= -1e-9 and c >= -1e-9:
                    face[row, column] = f
                    barycentric[row, column] = (a, b, c)
    return face, barycentric
