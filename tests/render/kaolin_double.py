"""A stand-in for kaolin's `kaolin.render.mesh`, with its published interface, on our torch `dibr`.

The interface (arguments, their order and meaning, results) is that of kaolin 0.17's documentation
of `dibr_rasterization`.
"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor

from hfb.render import RenderSettings
from hfb.render.torch.silhouette import dibr_alpha
from hfb.render.torch.visibility import barycentric_weights, find_visible_faces


def dibr_rasterization(
    height: int,
    width: int,
    face_vertices_z: Tensor,
    face_vertices_image: Tensor,
    face_features: Tensor,
    face_normals_z: Tensor,
    sigmainv: float = 7000,
    boxlen: float = 0.02,
    knum: int = 30,
    multiplier: float | None = None,
    eps: float | None = None,
    rast_backend: str = "cuda",
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, soft mask and visible face of each pixel, batch first.

    Args:
        height: rows.
        width: columns.
        face_vertices_z: (B, F, 3); the largest is the nearest.
        face_vertices_image: (B, F, 3, 2) in [-1, 1], y up.
        face_features: (B, F, 3, D), interpolated affinely on the image.
        face_normals_z: (B, F); faces with a negative one are not drawn, but soften the mask.
        sigmainv: sharpness.
        boxlen: enlargement of the faces' boxes.
        knum: faces a pixel.
        multiplier: for the original's integers.
        eps: the original's guard.
        rast_backend: of the original.
    """
    assert eps is None
    assert rast_backend == "cuda"
    assert multiplier == 1000
    batch, num_faces = face_vertices_z.shape[:2]
    size = face_vertices_image.new_tensor([width, height])
    signs = face_vertices_image.new_tensor([1.0, -1.0])
    grid = (face_vertices_image * signs + 1) / 2 * size + 0.5
    screen = torch.cat([grid, face_vertices_z[..., None]], -1).reshape(batch, -1, 3)
    faces = torch.arange(3 * num_faces, device=screen.device).reshape(-1, 3)
    is_front = face_normals_z >= 0
    face_id, _ = find_visible_faces(screen, is_front, faces, height, width)
    settings = RenderSettings("dibr", sigmainv=sigmainv, boxlen=boxlen, knum=knum)
    alpha, _ = dibr_alpha(screen, torch.ones_like(is_front), face_id, faces, settings)
    frame, y, x = (face_id >= 0).nonzero(as_tuple=True)
    face = face_id[frame, y, x]
    weights = barycentric_weights(screen[frame[:, None], faces[face]], x, y)
    seen = (weights[..., None] * face_features[frame, face]).sum(1)
    features = seen.new_zeros(*face_id.shape, seen.shape[-1]).index_put((frame, y, x), seen)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    return features[inner], alpha[inner], face_id[inner]


@pytest.fixture
def kaolin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the stand-in."""
    mesh = ModuleType("kaolin.render.mesh")
    mesh.dibr_rasterization = dibr_rasterization  # type: ignore[attr-defined]
    package, render = ModuleType("kaolin"), ModuleType("kaolin.render")
    package.render, render.mesh = render, mesh  # type: ignore[attr-defined]
    for module in (package, render, mesh):
        monkeypatch.setitem(sys.modules, module.__name__, module)
