"""Draw a photo as wrong as the world, from the plan of a plain one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.scene import (
    ScenePlan,
    Surroundings,
    SyntheticScene,
    draw_surroundings,
    sample_of,
)
from datamodules.synthetic.shading import Light, LitLayers, average_lit, lit_layers
from datamodules.synthetic.wild.camera import RealCamera
from datamodules.synthetic.wild.figure import Figure, draw_figure
from datamodules.synthetic.wild.plate import (
    leaf_mask,
    photo_gain,
    photo_gamma,
    plate_frames,
    plate_light,
    stirred,
)
from datamodules.synthetic.wild.settings import Mix, WorldSettings
from datamodules.synthetic.wild.shadows import (
    Receivers,
    ShadowLight,
    find_receivers,
    transmittance,
)
from hfb.formation import composite_exposure
from hfb.structures import Camera, Exposure, Mesh

_LEAF_INSTANTS = 3


@dataclass(frozen=True)
class WildScene(SyntheticScene):
    """A drawn photo and what only its maker knows.

    Attributes:
        mix: what is in it.
        details: the numbers that were drawn, by ingredient.
        transmittance: share of the background's light in the first photo, person and shadow
            taken off; None: no shadow.
    """

    mix: Mix = field(default_factory=lambda: Mix(0, {}))
    details: dict[str, Any] = field(default_factory=dict)
    transmittance: Float[Tensor, "3 H W"] | None = None


@dataclass(frozen=True)
class _Exposed:
    """A photo before any camera has seen it."""

    exposure: Exposure
    transmittance: Float[Tensor, "3 H W"] | None

    def on(self, background: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
        """The photo's light, eq. (2) with a shadow; linear RGB."""
        if self.transmittance is None:
            return composite_exposure(self.exposure, background)
        return self.transmittance * background + self.exposure.rgb


@torch.no_grad()
def draw_wild_scene(
    plan: ScenePlan, settings: WorldSettings, keep_sharp: bool = False, sample_id: str | None = None
) -> WildScene:
    """Draw what was planned; uses up the plan's random numbers.

    Args:
        plan: from `plan_scene`; its truth is the body under whatever it wears.
        settings: what may be in the photos.
        keep_sharp: also make the sharp images.
        sample_id: name of the sample; from motion and seed if None.

    Raises:
        InputError: if there is no photograph where there should be some.
    """
    mix = Mix.draw(settings, plan.seed)
    around = draw_surroundings(plan)
    figure = draw_figure(plan, around.outfit, mix)
    details: dict[str, Any] = {}
    exposed = _expose(figure, around, mix, details)
    camera = RealCamera.draw(mix, around.sensor)
    details |= _of_camera(camera, mix)
    leaves = leaf_mask(around.place, plan.shot.placed, mix)
    generator = plan.generator
    if "noise" in mix:
        generator = torch.Generator().manual_seed(int(mix.rng("grain").integers(2**62)))
    photos, gamma = [], photo_gamma(mix, details)
    for number, part in enumerate(exposed):
        behind = stirred(around.place.image, leaves, mix, f"leaves {number}", _LEAF_INSTANTS)
        photos.append(
            camera.take(photo_gain(mix, details) * part.on(behind), generator, gamma=gamma)
        )
    plate = plate_light(around.place.image, exposed[0].exposure, leaves, mix, details)
    frames = plate_frames(mix)
    taken = camera.take(plate, generator, frames=frames)
    sample = sample_of(plan, photos, taken, around.outfit, sample_id)
    sharp = (
        _instants(figure, around) if keep_sharp else around.place.image.new_zeros(0, *plate.shape)
    )
    return WildScene(
        sample=sample,
        exposure=exposed[0].exposure,
        background=around.place.image,
        sensor=camera.sensor,
        placed=plan.shot.placed,
        outfit=Path(around.outfit).stem,
        sharp=sharp,
        mix=mix,
        details=details,
        transmittance=exposed[0].transmittance,
    )


def _expose(
    figure: Figure, around: Surroundings, mix: Mix, details: dict[str, Any]
) -> list[_Exposed]:
    """The photos of a person, with the shadow where there is one."""
    plan, shot = figure.plan, figure.plan.shot
    num = plan.settings.subframes_of(shot.window.duration)
    receivers = find_receivers(around.place, shot.placed) if "shadow" in mix else None
    photos = []
    for photo in range(shot.num_frames):
        mesh, finish = figure.at_photo(photo, num)
        layers = list(
            lit_layers(
                mesh, shot.placed.camera, around.light, figure.texels,
                plan.settings.supersampling, finish,
            )
        )  # fmt: skip
        exposure = average_lit(layers, mesh, shot.placed.camera)
        left = None
        if receivers is not None:
            left = _past_the_shadow(
                mesh, layers, receivers, shot.placed, around.light, mix, details
            )
        photos.append(_Exposed(exposure, left))
    return photos


def _past_the_shadow(
    mesh: Mesh,
    layers: list[LitLayers],
    receivers: Receivers,
    placed: SceneCamera,
    light: Light,
    mix: Mix,
    details: dict[str, Any],
) -> Float[Tensor, "3 H W"]:
    sun = ShadowLight.draw(mix, light, placed, len(mesh.verts))
    details["shadow"] = {"lamp": sun.lamp, "sky": sun.sky, "softness_m": sun.softness_m}
    verts = mesh.verts @ placed.world_to_camera + placed.centre
    tint = light.lamp / light.lamp.mean()
    return transmittance(
        verts, mesh.faces, _full_alphas(layers, placed.camera), receivers, sun, tint
    )


def _full_alphas(layers: list[LitLayers], camera: Camera) -> Iterator[Float[Tensor, "H W"]]:
    """Silhouettes of the sub-frames on the full image, one by one."""
    for part in layers:
        (x0, y0), (height, width) = part.corner, part.alpha.shape[-2:]
        for own in part.alpha:
            alpha = own.new_zeros(camera.height, camera.width)
            alpha[y0 : y0 + height, x0 : x0 + width] = own[0]
            yield alpha


def _instants(figure: Figure, around: Surroundings) -> Float[Tensor, "3 3 H W"]:
    """Sharp images of the first, middle and last sub-frame of the first photo, without shadows."""
    plan, camera = figure.plan, figure.plan.shot.placed.camera
    num = plan.settings.subframes_of(plan.shot.window.duration)
    mesh, finish = figure.at_photo(0, num)
    chosen = [0, (num - 1) // 2, num - 1]
    mesh = replace(mesh, verts=mesh.verts[chosen])
    finish = None if finish is None else finish.at(chosen)
    (layers,) = lit_layers(
        mesh, camera, around.light, figure.texels, plan.settings.supersampling, finish
    )
    one, images = replace(mesh, verts=mesh.verts[:1]), []
    for k in range(len(chosen)):
        instant = replace(layers, rgb=layers.rgb[k : k + 1], alpha=layers.alpha[k : k + 1])
        images.append(composite_exposure(average_lit([instant], one, camera), around.place.image))
    return torch.stack(images)


def _of_camera(camera: RealCamera, mix: Mix) -> dict[str, Any]:
    parts = {
        "noise": camera.sensor if "noise" in mix else None,
        "tone": camera.tone,
        "compression": camera.compression,
    }
    return {name: asdict(part) for name, part in parts.items() if part is not None}
