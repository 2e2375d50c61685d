"""Draw a motion, a camera and an exposure that together blur as much as wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from datamodules.synthetic.camera_placement import CameraRange, SceneCamera, place_camera
from datamodules.synthetic.exposure_window import (
    ShutterWindow,
    as_tensor,
    coarse_times,
    window_for_blur,
)
from datamodules.synthetic.movement.procedural import MotionSource, random_action
from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.ranges import Range, check_settings
from hfb.render import hard_silhouettes
from hfb.structures import BodyParams

# What the command's options share with the settings that they become.
IMAGE_SIDE: Range = (16, 8192)
BLUR_RATE: Range = (0.0, 100.0)
NUM_FRAMES: Range = (1, 64)
GAP: Range = (0.0, 100.0)
_RANGES: dict[str, Range] = {
    "height": IMAGE_SIDE,
    "width": IMAGE_SIDE,
    "blur_rate": BLUR_RATE,
    "exposure_s": (1e-4, 60.0),
    "num_subframes": (1, 10_000),
    "num_truth": (1, 10_000),
    "supersampling": (1, 8),
    "variation": (0.0, 10.0),
    "beta_sigma": (0.0, 10.0),
    "full_well": (1.0, 1e9),
    "read_noise": (0.0, 1.0),
    "max_attempts": (1, 100_000),
    "num_frames": NUM_FRAMES,
    "gap": GAP,
    "exposure_grid_hz": (1.0, 1e6),
    "subframe_hz": (1.0, 1e6),
}
_COARSE_ROWS = 128
_COARSE_TIMES = 33
_BLUR_TOLERANCE = 0.02


@dataclass(frozen=True)
class SyntheticSettings:
    """What is drawn at random, and how finely the exposure is integrated.

    Attributes:
        height: image rows.
        width: image columns.
        blur_rate: lowest and highest blur rate (eq. 12).
        exposure_s: shortest and longest exposure, s.
        num_subframes: sub-frames averaged into the image.
        num_truth: sub-frames of the ground truth, at the middles of equal intervals.
        supersampling: samples per pixel along each axis.
        actions: names of library actions to choose from; None: all.
        variation: 0 plays the actions as authored, 1 varies them as people do.
        outfits: names of textures to choose from; None: all shipped ones.
        beta_sigma: standard deviation of the shape coefficients.
        camera: what the camera is drawn from.
        full_well: lowest and highest number of electrons at white (photon noise).
        read_noise: lowest and highest read noise, units of white.
        background_folder: folder of photographs; None: procedural rooms and landscapes.
        max_attempts: actions tried to reach the wanted blur rate; then the nearest is taken.
        num_frames: consecutive photos of one sample.
        gap: time between two exposures as a share of the exposure.
        exposure_grid_hz: exposures are whole numbers of this rate's periods (a motion capture's
            frames); None: any length.
        subframe_hz: sub-frames a second, instead of `num_subframes` an exposure.
    """

    height: int = 480
    width: int = 400
    blur_rate: tuple[float, float] = (0.05, 0.9)
    exposure_s: tuple[float, float] = (0.03, 0.22)
    num_subframes: int = 48
    num_truth: int = 24
    supersampling: int = 2
    actions: tuple[str, ...] | None = None
    variation: float = 1.0
    outfits: tuple[str, ...] | None = None
    beta_sigma: float = 0.8
    camera: CameraRange = field(default_factory=CameraRange)
    full_well: tuple[float, float] = (4000.0, 20000.0)
    read_noise: tuple[float, float] = (0.0008, 0.003)
    background_folder: Path | None = None
    max_attempts: int = 10
    num_frames: int = 1
    gap: float = 0.0
    exposure_grid_hz: float | None = None
    subframe_hz: float | None = None

    def __post_init__(self) -> None:
        check_settings(self, "", _RANGES)
        for name in ("blur_rate", "exposure_s", "full_well", "read_noise"):
            low, high = getattr(self, name)
            if low > high:
                raise InputError(f"{name} {[low, high]}: the lower value comes first")

    def subframes_of(self, duration: float) -> int:
        """Sub-frames averaged into a photo of this exposure time, s."""
        if self.subframe_hz is None:
            return self.num_subframes
        return max(1, round(duration * self.subframe_hz))


@dataclass(frozen=True)
class Shot:
    """A motion, when it is exposed, and from where it is seen.

    Attributes:
        source: the motion.
        window: the first exposure.
        placed: the camera.
        num_frames: consecutive exposures.
        gap_s: from the closing of the shutter to its next opening, s.
    """

    source: MotionSource
    window: ShutterWindow
    placed: SceneCamera
    num_frames: int = 1
    gap_s: float = 0.0

    @property
    def openings(self) -> list[float]:
        """When the shutter opens, s of the motion."""
        period = self.window.duration + self.gap_s
        return [self.window.start + k * period for k in range(self.num_frames)]


def choose_shot(
    settings: SyntheticSettings,
    body: SmplBody,
    betas: Float[Tensor, " K"],
    generator: torch.Generator,
    rng: np.random.Generator,
    source: MotionSource | None,
) -> Shot:
    """Draw motions and cameras until an exposure has the wanted blur rate."""
    low, high = settings.blur_rate
    inset = min(_BLUR_TOLERANCE, 0.25 * (high - low))
    wanted = float(rng.uniform(low + inset, high - inset))
    best: tuple[float, Shot] | None = None
    for _ in range(settings.max_attempts):
        motion = source if source is not None else _draw_action(settings, generator, rng)
        shot = _try_shot(settings, body, betas, motion, wanted, rng)
        miss = abs(shot.window.blur_rate - wanted)
        if best is None or miss < best[0]:
            best = (miss, shot)
        if miss <= inset:
            break
    assert best is not None
    return best[1]


def _draw_action(
    settings: SyntheticSettings, generator: torch.Generator, rng: np.random.Generator
) -> MotionSource:
    names = settings.actions
    name = names[int(rng.integers(len(names)))] if names else None
    return random_action(generator, name, settings.variation)


def _try_shot(
    settings: SyntheticSettings,
    body: SmplBody,
    betas: Float[Tensor, " K"],
    motion: MotionSource,
    wanted: float,
    rng: np.random.Generator,
) -> Shot:
    """The exposure of one motion, about a random time, that comes nearest to the blur rate."""
    centre = float(rng.uniform(*motion.focus))
    camera_seed = int(rng.integers(2**31))
    times = coarse_times(centre, motion.duration, settings.exposure_s[1], _COARSE_TIMES)
    rotmat, verts = _posed(body, betas, motion, times)
    # Camera and exposure depend on each other; one round is near enough.
    inside = np.abs(times - centre) <= 0.3 * settings.exposure_s[1]
    placed = _place(settings, rotmat, verts, inside, camera_seed)
    scale = _COARSE_ROWS / settings.height
    coarse = placed.camera.crop(0.0, 0.0, scale, _COARSE_ROWS, round(settings.width * scale))
    silhouettes = hard_silhouettes(placed.transform(verts), body.faces, coarse)
    window = window_for_blur(silhouettes, times, centre, wanted, settings.exposure_s[0])
    window = _on_grid(settings, window, motion.duration)
    step = times[1] - times[0]
    if settings.num_frames == 1:
        inside = (times >= window.start - step) & (times <= window.end + step)
        return Shot(motion, window, _place(settings, rotmat, verts, inside, camera_seed))
    window = _with_room(settings, window, motion.duration)
    gap_s = settings.gap * window.duration
    total = settings.num_frames * window.duration + (settings.num_frames - 1) * gap_s
    times = np.linspace(window.start, window.start + total, _COARSE_TIMES)
    rotmat, verts = _posed(body, betas, motion, times)
    final = _place(settings, rotmat, verts, np.ones(len(times), dtype=bool), camera_seed)
    return Shot(motion, window, final, settings.num_frames, gap_s)


def _posed(
    body: SmplBody, betas: Float[Tensor, " K"], motion: MotionSource, times: np.ndarray
) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S V 3"]]:
    """Pose and vertices at times of a motion, world, m."""
    rotmat, transl = motion.window(body, betas, as_tensor(times))
    return rotmat, body(BodyParams(betas[None], rotmat, transl)).verts


def _place(
    settings: SyntheticSettings,
    rotmat: Float[Tensor, "S 24 3 3"],
    verts: Float[Tensor, "S V 3"],
    inside: Bool[np.ndarray, " S"],
    camera_seed: int,
) -> SceneCamera:
    """The camera of a seed, before the body as it is at the times that are inside."""
    middle = rotmat[int(np.flatnonzero(inside).mean()), 0]
    return place_camera(
        verts[torch.from_numpy(inside)],
        middle[:, 2],
        settings.height,
        settings.width,
        settings.camera,
        np.random.default_rng(camera_seed),
    )


def _on_grid(settings: SyntheticSettings, window: ShutterWindow, duration: float) -> ShutterWindow:
    """The window about the same middle whose length is a whole number of the grid's periods."""
    if settings.exposure_grid_hz is None:
        return window
    period = 1.0 / settings.exposure_grid_hz
    shortest, longest = (round(s / period) for s in settings.exposure_s)
    length = period * float(np.clip(round(window.duration / period), shortest, longest))
    middle = 0.5 * (window.start + window.end)
    start = float(np.clip(middle - length / 2, 0.0, max(0.0, duration - length)))
    return ShutterWindow(start, start + length, window.blur_rate)


def _with_room(
    settings: SyntheticSettings, window: ShutterWindow, duration: float
) -> ShutterWindow:
    """The window moved so that all exposures lie within the motion; shortened if they cannot."""
    periods = settings.num_frames + (settings.num_frames - 1) * settings.gap
    length = min(window.duration, duration / periods)
    start = min(window.start, duration - periods * length)
    return ShutterWindow(start, start + length, window.blur_rate)
