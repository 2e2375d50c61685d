"""Lit appearance of a moving body, as a camera would integrate it.

The light stays, the body turns in it: each sub-frame has its own shading, baked into its own copy
of the texture. The fit knows nothing of this, it has one texture for all sub-frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from datamodules.synthetic.texels import TexelMap
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


@dataclass(frozen=True)
class Finish:
    """What the surface does with light besides scattering it evenly.

    Attributes:
        gloss: strength of the highlight of each vertex, share of the lamp.
        shininess: exponent of the highlight: the higher, the smaller it is.
        wrinkles: two patterns of fine folds over the texture, mean 0.
        creases: how much of the two patterns each vertex shows at each time.
    """

    gloss: Float[Tensor, " V"]
    shininess: float
    wrinkles: Float[Tensor, "2 TH TW"]
    creases: Float[Tensor, "N V 2"]

    def at(self, chosen: slice | list[int]) -> Finish:
        """The same at some of the times."""
        return Finish(self.gloss, self.shininess, self.wrinkles, self.creases[chosen])


@dataclass(frozen=True)
class LitLayers:
    """Some lit sub-frames, on the part of the image that the body ever touches.

    Attributes:
        first: number of the first of them.
        corner: left and top of the part, px.
        rgb: premultiplied linear RGB.
        alpha: silhouettes.
        visible_faces: faces seen in any of them.
    """

    first: int
    corner: tuple[int, int]
    rgb: Float[Tensor, "n 3 h w"]
    alpha: Float[Tensor, "n 1 h w"]
    visible_faces: Bool[Tensor, " F"]


def lit_layers(
    mesh: Mesh,
    camera: Camera,
    light: Light,
    texels: TexelMap,
    supersampling: int = 2,
    finish: Finish | None = None,
) -> Iterator[LitLayers]:
    """Lit sub-frames, a few at a time, anti-aliased by supersampling.

    Args:
        mesh: one body at N times, without other axes; its texture is the linear albedo in [0, 1].
        camera: full image.
        light: in the camera frame.
        texels: of this mesh's texture.
        supersampling: samples per pixel along each axis.
        finish: highlights and folds; none if None.
    """
    x0, y0, height, width = bounding_crop(mesh.verts, camera)
    fine = camera.crop(
        float(x0), float(y0), float(supersampling), height * supersampling, width * supersampling
    )
    for first in range(0, len(mesh.verts), _CHUNK):
        chosen = slice(first, first + _CHUNK)
        verts = mesh.verts[chosen]
        own = None if finish is None else finish.at(chosen)
        lit = _lit_textures(verts, mesh, light, texels, own)
        chunk = Mesh(verts[:, None], mesh.faces, mesh.uv, mesh.faces_uv, lit)
        seen = render_exposure(chunk, fine, RenderSettings())
        yield LitLayers(
            first,
            (x0, y0),
            avg_pool2d(seen.rgb, supersampling),
            avg_pool2d(seen.alpha, supersampling),
            seen.visible_faces.any(0),
        )


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
    return average_lit(lit_layers(mesh, camera, light, texels, supersampling), mesh, camera)


def average_lit(layers: Iterable[LitLayers], mesh: Mesh, camera: Camera) -> Exposure:
    """The exposure that sub-frames add up to, on the full image.

    Args:
        layers: all sub-frames of the mesh.
        mesh: what they show.
        camera: full image.
    """
    num = len(mesh.verts)
    rgb = mesh.verts.new_zeros(3, camera.height, camera.width)
    alpha = mesh.verts.new_zeros(1, camera.height, camera.width)
    visible = torch.zeros(len(mesh.faces), dtype=torch.bool)
    for part in layers:
        (x0, y0), (height, width) = part.corner, part.alpha.shape[-2:]
        rgb[:, y0 : y0 + height, x0 : x0 + width] += part.rgb.sum(0) / num
        alpha[:, y0 : y0 + height, x0 : x0 + width] += part.alpha.sum(0) / num
        visible |= part.visible_faces
    return Exposure(rgb=rgb, alpha=alpha.clamp(0.0, 1.0), visible_faces=visible)


def _lit_textures(
    verts: Float[Tensor, "N V 3"],
    mesh: Mesh,
    light: Light,
    texels: TexelMap,
    finish: Finish | None,
) -> Float[Tensor, "N 3 TH TW"]:
    """Albedo times irradiance; the shares of light are interpolated from the vertices."""
    normals = vertex_normals(verts, mesh.faces)
    values = list(_light_shares(normals, light))
    if finish is not None:
        values += [*finish.creases.unbind(-1), _highlights(verts, normals, light, finish)]
    baked = texels.from_verts @ torch.cat(values).T.contiguous().numpy()
    planes = torch.from_numpy(baked).T.reshape(
        len(values), len(verts), 1, texels.height, texels.width
    )
    lit = planes[0] * light.lamp[:, None, None] + planes[1] * light.ambient[:, None, None]
    lit.mul_(mesh.texture)
    if finish is not None:
        lit.mul_(1 + planes[2] * finish.wrinkles[0] + planes[3] * finish.wrinkles[1])
        lit.add_(planes[4] * light.lamp[:, None, None])
    return lit.clamp_(0.0, 1.0)


def _highlights(
    verts: Float[Tensor, "N V 3"], normals: Float[Tensor, "N V 3"], light: Light, finish: Finish
) -> Float[Tensor, "N V"]:
    """The lamp's mirror image on a slightly rough surface (Blinn and Phong), share of the lamp."""
    halfway = normalize(light.direction - normalize(verts, dim=-1), dim=-1)
    facing = (normals * halfway).sum(-1).clamp(min=0.0)
    lit = (normals @ light.direction > 0).to(facing)
    return finish.gloss * lit * facing**finish.shininess


def bounding_crop(verts: Float[Tensor, "N V 3"], camera: Camera) -> tuple[int, int, int, int]:
    """Left, top, rows and columns of the part of the image that the body ever touches."""
    points = verts[..., :2] / verts[..., 2:] * camera.focal + camera.principal_point
    low = points.flatten(0, 1).min(0).values.floor().long() - _MARGIN_PX
    high = points.flatten(0, 1).max(0).values.ceil().long() + _MARGIN_PX
    x0, y0 = (max(0, int(v)) for v in low)
    x1, y1 = min(camera.width, int(high[0])), min(camera.height, int(high[1]))
    return x0, y0, max(1, y1 - y0), max(1, x1 - x0)
