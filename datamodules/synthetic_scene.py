"""Make a blurry photograph of a moving person, and keep what only its maker knows.

The pictures must not flatter a fit that uses the same body and renderer. So the motion is no
polynomial, the exposure is integrated with many more sub-frames than a fit uses and supersampled,
the light stays while the body turns in it, and the camera adds noise and quantisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.camera_placement import SceneCamera
from datamodules.procedural_background import background_image
from datamodules.procedural_motion import MotionSource, numpy_generator
from datamodules.sensor import Sensor
from datamodules.shading import Light, TexelMap, map_texels, shaded_exposure
from datamodules.synthetic_shot import Shot, SyntheticSettings, choose_shot
from hfb.body import SmplBody, load_body, load_texture, texture_names
from hfb.formation import blur_rate, composite_exposure, srgb_to_linear
from hfb.motion import subframe_times
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, BodyParams, Exposure, Mesh, Target

_BACKGROUND_FRAMES = 8


@dataclass(frozen=True)
class SyntheticScene:
    """A sample together with what only its maker knows.

    Attributes:
        sample: what a method gets to see, with its target.
        exposure: noise-free premultiplied linear RGB and alpha.
        background: noise-free background, linear RGB.
        sensor: the camera's noise.
        placed: the camera in the world.
        outfit: name of the texture.
        sharp: noise-free pictures of instants, linear RGB: first, middle and last moment; empty
            unless asked for.
    """

    sample: BlurSample
    exposure: Exposure
    background: Float[Tensor, "3 H W"]
    sensor: Sensor
    placed: SceneCamera
    outfit: str
    sharp: Float[Tensor, "S 3 H W"]


@torch.no_grad()
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
        keep_sharp: also make the sharp pictures.

    Raises:
        InputError: if an action or outfit of the settings does not exist.
    """
    body = default_body() if body is None else body
    generator = torch.Generator().manual_seed(seed)
    rng = numpy_generator(generator)
    betas = (settings.beta_sigma * torch.randn(body.num_betas, generator=generator)).clamp(
        -2.5, 2.5
    )
    shot = choose_shot(settings, body, betas, generator, rng, source)
    light = _random_light(shot.placed, rng)
    outfit = _choose_outfit(settings, rng)
    exposure, instants = _expose_body(settings, body, betas, shot, light, outfit, keep_sharp)
    background = background_image(shot.placed, light, rng, settings.background_folder)
    sensor = Sensor(
        full_well=float(np.exp(rng.uniform(*np.log(settings.full_well)))),
        read_noise=float(rng.uniform(*settings.read_noise)),
    )
    target = _truth(settings, body, betas, shot)
    assert target.silhouettes is not None
    sample = BlurSample(
        sample_id=f"synthetic_{shot.source.name}_{seed:03d}",
        blurry=sensor.expose(composite_exposure(exposure, background), generator)[None],
        background=sensor.expose(background, generator, frames=_BACKGROUND_FRAMES),
        camera=shot.placed.camera,
        target=target,
        blur_rate=float(blur_rate(target.silhouettes)[0]),
        exposure=torch.tensor([[0.0, shot.window.duration]]),
        fps=1.0 / shot.window.duration,
        source=f"synthetic: {shot.source.name}, {outfit}, seed {seed}",
    )
    sharp = [composite_exposure(instant, background) for instant in instants]
    stacked = torch.stack(sharp) if sharp else background.new_zeros(0, *background.shape)
    return SyntheticScene(sample, exposure, background, sensor, shot.placed, outfit, stacked)


@lru_cache(maxsize=1)
def default_body() -> SmplBody:
    """The free body, loaded once."""
    return load_body()


@lru_cache(maxsize=2)
def _texels_of(body: SmplBody, height: int, width: int) -> TexelMap:
    return map_texels(body.faces, body.uv, body.faces_uv, height, width)


def _pelvis_rest(body: SmplBody, betas: Float[Tensor, " K"]) -> Float[Tensor, " 3"]:
    eye = torch.eye(3).expand(1, 24, 3, 3)
    return body.joints(BodyParams(betas[None], eye, betas.new_zeros(1, 3)))[0, 0]


def _random_light(placed: SceneCamera, rng: np.random.Generator) -> Light:
    """A lamp from above, anywhere around, and ambient light, both slightly tinted."""
    azimuth = float(rng.uniform(-np.pi, np.pi))
    height = float(np.deg2rad(rng.uniform(25, 70)))
    world = torch.tensor(
        [np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth)]
    ).float()
    ambient = float(rng.uniform(0.45, 0.8))
    warmth = float(rng.uniform(-0.08, 0.12))
    lamp = torch.tensor([1 + warmth, 1.0, 1 - warmth]) * (1.1 * (1.15 - ambient))
    return Light(
        direction=placed.world_to_camera @ world,
        up=placed.world_to_camera @ torch.tensor([0.0, 1.0, 0.0]),
        lamp=lamp,
        ambient=torch.tensor([1 - 0.5 * warmth, 1.0, 1 + 0.5 * warmth]) * ambient,
        ground_share=float(rng.uniform(0.35, 0.6)),
    )


def _choose_outfit(settings: SyntheticSettings, rng: np.random.Generator) -> str:
    names: Sequence[str] = settings.outfits or texture_names()
    return names[int(rng.integers(len(names)))]


def _posed(
    body: SmplBody, betas: Float[Tensor, " K"], shot: Shot, num: int
) -> tuple[BodyParams, Float[Tensor, " S"]]:
    """Camera-frame pose at `num` sub-frames of the exposure, and their times since its start."""
    since_start = subframe_times(num).double() * shot.window.duration
    rotmat, transl = shot.source.window(body, betas, since_start + shot.window.start)
    rotmat, transl = shot.placed.place_body(rotmat, transl, _pelvis_rest(body, betas))
    return BodyParams(betas[None], rotmat, transl), since_start.float()


def _expose_body(
    settings: SyntheticSettings,
    body: SmplBody,
    betas: Float[Tensor, " K"],
    shot: Shot,
    light: Light,
    outfit: str,
    keep_sharp: bool,
) -> tuple[Exposure, list[Exposure]]:
    """The exposure, and single instants of it (none unless asked for)."""
    params, _ = _posed(body, betas, shot, settings.num_subframes)
    albedo = srgb_to_linear(load_texture(outfit))
    mesh = Mesh(body(params).verts, body.faces, body.uv, body.faces_uv, albedo)
    texels = _texels_of(body, *albedo.shape[-2:])
    last = settings.num_subframes - 1
    chosen = (0, last // 2, last) if keep_sharp else ()
    parts = [mesh, *(replace(mesh, verts=mesh.verts[k : k + 1]) for k in chosen)]
    exposures = [
        shaded_exposure(part, shot.placed.camera, light, texels, settings.supersampling)
        for part in parts
    ]
    return exposures[0], exposures[1:]


def _truth(
    settings: SyntheticSettings, body: SmplBody, betas: Float[Tensor, " K"], shot: Shot
) -> Target:
    params, times = _posed(body, betas, shot, settings.num_truth)
    posed = body(params)
    return Target(
        joints=posed.joints[None],
        times=times[None],
        pose_rotmat=params.pose_rotmat[None],
        transl=params.transl[None],
        betas=betas,
        silhouettes=hard_silhouettes(posed.verts, body.faces, shot.placed.camera)[None],
    )
