"""Lit appearance of a moving body, as a camera would integrate it.

The light stays, the body turns in it: each sub-frame has its own shading, baked into its own copy
of the texture. The fit knows nothing of this, it has one texture for all sub-frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hfb.geometry import vertex_normals
from hfb.render import RenderSettings, render_exposure
from hfb.structures import Camera, Exposure, Mesh

_CHUNK = 8  # sub-frames rendered at once: bounds memory to ~100 MB of textures
_MARGIN_PX = 3


@dataclass(frozen=True)
class Light:
    """One distant lamp or sun, and light from everywhere that is stronger from above.

    Attributes:
        direction: towards the lamp, unit vector, camera frame.
        up: upwards, unit vector, camera frame.
        lamp: linear RGB irradiance on a surface that faces the lamp.
        ambient: linear RGB irradiance on a surface that faces up.
        ground_share: ambient on a surface that faces down, share of `ambient`.
    """

    direction: Float[Tensor, " 3"]
    up: Float[Tensor, " 3"]
    lamp: Float[Tensor, " 3"]
    ambient: Float[Tensor, " 3"]
    ground_share: float = 0.45


def random_light(world_to_camera: Float[Tensor, "3 3"], rng: np.random.Generator) -> Light:
    """A lamp from above, anywhere around, and ambient light, both slightly tinted.

    Args:
        world_to_camera: rotation from a world with y up.
        rng: source of randomness.
    """
    azimuth = float(rng.uniform(-np.pi, np.pi))
    height = float(np.deg2rad(rng.uniform(25, 70)))
    world = torch.tensor(
        [np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth)]
    ).float()
    ambient = float(rng.uniform(0.45, 0.8))
    warmth = float(rng.uniform(-0.08, 0.12))
    lamp = torch.tensor([1 + warmth, 1.0, 1 - warmth]) * (1.1 * (1.15 - ambient))
    return Light(
        direction=world_to_camera @ world,
        up=world_to_camera @ torch.tensor([0.0, 1.0, 0.0]),
        lamp=lamp,
        ambient=torch.tensor([1 - 0.5 * warmth, 1.0, 1 + 0.5 * warmth]) * ambient,
        ground_share=float(rng.uniform(0.35, 0.6)),
    )


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


def irradiance(normals: Float[Tensor, "*B 3"], light: Light) -> Float[Tensor, "*B 3"]:
    """Linear RGB irradiance on surfaces with the given normals (Lambert, no cast shadows)."""
    towards, sky = _light_shares(normals, light)
    return towards[..., None] * light.lamp + sky[..., None] * light.ambient


def _light_shares(
    normals: Float[Tensor, "*B 3"], light: Light
) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
    """Shares of the lamp and of the ambient light that reach surfaces."""
    share = 0.5 * (1 + normals @ light.up)
    sky = light.ground_share + (1 - light.ground_share) * share
    return (normals @ light.direction).clamp(min=0.0), sky


def shaded_exposure(
    mesh: Mesh, camera: Camera, light: Light, texels: TexelMap, supersampling: int = 2
) -> Exposure:
    """Average the lit sub-frames over the exposure, anti-aliased by supersampling.

    Eq. (2) of Human from Blur with an appearance that changes over the exposure.

    Args:
        mesh: one body at N times, without other axes; its texture is the linear albedo in [0, 1].
        camera: full image.
        light: in the camera frame.
        texels: of this mesh's texture.
        supersampling: samples per pixel along each axis.

    Returns:
        Premultiplied linear RGB (clipped to [0, 1]), alpha, and the faces seen.
    """
    x0, y0, height, width = _bounding_crop(mesh.verts, camera)
    fine = camera.crop(
        float(x0), float(y0), float(supersampling), height * supersampling, width * supersampling
    )
    rgb = mesh.verts.new_zeros(3, height, width)
    alpha = mesh.verts.new_zeros(1, height, width)
    visible = torch.zeros(len(mesh.faces), dtype=torch.bool)
    num = len(mesh.verts)
    for verts in mesh.verts.split(_CHUNK):
        lit = _lit_textures(verts, mesh, light, texels)
        chunk = Mesh(verts[:, None], mesh.faces, mesh.uv, mesh.faces_uv, lit)
        seen = render_exposure(chunk, fine, RenderSettings())
        rgb = rgb + avg_pool2d(seen.rgb, supersampling).sum(0) / num
        alpha = alpha + avg_pool2d(seen.alpha, supersampling).sum(0) / num
        visible |= seen.visible_faces.any(0)
    full_rgb = rgb.new_zeros(3, camera.height, camera.width)
    full_alpha = rgb.new_zeros(1, camera.height, camera.width)
    full_rgb[:, y0 : y0 + height, x0 : x0 + width] = rgb
    full_alpha[:, y0 : y0 + height, x0 : x0 + width] = alpha.clamp(0.0, 1.0)
    return Exposure(rgb=full_rgb, alpha=full_alpha, visible_faces=visible)


def _lit_textures(
    verts: Float[Tensor, "N V 3"], mesh: Mesh, light: Light, texels: TexelMap
) -> Float[Tensor, "N 3 TH TW"]:
    """Albedo times irradiance; the two shares of light are interpolated from the vertices."""
    shares = _light_shares(vertex_normals(verts, mesh.faces), light)
    baked = texels.from_verts @ torch.cat(shares).T.contiguous().numpy()
    planes = torch.from_numpy(baked).T.reshape(2, len(verts), 1, texels.height, texels.width)
    lit = planes[0] * light.lamp[:, None, None] + planes[1] * light.ambient[:, None, None]
    return lit.mul_(mesh.texture).clamp_(0.0, 1.0)


def _bounding_crop(verts: Float[Tensor, "N V 3"], camera: Camera) -> tuple[int, int, int, int]:
    """Left, top, rows and columns of the part of the image that the body ever touches."""
    points = verts[..., :2] / verts[..., 2:] * camera.focal + camera.principal_point
    low = points.flatten(0, 1).min(0).values.floor().long() - _MARGIN_PX
    high = points.flatten(0, 1).max(0).values.ceil().long() + _MARGIN_PX
    x0, y0 = (max(0, int(v)) for v in low)
    x1, y1 = min(camera.width, int(high[0])), min(camera.height, int(high[1]))
    return x0, y0, max(1, y1 - y0), max(1, x1 - x0)
