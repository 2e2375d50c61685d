"""From recordings to training windows: polynomials through short stretches of motion capture.

The heading-free frame. A window is turned about the vertical and moved so that at mid-exposure the
person stands at the origin and faces along +z: y is up, +z is the horizontal direction at right
angles to the root's own left axis, +x completes the frame (the person's left). These are the axes
of SMPL's model frame. A refinement gets there from the camera frame by taking -y of the camera for
up, which is right for an upright camera (`hfb.prior.canonical_motion`).

Window times run over [0, 1] from its first to its last frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.mocap.clip import Z_UP_TO_Y_UP, MocapClip
from datamodules.mocap.resample import quaternions_at
from hfb.errors import InputError
from hfb.geometry import heading_rotation, quat_xyzw_to_rotmat
from hfb.motion import Parameterization, PolynomialMotion, fit_polynomial
from hfb.ranges import SEED, Range, check_settings

# "paper" writes the translation as direction and distance from the camera: the person is put this
# far before the origin, m, so that neither is singular.
PAPER_DISTANCE_M = 4.0
# Frames fitted at most: more of them change a cubic by less than the capture's noise.
_MAX_SAMPLES = 16
# Rad per frame added to a stretch's speed before stretches are drawn in proportion to it.
_REST_SPEED = 0.05
_FRAMES_AT_ONCE = 100_000


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


@dataclass(frozen=True)
class Frames:
    """All frames of several recordings at one rate, one after the other.

    Attributes:
        pose_quat_xyzw: y-up world; a third of the memory that matrices need.
        transl: y-up world, m; no pelvis offset is taken into account, as everywhere in `motion`.
        run: how many valid frames of the same recording start at each frame.
        clip: recording that each frame belongs to.
        seconds: valid time of each recording.
        person: number of the person that each recording is of.
    """

    pose_quat_xyzw: Float[Tensor, "F 24 4"]
    transl: Float[Tensor, "F 3"]
    run: Int[np.ndarray, " F"]
    clip: Int[np.ndarray, " F"]
    seconds: Float[np.ndarray, " N"]
    person: Int[np.ndarray, " N"]

    def pose_rotmat(self, rows: Int[Tensor, "*B"]) -> Float[Tensor, "*B 24 3 3"]:
        """Poses at some frames.

        Args:
            rows: numbers of the frames.
        """
        return quat_xyzw_to_rotmat(self.pose_quat_xyzw[rows])


def join_clips(clips: Sequence[MocapClip], frame_rate: float) -> Frames:
    """Resample recordings to one rate and put them one after the other.

    Raises:
        InputError: if there are none.
    """
    if not clips:
        raise InputError("no recordings to cut windows from.")
    parts = [_y_up(*quaternions_at(clip, frame_rate)) for clip in clips]
    names = sorted({clip.subject for clip in clips})
    return Frames(
        pose_quat_xyzw=torch.cat([part[0] for part in parts]),
        transl=torch.cat([part[1] for part in parts]),
        run=np.concatenate([_run_lengths(part[2]) for part in parts]),
        clip=np.repeat(np.arange(len(parts)), [len(part[2]) for part in parts]),
        seconds=np.array([part[2].sum() / frame_rate for part in parts]),
        person=np.array([names.index(clip.subject) for clip in clips]),
    )


def _y_up(
    quats: NDArray[np.float64], transl: NDArray[np.float64], valid: NDArray[np.bool_]
) -> tuple[Tensor, Tensor, NDArray[np.bool_]]:
    """A recording in single precision in the world with y up."""
    turn = Rotation.from_matrix(Z_UP_TO_Y_UP.numpy())
    root = (turn * Rotation.from_quat(quats[:, 0])).as_quat()
    turned = np.concatenate([root[:, None], quats[:, 1:]], 1).astype(np.float32)
    return (
        torch.from_numpy(turned),
        torch.from_numpy(transl.astype(np.float32)) @ Z_UP_TO_Y_UP.T,
        valid,
    )


def _run_lengths(valid: np.ndarray) -> np.ndarray:
    """Number of valid frames from each frame on until the first invalid one."""
    ends = np.append(np.flatnonzero(~valid), len(valid))
    frames = np.arange(len(valid))
    return ends[np.searchsorted(ends, frames)] - frames


def draw_windows(
    frames: Frames, settings: WindowSettings, count: int
) -> tuple[Int[np.ndarray, " W"], Int[np.ndarray, " W"]]:
    """First frame and number of frames of `count` windows.

    Lengths are uniform. People count as the settings say, of one person recordings by their
    duration, of one recording a start by how fast the joints turn there, plus a floor, so that
    standing about does not dominate.

    Raises:
        InputError: if no recording has a valid stretch of `min_frames` frames.
    """
    rng = np.random.default_rng(settings.seed)
    activity = np.append(_turning(frames.pose_quat_xyzw), 0.0) + _REST_SPEED
    usable = frames.run >= settings.min_frames
    if not usable.any():
        raise InputError(
            f"no recording has {settings.min_frames} valid frames in a row at "
            f"{settings.frame_rate:g} Hz."
        )
    weight = np.where(usable, activity, 0.0)
    shares = recording_shares(frames, settings)
    total = np.bincount(frames.clip, weight, minlength=len(shares))
    weight *= (shares / np.maximum(total, 1e-12))[frames.clip]
    start = rng.choice(len(weight), count, p=weight / weight.sum())
    longest = np.minimum(frames.run[start], settings.max_frames)
    # Uniform over the lengths that fit.
    length = settings.min_frames + np.floor(
        rng.random(count) * (longest - settings.min_frames + 1)
    ).astype(np.int64)
    return start, length


def recording_shares(frames: Frames, settings: WindowSettings) -> Float[np.ndarray, " N"]:
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
    parts = []
    # A part at a time: hours of motion are gigabytes.
    for first in range(0, len(quats) - 1, _FRAMES_AT_ONCE):
        some = quats[first : first + _FRAMES_AT_ONCE + 1]
        is_alike = (some[:-1] * some[1:]).sum(-1, keepdim=True) >= 0.0
        apart = (some[:-1] - torch.where(is_alike, some[1:], -some[1:])).norm(dim=-1)
        parts.append(4.0 * torch.arcsin((0.5 * apart).clamp(max=1.0)).sum(-1).numpy())
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def fit_windows(
    frames: Frames,
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
    parts: list[PolynomialMotion] = []
    order = []
    for size in np.unique(length):
        for index in np.array_split(
            np.flatnonzero(length == size), 1 + (length == size).sum() // 2048
        ):
            times = np.unique(np.linspace(0, size - 1, min(size, _MAX_SAMPLES)).round().astype(int))
            rows = torch.from_numpy(start[index][:, None] + times)
            t = torch.from_numpy(times / (size - 1)).float()
            rotmat, transl = to_heading_free(frames.pose_rotmat(rows), frames.transl[rows], t)
            if settings.parameterization == "paper":
                transl = transl + transl.new_tensor([0.0, 0.0, PAPER_DISTANCE_M])
            parts.append(
                fit_polynomial(rotmat, transl, t, settings.degree, settings.parameterization)
            )
            order.append(index)
            if on_progress is not None:
                on_progress(len(index))
    back = torch.from_numpy(np.argsort(np.concatenate(order)))
    return Windows(
        coeffs=torch.cat([part.coeffs for part in parts])[back],
        base_rotmat=torch.cat([part.base_rotmat for part in parts])[back],
        base_transl=torch.cat([part.base_transl for part in parts])[back],
        seconds=torch.from_numpy((length - 1) / settings.frame_rate).float(),
    )


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
