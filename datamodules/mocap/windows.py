"""From recordings to training windows: polynomials through short stretches of motion capture.

The heading-free frame. A window is turned about the vertical and moved so that at mid-exposure the
person stands at the origin and faces along +z: y is up, +z is the horizontal direction at right
angles to the root's own left axis, +x completes the frame (the person's left). These are the axes
of SMPL's model frame. A refinement gets there from the camera frame by taking -y of the camera for
up, which is right for an upright camera (`hfb.prior.canonical_motion`).

Window times run over [0, 1] from its first to its last frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from datamodules.mocap.frames import FrameSource
from hfb.errors import InputError
from hfb.geometry import heading_rotation
from hfb.motion import Parameterization, PolynomialMotion, fit_polynomial
from hfb.motion.polynomial import channels_of
from hfb.motion.tracks import NUM_TRACKS
from hfb.ranges import SEED, Range, check_settings

# "paper" writes the translation as direction and distance from the camera: the person is put this
# far before the origin, m, so that neither is singular.
PAPER_DISTANCE_M = 4.0
# Frames fitted at most: more of them change a cubic by less than the capture's noise.
_MAX_SAMPLES = 16
# Rad per frame added to a stretch's speed before stretches are drawn in proportion to it.
_REST_SPEED = 0.05


_RANGES: dict[str, Range] = {
    "degree": (1, 10),
    "min_frames": (2, 100_000),
    "max_frames": (2, 100_000),
    "frame_rate": (1.0, 10_000.0),
    "seed": SEED,
    "person_power": (0.0, 1.0),
    "most_seconds": (0.0, 1e9),
}


@dataclass(frozen=True)
class WindowSettings:
    """What is cut out of the recordings.

    Attributes:
        degree: degree of the fitted polynomials.
        parameterization: what the coefficients mean, see `hfb.motion.PolynomialMotion`.
        min_frames: shortest window at `frame_rate`.
        max_frames: longest window.
        frame_rate: Hz; recordings at other rates are resampled.
        seed: of the drawing.
        person_power: a person counts with the valid time of its recordings to this power: 1 by
            duration, 0 all alike.
        most_seconds: a recording counts with at most this time; None: with all of it.
    """

    degree: int = 3
    parameterization: Parameterization = "tangent"
    min_frames: int = 5
    max_frames: int = 60
    frame_rate: float = 120.0
    seed: int = 0
    person_power: float = 0.5
    most_seconds: float | None = None

    def __post_init__(self) -> None:
        check_settings(self, "windows", _RANGES)
        if not self.degree < self.min_frames <= self.max_frames:
            raise InputError(
                f"windows of {self.min_frames} to {self.max_frames} frames cannot fix polynomials "
                f"of degree {self.degree}: degree < min_frames <= max_frames is needed."
            )


@dataclass(frozen=True)
class Windows:
    """W fitted windows in the heading-free frame.

    Attributes:
        coeffs: lowest order first.
        base_rotmat: pose that the coefficients are about.
        base_transl: translation that they are about, m.
        seconds: duration of each window.
    """

    coeffs: Float[Tensor, "W D1 K C"]
    base_rotmat: Float[Tensor, "W J 3 3"]
    base_transl: Float[Tensor, "W 3"]
    seconds: Float[Tensor, " W"]

    def __len__(self) -> int:
        return len(self.coeffs)

    def select(self, index: Tensor) -> Windows:
        """The windows at `index`, in that order."""
        return Windows(*(getattr(self, name)[index] for name in WINDOW_ARRAYS))


WINDOW_ARRAYS = ("coeffs", "base_rotmat", "base_transl", "seconds")


def draw_windows(
    frames: FrameSource, settings: WindowSettings, count: int
) -> tuple[Int[np.ndarray, " W"], Int[np.ndarray, " W"]]:
    """First frame and number of frames of `count` windows.

    Lengths are uniform. People count as the settings say, of one person recordings by their
    duration, of one recording a start by how fast the joints turn there, plus a floor, so that
    standing about does not dominate.

    Raises:
        InputError: if no recording has a valid stretch of `min_frames` frames.
    """
    rng = np.random.default_rng(settings.seed)
    usable = [bool((frames.runs_of(k) >= settings.min_frames).any()) for k in _clips(frames)]
    if not any(usable):
        raise InputError(
            f"no recording has {settings.min_frames} valid frames in a row at "
            f"{settings.frame_rate:g} Hz."
        )
    # As one draw from all frames would do it, a recording at a time: hours of motion are gigabytes.
    ends = np.cumsum(np.where(usable, recording_shares(frames, settings), 0.0))
    ends /= ends[-1]
    position = rng.random(count)
    clip = np.searchsorted(ends, position, side="right")
    start, run = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in np.unique(clip):
        rows = np.flatnonzero(clip == k)
        below = ends[k - 1] if k else 0.0
        inside = (position[rows] - below) / (ends[k] - below)
        own = frames.runs_of(int(k))
        found = np.searchsorted(_start_chances(frames, int(k), settings), inside, side="right")
        start[rows], run[rows] = frames.first[k] + found, own[found]
    longest = np.minimum(run, settings.max_frames)
    # Uniform over the lengths that fit.
    length = settings.min_frames + np.floor(
        rng.random(count) * (longest - settings.min_frames + 1)
    ).astype(np.int64)
    return start, length


def _clips(frames: FrameSource) -> range:
    return range(len(frames.seconds))


def _start_chances(
    frames: FrameSource, clip: int, settings: WindowSettings
) -> Float[np.ndarray, " F"]:
    """Chance that a window of a recording starts at each frame or before."""
    activity = np.append(_turning(frames.quats_of(clip)), 0.0) + _REST_SPEED
    weight = np.where(frames.runs_of(clip) >= settings.min_frames, activity, 0.0)
    chances = np.cumsum(weight)
    return np.asarray(chances / chances[-1])


def recording_shares(frames: FrameSource, settings: WindowSettings) -> Float[np.ndarray, " N"]:
    """How many windows each recording is to give, relative to the others.

    Args:
        frames: the recordings.
        settings: how people and long recordings count.
    """
    seconds = frames.seconds
    if settings.most_seconds is not None:
        seconds = np.minimum(seconds, settings.most_seconds)
    of_person = np.bincount(frames.person, seconds)[frames.person]
    return np.asarray(seconds * np.maximum(of_person, 1e-12) ** (settings.person_power - 1.0))


def _turning(quats: Float[Tensor, "F J 4"]) -> NDArray[np.float32]:
    """How far all joints together turn from each frame to the next, rad."""
    is_alike = (quats[:-1] * quats[1:]).sum(-1, keepdim=True) >= 0.0
    apart = (quats[:-1] - torch.where(is_alike, quats[1:], -quats[1:])).norm(dim=-1)
    return np.asarray(4.0 * torch.arcsin((0.5 * apart).clamp(max=1.0)).sum(-1).numpy())


def fit_windows(
    frames: FrameSource,
    start: Int[np.ndarray, " W"],
    length: Int[np.ndarray, " W"],
    settings: WindowSettings,
    on_progress: Callable[[int], None] | None = None,
) -> Windows:
    """Fit polynomials to windows, in the order given.

    Args:
        frames: the recordings.
        start: first frame of each window.
        length: frames of each window.
        settings: degree and parameterisation.
        on_progress: called now and then with the number of windows done since the last call.
    """
    count, tracks = len(start), NUM_TRACKS
    # Filled in place: parts that are put together afterwards would need the memory twice.
    windows = Windows(
        coeffs=torch.empty(
            count, settings.degree + 1, tracks, channels_of(settings.parameterization)
        ),
        base_rotmat=torch.empty(count, tracks - 1, 3, 3),
        base_transl=torch.empty(count, 3),
        seconds=torch.from_numpy((length - 1) / settings.frame_rate).float(),
    )
    for size in np.unique(length):
        for index in np.array_split(
            np.flatnonzero(length == size), 1 + (length == size).sum() // 2048
        ):
            fitted = _fitted(frames, start[index], int(size), settings)
            windows.coeffs[index] = fitted.coeffs
            windows.base_rotmat[index] = fitted.base_rotmat
            windows.base_transl[index] = fitted.base_transl
            if on_progress is not None:
                on_progress(len(index))
    return windows


def _fitted(
    frames: FrameSource, start: Int[np.ndarray, " W"], size: int, settings: WindowSettings
) -> PolynomialMotion:
    """Polynomials through windows of one length."""
    times = np.unique(np.linspace(0, size - 1, min(size, _MAX_SAMPLES)).round().astype(int))
    rows = torch.from_numpy(start[:, None] + times)
    t = torch.from_numpy(times / (size - 1)).float()
    rotmat, transl = to_heading_free(frames.pose_rotmat(rows), frames.places(rows), t)
    if settings.parameterization == "paper":
        transl = transl + transl.new_tensor([0.0, 0.0, PAPER_DISTANCE_M])
    return fit_polynomial(rotmat, transl, t, settings.degree, settings.parameterization)


def to_heading_free(
    pose_rotmat: Float[Tensor, "*B S 24 3 3"],
    transl: Float[Tensor, "*B S 3"],
    t: Float[Tensor, " S"],
) -> tuple[Float[Tensor, "*B S 24 3 3"], Float[Tensor, "*B S 3"]]:
    """Turn windows of a y-up world so that the person faces +z at mid-exposure, at the origin.

    Args:
        pose_rotmat: poses at the times.
        transl: translations at the times, m.
        t: times in [0, 1]; the one nearest 0.5 is the middle.
    """
    middle = int((t - 0.5).abs().argmin())
    turn = heading_rotation(pose_rotmat[..., middle, 0, :, :])
    root = turn.unsqueeze(-3) @ pose_rotmat[..., 0, :, :]
    moved = transl - transl[..., middle : middle + 1, :]
    turned = (turn.unsqueeze(-3) @ moved.unsqueeze(-1)).squeeze(-1)
    return torch.cat([root.unsqueeze(-3), pose_rotmat[..., 1:, :, :]], -3), turned
