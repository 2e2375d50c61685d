"""A person as seen: body, what lies on it, tubes, texture and finish."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.clothes import bend_of_skin
from datamodules.synthetic.person import dressed_verts, pose_photo
from datamodules.synthetic.scene import ScenePlan, texels_of
from datamodules.synthetic.shading import Finish
from datamodules.synthetic.texels import TexelMap
from datamodules.synthetic.wild import fabric
from datamodules.synthetic.wild.extras import Extras, Topology, draw_extras, topology_of
from datamodules.synthetic.wild.garments import Covering, draw_covering, draw_look, trailing
from datamodules.synthetic.wild.regions import SurfacePoints
from datamodules.synthetic.wild.settings import Mix
from hfb.body import load_texture
from hfb.formation import srgb_to_linear
from hfb.structures import BodyParams, Mesh

_FOLD_SHADE = (0.15, 0.45)  # fine folds darken and brighten cloth by so much


@dataclass(frozen=True)
class Figure:
    """A dressed person, ready to be posed and rendered.

    Attributes:
        plan: whose body and motion.
        mesh: its topology and texture; the vertices are of one rest pose and mean nothing.
        texels: of the texture.
        covering: what lies on the body, if anything.
        extras: skirt and long hair, if the mesh has them.
        finish: highlights and folds, without their times; None: none.
    """

    plan: ScenePlan
    mesh: Mesh
    texels: TexelMap
    covering: Covering | None
    extras: Extras | None
    finish: Finish | None

    def at_photo(self, photo: int, num: int) -> tuple[Mesh, Finish | None]:
        """The moving mesh of a photo, and its finish.

        Args:
            photo: which.
            num: sub-frames.
        """
        plan = self.plan
        params, _, times = pose_photo(plan.body, plan.betas, plan.shot, num, photo)
        verts = dressed_verts(plan.body, params, times, self.covering)
        if self.extras is not None:
            tubes = self.extras.posed(plan.body, plan.betas, params)
            delay = self.covering.delay_s if self.covering is not None else 0.05
            lag = trailing(tubes, params.transl, times, self.extras.swing, delay)
            verts = torch.cat([verts, tubes + lag], dim=1)
        mesh = Mesh(verts, self.mesh.faces, self.mesh.uv, self.mesh.faces_uv, self.mesh.texture)
        return mesh, self._finish_at(params, verts.shape[1])

    def _finish_at(self, params: BodyParams, num_verts: int) -> Finish | None:
        if self.finish is None:
            return None
        bend = bend_of_skin(self.plan.body, params)
        angle = 2.5 * bend
        shown = (0.3 + 0.7 * bend)[..., None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
        # The tubes have no joints of their own: their folds stay as they are.
        tubes = shown.new_tensor([1.0, 0.0]).expand(len(shown), num_verts - shown.shape[1], 2)
        creases = self.finish.creases * torch.cat([shown, tubes], dim=1)
        return Finish(self.finish.gloss, self.finish.shininess, self.finish.wrinkles, creases)


def draw_figure(plan: ScenePlan, outfit: str, mix: Mix) -> Figure:
    """Dress a person.

    Args:
        plan: whose body and motion.
        outfit: name or path of the texture underneath.
        mix: what is in the photo.
    """
    body = plan.body
    albedo = srgb_to_linear(load_texture(outfit))
    look = draw_look(mix)
    points = SurfacePoints.at_vertices(body, plan.betas)
    covering = draw_covering(points, body, look, mix)
    if covering is None and "highlights" not in mix:
        mesh = Mesh(body.template[None], body.faces, body.uv, body.faces_uv, albedo)
        return Figure(plan, mesh, texels_of(body, *albedo.shape[-2:]), None, None, None)
    topology = topology_of(body, albedo.shape[-1])
    extras = draw_extras(points, look.cut, look.hair, mix)
    on_texture = points.at_texels(topology.texels)
    texture = fabric.paint(albedo, on_texture, topology, look, mix)
    finish = _finish(points, on_texture, topology, extras, covering, mix)
    mesh = Mesh(body.template[None], topology.faces, topology.uv, topology.faces_uv, texture)
    return Figure(plan, mesh, topology.texels, covering, extras, finish)


def _finish(
    points: SurfacePoints,
    on_texture: SurfacePoints,
    topology: Topology,
    extras: Extras,
    covering: Covering | None,
    mix: Mix,
) -> Finish:
    look = draw_look(mix)
    gloss, shininess = fabric.gloss_of(points, len(extras.rest), look, mix)
    wrinkles = fabric.wrinkles_of(on_texture, topology, mix)
    depth = float(mix.rng("fold shade").uniform(*_FOLD_SHADE)) * mix.strength("garments")
    cloth: Float[Tensor, " V"] = torch.zeros(len(points.position))
    if covering is not None:
        cloth = (covering.fold_height / 0.006).clamp(0.0, 1.0)
    cloth = torch.cat([cloth, torch.ones(len(extras.rest))])
    creases = (depth * cloth)[None, :, None].expand(1, -1, 2)
    return Finish(gloss, shininess, wrinkles, creases)
