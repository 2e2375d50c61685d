"""Make a blurry photograph of a moving person, and keep what only its maker knows.

The images must not flatter a fit that uses the same body and renderer. So the motion is no
polynomial, the exposure is integrated with many more sub-frames than a fit uses and supersampled,
the light stays while the body turns in it, and the camera adds noise and quantisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.clothes import Clothes
from datamodules.synthetic.movement.procedural import MotionSource, numpy_generator
from datamodules.synthetic.person import dressed_verts, pose_photo, true_target
from datamodules.synthetic.sensor import Sensor
from datamodules.synthetic.shading import Light, random_light, shaded_exposure
from datamodules.synthetic.shot import Shot, SyntheticSettings, choose_shot
from datamodules.synthetic.texels import TexelMap, map_texels
from datamodules.synthetic.world.background import Place, draw_place
from hfb.body import SmplBody, load_body, load_texture, texture_names
from hfb.formation import blur_rate, composite_exposure, srgb_to_linear
from hfb.structures import BlurSample, Exposure, Mesh, Target

BACKGROUND_FRAMES = 8
"""Images averaged into the background, as one does with a tripod."""


@dataclass(frozen=True)
class SyntheticScene:
    """A sample together with what only its maker knows.

    Attributes:
        sample: what a method gets to see, with its target.
        exposure: noise-free premultiplied linear RGB and alpha of the first photo.
        background: noise-free background, linear RGB.
        sensor: the camera's noise.
        placed: the camera in the world.
        outfit: name of the texture.
        sharp: noise-free images of instants of the first photo, linear RGB: first, middle and
            last time; empty unless asked for.
    """

    sample: BlurSample
    exposure: Exposure
    background: Float[Tensor, "3 H W"]
    sensor: Sensor
    placed: SceneCamera
    outfit: str
    sharp: Float[Tensor, "S 3 H W"]


@dataclass(frozen=True)
class ScenePlan:
    """All that is settled before anything is drawn; the truth already shows the blur rate.

    Attributes:
        settings: what is drawn.
        seed: of the scene.
        body: the body.
        betas: its shape.
        shot: motion, exposures and camera.
        clothes: what it wears besides its texture; None: nothing that has a thickness.
        target: the ground truth.
        blur_rate: eq. (12), mean over the photos.
        generator: source of all further randomness.
        rng: the same for numpy.
    """

    settings: SyntheticSettings
    seed: int
    body: SmplBody
    betas: Float[Tensor, " K"]
    shot: Shot
    clothes: Clothes | None
    target: Target
    blur_rate: float
    generator: torch.Generator
    rng: np.random.Generator


Exposer = Callable[[ScenePlan, Light, str, bool], tuple[list[Exposure], list[Exposure]]]
"""Draws the person alone, as `expose_body` does; it must leave the plan's random numbers."""


def make_scene(
    settings: SyntheticSettings,
    seed: int,
    body: SmplBody | None = None,
    source: MotionSource | None = None,
    keep_sharp: bool = False,
) -> SyntheticScene:
    """Make a sample and keep the noise-free layers: eq. (2) in linear light.

    Args:
        settings: what is drawn.
        seed: equal seeds and settings give equal scenes.
        body: the body to dress; the free body if None.
        source: the motion, for example a motion-capture clip; drawn from the library if None.
        keep_sharp: also make the sharp images.

    Raises:
        InputError: if an action or outfit of the settings does not exist.
    """
    return draw_scene(plan_scene(settings, seed, body, source), keep_sharp)


@torch.no_grad()
def plan_scene(
    settings: SyntheticSettings,
    seed: int,
    body: SmplBody | None = None,
    source: MotionSource | None = None,
    clothes: Clothes | None = None,
    betas: Float[Tensor, " K"] | None = None,
) -> ScenePlan:
    """Settle person, motion, camera and exposure, and work out the truth: the cheap part.

    Args:
        settings: what is drawn.
        seed: equal seeds and settings give equal plans.
        body: the body to dress; the free body if None.
        source: the motion; drawn from the library if None.
        clothes: garments with a thickness, if any.
        betas: shape of the body; drawn if None.

    Raises:
        InputError: if an action of the settings does not exist.
    """
    body = default_body() if body is None else body
    generator = torch.Generator().manual_seed(seed)
    rng = numpy_generator(generator)
    drawn = (settings.beta_sigma * torch.randn(body.num_betas, generator=generator)).clamp(
        -2.5, 2.5
    )
    betas = drawn if betas is None else betas
    shot = choose_shot(settings, body, betas, generator, rng, source)
    target = true_target(body, betas, shot, clothes, settings.num_truth)
    assert target.silhouettes is not None
    rate = float(blur_rate(target.silhouettes).mean())
    return ScenePlan(settings, seed, body, betas, shot, clothes, target, rate, generator, rng)


@torch.no_grad()
def draw_scene(
    plan: ScenePlan,
    keep_sharp: bool = False,
    sample_id: str | None = None,
    expose: Exposer | None = None,
) -> SyntheticScene:
    """Draw what was planned; uses up the plan's random numbers.

    Args:
        plan: from `plan_scene`.
        keep_sharp: also make the sharp images.
        sample_id: name of the sample; from motion and seed if None.
        expose: draws the person; our renderer if None.

    Raises:
        InputError: if an outfit of the settings does not exist.
    """
    shot, generator = plan.shot, plan.generator
    around = draw_surroundings(plan)
    draw = expose or expose_body
    exposures, instants = draw(plan, around.light, around.outfit, keep_sharp)
    background, sensor = around.place.image, around.sensor
    photos = [
        sensor.expose(composite_exposure(exposure, background), generator) for exposure in exposures
    ]
    plate = sensor.expose(background, generator, frames=BACKGROUND_FRAMES)
    sample = sample_of(plan, photos, plate, around.outfit, sample_id)
    sharp = [composite_exposure(instant, background) for instant in instants]
    stacked = torch.stack(sharp) if sharp else background.new_zeros(0, *background.shape)
    return SyntheticScene(
        sample, exposures[0], background, sensor, shot.placed, Path(around.outfit).stem, stacked
    )


@dataclass(frozen=True)
class Surroundings:
    """What is drawn at random besides the person.

    Attributes:
        light: falls on person and place.
        outfit: name or path of the texture.
        place: what is behind the person.
        sensor: the camera's noise.
    """

    light: Light
    outfit: str
    place: Place
    sensor: Sensor


def draw_surroundings(plan: ScenePlan) -> Surroundings:
    """Light, outfit, place and noise; uses up the plan's numbers for them.

    Raises:
        InputError: if there is no photograph where there should be some.
    """
    settings, placed, rng = plan.settings, plan.shot.placed, plan.rng
    light = random_light(placed.world_to_camera, rng)
    names = settings.outfits or texture_names()
    outfit = names[int(rng.integers(len(names)))]
    place = draw_place(placed, light, rng, settings.background_folder)
    sensor = Sensor(
        full_well=float(np.exp(rng.uniform(*np.log(settings.full_well)))),
        read_noise=float(rng.uniform(*settings.read_noise)),
    )
    return Surroundings(light, outfit, place, sensor)


def sample_of(
    plan: ScenePlan,
    photos: list[Float[Tensor, "3 H W"]],
    plate: Float[Tensor, "3 H W"],
    outfit: str,
    sample_id: str | None,
) -> BlurSample:
    """The sample of drawn photos.

    Args:
        plan: what they show.
        photos: sRGB.
        plate: the background as a method gets it, sRGB.
        outfit: name or path of the texture.
        sample_id: from motion and seed if None.
    """
    shot = plan.shot
    duration = shot.window.duration
    opened = torch.tensor(shot.openings) - shot.window.start
    return BlurSample(
        sample_id=sample_id or scene_name(shot.source.name, plan.seed),
        blurry=torch.stack(photos),
        background=plate,
        camera=shot.placed.camera,
        target=plan.target,
        blur_rate=plan.blur_rate,
        exposure=torch.stack([opened, opened + duration], dim=1),
        fps=1.0 / (duration + shot.gap_s),
        source=f"synthetic: {shot.source.name}, {Path(outfit).stem}, seed {plan.seed}",
    )


def scene_name(motion: str, seed: int) -> str:
    """Name of a sample that has no other: no two seeds share one."""
    return f"synthetic_{motion}_{seed:03d}"


@lru_cache(maxsize=1)
def default_body() -> SmplBody:
    """The free body, loaded once."""
    return load_body()


@lru_cache(maxsize=2)
def texels_of(body: SmplBody, height: int, width: int) -> TexelMap:
    """Which point of a body each texel of a texture shows, found once."""
    return map_texels(body.faces, body.uv, body.faces_uv, height, width)


def expose_body(
    plan: ScenePlan, light: Light, outfit: str, keep_sharp: bool
) -> tuple[list[Exposure], list[Exposure]]:
    """Draw the person alone.

    Args:
        plan: what is drawn.
        light: falls on the person.
        outfit: name or path of the texture.
        keep_sharp: also draw single instants of the first exposure.

    Returns:
        The exposures, noise-free and premultiplied, and the instants (none unless asked for).
    """
    settings, body, shot = plan.settings, plan.body, plan.shot
    albedo = srgb_to_linear(load_texture(outfit))
    texels = texels_of(body, *albedo.shape[-2:])
    num = settings.subframes_of(shot.window.duration)
    parts = []
    for photo in range(shot.num_frames):
        params, _, times = pose_photo(body, plan.betas, shot, num, photo)
        verts = dressed_verts(body, params, times, plan.clothes)
        parts.append(Mesh(verts, body.faces, body.uv, body.faces_uv, albedo))
    chosen = (0, (num - 1) // 2, num - 1) if keep_sharp else ()
    parts += [replace(parts[0], verts=parts[0].verts[k : k + 1]) for k in chosen]
    exposures = [
        shaded_exposure(part, shot.placed.camera, light, texels, settings.supersampling)
        for part in parts
    ]
    return exposures[: shot.num_frames], exposures[shot.num_frames :]
