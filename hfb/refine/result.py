"""What a refinement found for one sample, and views of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.formation import composite_layers, linear_to_srgb, srgb_to_linear
from hfb.motion import PolynomialMotion, evaluate, subframe_times
from hfb.refine.module import RefineModule
from hfb.refine.sequence.boundaries import Gap
from hfb.render import RenderSettings, render
from hfb.structures import BodyParams, Camera, Layers, Mesh, PosedBody


@dataclass(frozen=True)
class Refinement:
    """The refined body of one sample, in full-image coordinates.

    Attributes:
        sample_id: which sample.
        motion: the motion inside the exposure, without batch axes.
        betas: shape.
        texture: sRGB in [0, 1].
        camera: full-image camera.
        num_subframes: N of eq. 2 that it was fitted with.
        formation: "linear" or "srgb": what was averaged.
        gap: between consecutive photos, where it was estimated.
    """

    sample_id: str
    motion: PolynomialMotion
    betas: Float[Tensor, " K"]
    texture: Float[Tensor, "3 TH TW"]
    camera: Camera
    num_subframes: int
    formation: str
    gap: Gap | None = None

    def poses(
        self, t: Float[Tensor, " N"]
    ) -> tuple[Float[Tensor, "N J 3 3"], Float[Tensor, "N 3"]]:
        """Rotations and translations at given times in [0, 1]."""
        return evaluate(self.motion, t)

    def posed(self, body: SmplBody, t: Float[Tensor, " N"]) -> PosedBody:
        """The body at given times in [0, 1]."""
        pose_rotmat, transl = self.poses(t)
        return body(BodyParams(self.betas, pose_rotmat, transl))

    def mesh(self, body: SmplBody, t: Float[Tensor, " N"]) -> Mesh:
        """The textured mesh at given times in [0, 1]; texture in the space that is averaged."""
        is_linear = self.formation == "linear"
        texture = srgb_to_linear(self.texture) if is_linear else self.texture
        verts = self.posed(body, t).verts
        return Mesh(verts, body.faces, body.uv, body.faces_uv, texture)


@dataclass(frozen=True)
class Views:
    """Images of a refinement at some resolution, sRGB in [0, 1].

    Attributes:
        reblurred: the estimate blurred again and put on the background.
        alpha: its mean silhouette.
        subframes: each sub-frame on the background, sharp.
        layers: the rendered layers, in the space that is averaged.
    """

    reblurred: Float[Tensor, "3 H W"]
    alpha: Float[Tensor, "1 H W"]
    subframes: Float[Tensor, "N 3 H W"]
    layers: Layers


@torch.no_grad()
def render_views(
    refinement: Refinement,
    body: SmplBody,
    camera: Camera,
    background: Float[Tensor, "3 H W"],
    render_settings: RenderSettings,
    num_subframes: int | None = None,
) -> Views:
    """Render a refinement with any camera and put it on the background.

    Args:
        refinement: what to draw.
        body: its body model.
        camera: for example the full-image camera scaled to a preview's size.
        background: sRGB in [0, 1], of the camera's size.
        render_settings: how to rasterise.
        num_subframes: how many; by default as many as the fit used.
    """
    times = subframe_times(num_subframes or refinement.num_subframes)
    layers = render(refinement.mesh(body, times), camera, render_settings)
    decode, encode = _response(refinement)
    behind = decode(background)
    return Views(
        reblurred=encode(composite_layers(layers, behind)).clamp(0.0, 1.0),
        alpha=layers.alpha.mean(0),
        subframes=encode(_on_background(layers, behind)).clamp(0.0, 1.0),
        layers=layers,
    )


def sharp_subframes(
    refinement: Refinement,
    body: SmplBody,
    t: Float[Tensor, " N"],
    background: Float[Tensor, "3 H W"],
    render_settings: RenderSettings,
) -> Float[Tensor, "N 3 H W"]:
    """The sharp image at any times of the exposure, sRGB in [0, 1].

    Args:
        refinement: what to draw.
        body: its body model.
        t: times in [0, 1].
        background: sRGB in [0, 1], of the size of the refinement's camera.
        render_settings: how to rasterise.
    """
    layers = render(refinement.mesh(body, t), refinement.camera, render_settings)
    decode, encode = _response(refinement)
    return encode(_on_background(layers, decode(background))).clamp(0.0, 1.0)


def _response(refinement: Refinement) -> tuple[Callable[[Tensor], Tensor], ...]:
    """From sRGB to the space that was averaged, and back."""
    if refinement.formation == "linear":
        return srgb_to_linear, linear_to_srgb
    return _identity, _identity


def _on_background(layers: Layers, behind: Float[Tensor, "3 H W"]) -> Float[Tensor, "N 3 H W"]:
    return layers.alpha * layers.rgb + (1.0 - layers.alpha) * behind


def refinements_of(module: RefineModule, cameras: list[Camera]) -> list[Refinement]:
    """Take a finished module apart, one refinement a problem: a photo.

    Args:
        module: a finished refinement; its problems are named "<sample_id>/<start>".
        cameras: full-image camera of each problem.

    Returns:
        On the CPU, wherever the fit ran.
    """
    motion = module.polynomial_motion().to("cpu")
    motion = motion.with_coeffs(motion.coeffs.detach())
    betas, texture = (
        module.per_problem(values).detach().cpu() for values in (module.betas, module.texture)
    )
    gaps: list[Gap | None] = [None] * len(module.problem)
    if module.found_gaps and module.problem.sequences:
        gaps = [module.found_gaps[q] for q in module.problem.sequences.number.tolist()]
    return [
        Refinement(
            sample_id=name.rsplit("/", 1)[0],
            motion=motion.index(p),
            betas=betas[p],
            texture=texture[p],
            camera=cameras[p],
            num_subframes=module.settings.num_subframes,
            formation=module.settings.formation,
            gap=gaps[p],
        )
        for p, name in enumerate(module.problem.names)
    ]


def _identity(image: Tensor) -> Tensor:
    return image
