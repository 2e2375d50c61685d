"""A person as a training image shows them: clothes, hair and shoes over a random body.

Half are dressed in the loose, folded, trailing clothes of the `wild` photos, painted like them or
dyed at random; the rest wear their clothes as paint. A network that saw naked meshes only would be
surprised by every other renderer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from datamodules.lifting.outfits import TEXTURE_SIZE, Wardrobe
from datamodules.synthetic.shading import Light, irradiance
from datamodules.synthetic.texels import TexelMap
from datamodules.synthetic.wild.extras import Extras, draw_extras, topology_of
from datamodules.synthetic.wild.fabric import gloss_of, paint
from datamodules.synthetic.wild.garments import Covering, draw_covering, draw_look, trailing
from datamodules.synthetic.wild.regions import SurfacePoints
from datamodules.synthetic.wild.settings import Mix, WorldSettings
from hfb.body import SmplBody, load_texture, texture_names
from hfb.formation import srgb_to_linear
from hfb.geometry import vertex_normals
from hfb.structures import BodyParams

# Painting cloth takes longer than rendering the whole image: so many looks are painted once.
_NUM_PAINTED = 160
_PAINTED_SHARE = 0.4
_DELAY_S = 0.05


@dataclass(frozen=True)
class Dress:
    """What somebody looks like.

    Attributes:
        faces: of body, skirt and long hair.
        uv: texture coordinates.
        faces_uv: indices into `uv`.
        texels: of the texture.
        texture: linear RGB.
        covering: what lies on the body; None: nothing.
        extras: skirt and long hair; None: the mesh has none.
        gloss: strength of the highlight of each vertex, share of the lamp.
        shininess: exponent of the highlight.
    """

    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]
    texels: TexelMap
    texture: Float[Tensor, "3 TH TW"]
    covering: Covering | None
    extras: Extras | None
    gloss: Float[Tensor, " V"]
    shininess: float

    def verts(
        self, body: SmplBody, params: BodyParams, times: Float[Tensor, " N"]
    ) -> Float[Tensor, "N V 3"]:
        """Vertices at some times, m.

        Args:
            body: underneath.
            params: its pose at the times.
            times: s.
        """
        verts = body(params).verts
        if self.covering is not None:
            verts = verts + self.covering.offsets(body, params, times)
        if self.extras is None:
            return verts
        tubes = self.extras.posed(body, params.betas[0], params)
        delay = _DELAY_S if self.covering is None else self.covering.delay_s
        lag = trailing(tubes, params.transl, times, self.extras.swing, delay)
        return torch.cat([verts, tubes + lag], dim=1)

    def lit(self, verts: Float[Tensor, "V 3"], light: Light) -> Float[Tensor, "3 TH TW"]:
        """The texture in the light of mid-exposure; within one exposure it hardly changes.

        Args:
            verts: at mid-exposure, camera frame, m.
            light: in the camera frame.
        """
        normals = vertex_normals(verts[None], self.faces)[0]
        halfway = normalize(light.direction - normalize(verts, dim=-1), dim=-1)
        facing = (normals * halfway).sum(-1).clamp(min=0.0) ** self.shininess
        mirrored = self.gloss * facing * (normals @ light.direction > 0)
        values = torch.cat([irradiance(normals, light), mirrored[:, None]], dim=-1)
        baked = torch.from_numpy(self.texels.from_verts @ values.numpy()).T
        shone, highlight = baked[:3].reshape(self.texture.shape), baked[3:]
        highlight = highlight.reshape(1, *self.texture.shape[1:])
        return (self.texture * shone + highlight * light.lamp[:, None, None]).clamp(0.0, 1.0)


def draw_dress(
    body: SmplBody,
    betas: Float[Tensor, " K"],
    wardrobe: Wardrobe,
    photo: Float[Tensor, "3 H W"],
    rng: np.random.Generator,
) -> Dress:
    """Dress a body at random.

    Args:
        body: to be dressed.
        betas: its shape.
        wardrobe: clothes that are paint.
        photo: any image, linear RGB: printed cloth is cut from it.
        rng: source of randomness.
    """
    is_painted = rng.random() < _PAINTED_SHARE
    number = int(rng.integers(_NUM_PAINTED if is_painted else 2**62))
    mix, points = Mix.draw(WorldSettings(), number), SurfacePoints.at_vertices(body, betas)
    look = draw_look(mix)
    covering = draw_covering(points, body, look, mix)
    if not is_painted:
        gloss, shininess = _gloss(points, 0, mix)
        painted = draw_paint(body, wardrobe, photo, rng)
        return replace(painted, covering=covering, gloss=gloss, shininess=shininess)
    topology = topology_of(body, TEXTURE_SIZE)
    extras = draw_extras(points, look.cut, look.hair, mix)
    gloss, shininess = _gloss(points, len(extras.rest), mix)
    tint = torch.from_numpy(rng.uniform(0.6, 1.4, (3, 1, 1))).float()
    texture = (_painted(body, number) * tint).clamp(0.0, 1.0)
    return Dress(
        topology.faces, topology.uv, topology.faces_uv, topology.texels, texture, covering, extras,
        gloss, shininess,
    )  # fmt: skip


def draw_paint(
    body: SmplBody,
    wardrobe: Wardrobe,
    photo: Float[Tensor, "3 H W"],
    rng: np.random.Generator,
) -> Dress:
    """Clothes that are nothing but paint: dull, and as tight as skin.

    Args:
        body: to be dressed.
        wardrobe: clothes that are paint.
        photo: any image, linear RGB: printed cloth is cut from it.
        rng: source of randomness.
    """
    dull = torch.zeros(len(body.template))
    texture = wardrobe.draw(rng, photo)
    return Dress(
        body.faces, body.uv, body.faces_uv, wardrobe.texels, texture, None, None, dull, 1.0
    )


@lru_cache(maxsize=_NUM_PAINTED)
def _painted(body: SmplBody, number: int) -> Float[Tensor, "3 TH TW"]:
    """The texture of a look, painted on the mean body."""
    mix = Mix.draw(WorldSettings(), number)
    topology = topology_of(body, TEXTURE_SIZE)
    points = SurfacePoints.at_vertices(body, torch.zeros(body.num_betas))
    names = texture_names()
    albedo = srgb_to_linear(load_texture(names[number % len(names)]))[None]
    size = (TEXTURE_SIZE, TEXTURE_SIZE)
    small = torch.nn.functional.interpolate(albedo, size=size, mode="bilinear", antialias=True)
    return paint(small[0], points.at_texels(topology.texels), topology, draw_look(mix), mix)


def _gloss(points: SurfacePoints, num_extras: int, mix: Mix) -> tuple[Tensor, float]:
    """Strength of each vertex's highlight, 0 without highlights, and how small it is."""
    return gloss_of(points, num_extras, draw_look(mix), mix)
