"""All frames of several recordings at one rate, in memory or in files.

World with y up, poses as quaternions: a third of the memory that matrices need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.mocap.clip import Z_UP_TO_Y_UP, MocapClip
from datamodules.mocap.resample import quaternions_at
from hfb.errors import InputError
from hfb.geometry import quat_xyzw_to_rotmat
from hfb.skeleton import NUM_JOINTS

_QUATS, _PLACES, _RUNS = "quats.f32", "places.f32", "runs.i32"


@dataclass(frozen=True)
class Frames:
    """All frames of several recordings at one rate, one after the other, in memory.

    Attributes:
        pose_quat_xyzw: y-up world.
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

    @property
    def first(self) -> Int[np.ndarray, " N1"]:
        """Number of the first frame of each recording, and of the frame behind the last."""
        return np.searchsorted(self.clip, np.arange(len(self.seconds) + 1))

    def runs_of(self, clip: int) -> Int[np.ndarray, " F"]:
        """How many valid frames start at each frame of a recording."""
        return self.run[slice(*np.searchsorted(self.clip, [clip, clip + 1]))]

    def quats_of(self, clip: int) -> Float[Tensor, "F 24 4"]:
        """Poses of a recording."""
        return self.pose_quat_xyzw[slice(*np.searchsorted(self.clip, [clip, clip + 1]))]

    def pose_rotmat(self, rows: Int[Tensor, "*B"]) -> Float[Tensor, "*B 24 3 3"]:
        """Poses at some frames.

        Args:
            rows: numbers of the frames.
        """
        return quat_xyzw_to_rotmat(self.pose_quat_xyzw[rows])

    def places(self, rows: Int[Tensor, "*B"]) -> Float[Tensor, "*B 3"]:
        """Translations at some frames, m.

        Args:
            rows: numbers of the frames.
        """
        return self.transl[rows]


@dataclass(frozen=True)
class Recording:
    """What is kept in memory of a recording whose frames are in a file.

    Attributes:
        subject: who moves.
        split: "train" or "val"; None where nobody has decided.
        num_frames: at the common rate.
        seconds: valid time.
    """

    subject: str
    split: str | None
    num_frames: int
    seconds: float

    def __len__(self) -> int:
        return self.num_frames


@dataclass(frozen=True)
class StoredFrames:
    """Frames in files, of which a recording or some rows at a time are in memory.

    Mapped anew at each call: pages that stay mapped would count as the process's memory.

    Attributes:
        folder: that `write_frames` wrote.
        recordings: all that are in it.
        chosen: which of them are to be used; None: all.
    """

    folder: Path
    recordings: Sequence[Recording]
    chosen: Sequence[bool] | None = None
    seconds: Float[np.ndarray, " N"] = field(init=False)
    person: Int[np.ndarray, " N"] = field(init=False)
    first: Int[np.ndarray, " N1"] = field(init=False)

    def __post_init__(self) -> None:
        names = {one.subject: number for number, one in enumerate(self.recordings)}
        lengths = [one.num_frames for one in self.recordings]
        person = np.array([names[one.subject] for one in self.recordings])
        object.__setattr__(self, "seconds", np.array([one.seconds for one in self.recordings]))
        object.__setattr__(self, "person", person)
        object.__setattr__(self, "first", np.concatenate([[0], np.cumsum(lengths)]).astype(int))

    def runs_of(self, clip: int) -> Int[np.ndarray, " F"]:
        """How many valid frames start at each frame of a recording; none of one not chosen."""
        runs = np.array(self._mapped(_RUNS, np.int32, 1)[self._rows(clip), 0])
        is_chosen = self.chosen is None or self.chosen[clip]
        return runs if is_chosen else np.zeros_like(runs)

    def quats_of(self, clip: int) -> Float[Tensor, "F 24 4"]:
        """Poses of a recording."""
        quats = np.array(self._mapped(_QUATS, np.float32, NUM_JOINTS * 4)[self._rows(clip)])
        return torch.from_numpy(quats).unflatten(1, (NUM_JOINTS, 4))

    def pose_rotmat(self, rows: Int[Tensor, "*B"]) -> Float[Tensor, "*B 24 3 3"]:
        """Poses at some frames.

        Args:
            rows: numbers of the frames.
        """
        quats = self._mapped(_QUATS, np.float32, NUM_JOINTS * 4)[rows.numpy()]
        return quat_xyzw_to_rotmat(torch.from_numpy(quats).unflatten(-1, (NUM_JOINTS, 4)))

    def places(self, rows: Int[Tensor, "*B"]) -> Float[Tensor, "*B 3"]:
        """Translations at some frames, m.

        Args:
            rows: numbers of the frames.
        """
        return torch.from_numpy(self._mapped(_PLACES, np.float32, 3)[rows.numpy()])

    def _rows(self, clip: int) -> slice:
        return slice(int(self.first[clip]), int(self.first[clip + 1]))

    def _mapped(self, name: str, dtype: type, size: int) -> np.memmap:
        return np.memmap(self.folder / name, dtype, "r", shape=(int(self.first[-1]), size))


FrameSource = Frames | StoredFrames
"""What windows are drawn from and fitted to."""


def write_frames(clips: Iterable[MocapClip], frame_rate: float, folder: Path) -> StoredFrames:
    """Resample recordings to one rate and write them one after the other, one at a time.

    Args:
        clips: read one by one.
        frame_rate: Hz.
        folder: is made.

    Raises:
        InputError: if there are no recordings, or the folder cannot be written.
    """
    recordings = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / _QUATS).open("wb") as quats_file,
            (folder / _PLACES).open("wb") as places_file,
            (folder / _RUNS).open("wb") as runs_file,
        ):
            for clip in clips:
                quats, transl, valid = _y_up(*quaternions_at(clip, frame_rate))
                quats_file.write(quats.numpy().tobytes())
                places_file.write(transl.numpy().tobytes())
                runs_file.write(_run_lengths(valid).astype(np.int32).tobytes())
                seconds = float(valid.sum() / frame_rate)
                recordings.append(Recording(clip.subject, clip.split, len(valid), seconds))
    except OSError as error:
        raise InputError(
            f"cannot write frames to {folder} ({error.strerror}): 400 bytes a frame are needed; "
            "name another folder with --data.cache"
        ) from error
    if not recordings:
        raise InputError("no recordings to cut windows from.")
    return StoredFrames(folder, recordings)


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
