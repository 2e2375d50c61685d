"""Motion-capture files to clips: AMASS's two layouts, plain SMPL poses, and packed collections.

World frame z-up, metres, as in AMASS. Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from hfb.errors import InputError
from hfb.files.npz import check_npz_size
from hfb.files.numbers import MAX_METRES, MAX_TURN, check_size, numbers_of
from hfb.skeleton import NUM_SHARED_JOINTS, POSE_SIZES

POSE_SIZE = POSE_SIZES["smpl"]
"""Numbers of a SMPL pose: three for the root and for each of the 23 body joints."""

PACK_STEP = 1e-4
"""Step of a packed collection's integers, rad and m."""

Z_UP_TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Rotation from the recordings' world to one with y up: x stays, z becomes y."""

_MAX_RATE = 1e4  # Hz; no camera of a motion-capture studio is faster

VAL_SHARE = 5
"""One subject in five is a validation subject where no manifest says otherwise."""

_logger = logging.getLogger(__name__)

# SMPL-H (156) and SMPL-X (165) begin with SMPL's root and 21 body joints; fingers and face follow.
_SHARED_SIZE = 3 * NUM_SHARED_JOINTS
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")
_PACK_KEYS = ("h", "d", "l", "n", "v")


@dataclass(frozen=True)
class MocapClip:
    """One recording.

    Attributes:
        name: of the recording, unique within a collection.
        subject: who moves; train and validation never share one.
        poses: rotation vectors in SMPL's order, root first (model frame y-up to world z-up), rad;
            the hands are zero where the file has fingers instead.
        transl: smplx's `transl`, m.
        frame_rate: Hz.
        valid: frames that may be used.
        split: "train" or "val"; None where nobody has decided.
    """

    name: str
    subject: str
    poses: Float[np.ndarray, "F 72"]
    transl: Float[np.ndarray, "F 3"]
    frame_rate: float
    valid: Bool[np.ndarray, " F"]
    split: str | None = None

    def __len__(self) -> int:
        return len(self.poses)


def read_mocap_clip(path: str | Path) -> MocapClip:
    """Read one recording.

    Layouts: AMASS SMPL-H (`poses` (F, 156), `trans`, `mocap_framerate`), AMASS SMPL-X stage two
    (`poses` (F, 165) or `root_orient` and `pose_body`, `mocap_frame_rate`) and plain SMPL (`poses`
    (F, 72)). An optional `valid` (F,) marks frames that may be used. The subject is the name of the
    folder, the split a stable hash of it.

    Args:
        path: the file.

    Raises:
        InputError: if it is not such a file; the message says what is missing or does not fit.
    """
    path = Path(path)
    with _open(path) as arrays:
        return _clip_of(arrays, path.stem, path.parent.name, str(path))


def iterate_mocap(path: str | Path, pattern: str = "**/*.npz") -> Iterator[MocapClip]:
    """Read the recordings of a folder or file, one after the other, in the order of their names.

    Files of body shapes (`shape.npz`, `*_stagei.npz`, or those with `betas` and no motion), which
    AMASS puts beside the motions, are skipped. A packed collection is recognised by its contents;
    a `manifest.csv` beside it (columns `clip_id`, `subject`, `split`) names subjects and splits.

    Args:
        path: a folder, one recording, or one packed collection.
        pattern: which files of a folder are read, for example `CMU/**/*_poses.npz`.

    Raises:
        InputError: if there is nothing to read, or a file is not what it should be.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"no motion capture at {path}: there is no such file or folder.")
    files = [path] if path.is_file() else sorted(path.glob(pattern))
    num_clips = 0
    for file in files:
        for clip in _clips_of_file(file, is_alone=path.is_file()):
            num_clips += 1
            yield clip
    if num_clips == 0:
        raise InputError(
            f"no motion capture under {path}: {len(files)} files match {pattern!r} and none of "
            "them holds a motion. Give a folder of AMASS files or a packed collection."
        )


def split_of_subject(subject: str) -> str:
    """Train or val by a stable hash of the subject's name; one subject in five is val."""
    digest = hashlib.sha256(subject.encode()).digest()
    return "val" if digest[0] % VAL_SHARE == 0 else "train"


def _clips_of_file(file: Path, is_alone: bool) -> Iterator[MocapClip]:
    with _open(file) as arrays:
        names = _packed_names(arrays)
        if names:
            manifest = read_manifest(file.parent)
            for name in names:
                yield _packed_clip(arrays, name, manifest.get(name), str(file))
        elif is_alone or not _is_shape_file(file, arrays):
            yield _clip_of(arrays, file.stem, file.parent.name, str(file))


def _is_shape_file(file: Path, arrays: NpzFile) -> bool:
    stem = file.stem
    named = stem == "shape" or stem.endswith(("_shape", "_stagei"))
    return named or ("betas" in arrays and not {"poses", "pose_body", "trans"} & set(arrays))


@contextmanager
def _open(path: Path) -> Iterator[NpzFile]:
    check_npz_size(path, "motion capture")
    try:
        arrays = np.load(path, allow_pickle=False)
    except Exception as error:  # zipfile, struct and numpy each raise their own kinds
        raise InputError(f"{path} cannot be read as a motion-capture npz ({error}).") from error
    if not isinstance(arrays, NpzFile):
        raise InputError(f"{path} holds one bare array, not the named ones of an npz file.")
    with arrays:
        yield arrays


def _array(arrays: NpzFile, key: str, source: str) -> NDArray[np.float64]:
    try:
        values = arrays[key]
    except Exception as error:  # zlib, zipfile and numpy each raise their own kinds
        raise InputError(f"{source}: {key!r} cannot be read as numbers ({error}).") from error
    is_mark = key == "valid" and values.dtype == bool
    return numbers_of(values * 1.0 if is_mark else values, key, source, needs_finite=False)


def _clip_of(arrays: NpzFile, name: str, subject: str, source: str) -> MocapClip:
    poses = _poses_of(arrays, source)
    if "trans" not in arrays:
        raise InputError(f"{source} has no 'trans' (F, 3); it has {', '.join(arrays)}.")
    transl = _array(arrays, "trans", source)
    if transl.shape != (len(poses), 3):
        raise InputError(f"{source}: trans {transl.shape} must be ({len(poses)}, 3).")
    valid = np.ones(len(poses), bool)
    if "valid" in arrays:
        valid = _array(arrays, "valid", source) > 0
        if valid.shape != (len(poses),):
            raise InputError(f"{source}: valid {valid.shape} must be ({len(poses)},).")
    return MocapClip(
        name=name,
        subject=subject,
        poses=poses,
        transl=transl,
        frame_rate=_rate_of(arrays, source),
        valid=_finite_frames(poses, transl, valid, source),
        split=split_of_subject(subject),
    )


def _poses_of(arrays: NpzFile, source: str) -> NDArray[np.float64]:
    """Poses (F, 72)."""
    if "poses" in arrays:
        poses = _array(arrays, "poses", source)
    elif "root_orient" in arrays and "pose_body" in arrays:
        parts = [_array(arrays, key, source) for key in ("root_orient", "pose_body")]
        shapes = [part.shape for part in parts]
        if shapes[0][1:] != (3,) or shapes[1] != (len(parts[0]), _SHARED_SIZE - 3):
            raise InputError(
                f"{source}: root_orient {shapes[0]} and pose_body {shapes[1]} must be "
                "(F, 3) and (F, 63)."
            )
        poses = np.zeros((len(parts[0]), POSE_SIZES["smplx"]))
        poses[:, :_SHARED_SIZE] = np.concatenate(parts, 1)
    else:
        found = ", ".join(arrays) or "nothing"
        raise InputError(f"{source} has no poses: neither 'poses' nor 'pose_body'; it has {found}.")
    if poses.ndim == 3 and poses.shape[2] == 3:
        poses = poses.reshape(len(poses), -1)
    if poses.ndim != 2 or poses.shape[1] not in POSE_SIZES.values() or len(poses) == 0:
        raise InputError(
            f"{source}: poses {poses.shape} must be (F, 72) for SMPL, (F, 156) for SMPL-H or "
            "(F, 165) for SMPL-X: another joint count is another body."
        )
    if poses.shape[1] == POSE_SIZE:
        return poses
    return np.pad(poses[:, :_SHARED_SIZE], ((0, 0), (0, POSE_SIZE - _SHARED_SIZE)))


def _rate_of(arrays: NpzFile, source: str) -> float:
    key = next((key for key in _RATE_KEYS if key in arrays), None)
    if key is None:
        raise InputError(f"{source} has no frame rate: neither {' nor '.join(_RATE_KEYS)}.")
    rate = _array(arrays, key, source).reshape(-1)
    if len(rate) != 1 or not 0.0 < rate[0] <= _MAX_RATE:
        raise InputError(f"{source}: {key} = {rate} must be one positive number of Hz.")
    return float(rate[0])


def _finite_frames(
    poses: NDArray[np.float64], transl: NDArray[np.float64], valid: NDArray[np.bool_], source: str
) -> NDArray[np.bool_]:
    """`valid` without frames that hold NaN or infinity; says so where they were called valid."""
    for name, values, largest in (("poses", poses, MAX_TURN), ("trans", transl, MAX_METRES)):
        check_size(np.nan_to_num(values, posinf=0.0, neginf=0.0), largest, name, source)
    finite = np.isfinite(poses).all(1) & np.isfinite(transl).all(1)
    bad = int((valid & ~finite).sum())
    if bad and not finite.any():
        raise InputError(f"{source}: all {len(poses)} frames hold NaN or infinity.")
    if bad:
        _logger.warning("%s: %d of %d frames hold NaN and are left out", source, bad, len(poses))
    return valid & finite


def _packed_names(arrays: NpzFile) -> list[str]:
    return sorted({key.rpartition("/")[0] for key in arrays if key.endswith("/h")})


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """Who moves in the clips of a packed collection, and in which split they are.

    Args:
        folder: of the collection, with its `manifest.csv`.

    Returns:
        Rows by clip, in the order of the file; empty where there is no manifest.

    Raises:
        InputError: if a column is missing.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as rows:
            table = list(csv.DictReader(rows))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    missing = {"clip_id", "subject", "split"} - set(table[0] if table else {})
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(sorted(missing))}.")
    return {row["clip_id"]: row for row in table}


def _packed_clip(arrays: NpzFile, name: str, row: dict[str, str] | None, source: str) -> MocapClip:
    """A clip stored as second differences of integers, the two bytes of a number apart."""
    missing = [key for key in _PACK_KEYS if f"{name}/{key}" not in arrays]
    if missing:
        raise InputError(f"{source}: clip {name} lacks {', '.join(missing)}.")
    try:
        head, high, low, meta, bits = (arrays[f"{name}/{key}"] for key in _PACK_KEYS)
        num_frames, rate = int(meta[0]), float(meta[1])
        head, bits = head.astype(np.int64), bits.astype(np.uint8, casting="safe")
    except Exception as error:  # zlib, zipfile and numpy each raise their own kinds
        raise InputError(f"{source}: clip {name} cannot be read ({error}).") from error
    if high.ndim != 2 or high.shape != low.shape or not 0.0 < rate <= _MAX_RATE:
        raise InputError(f"{source}: clip {name} is no packed clip.")
    steps = (high.T.astype(np.int64) << 8) + low.T
    if head.shape != (2, POSE_SIZE + 3) or steps.shape != (num_frames - 2, POSE_SIZE + 3):
        raise InputError(f"{source}: clip {name} does not hold {POSE_SIZE} pose numbers a frame.")
    velocity = head[1] - head[0] + np.cumsum(steps, 0)
    values = np.concatenate([head, head[1] + np.cumsum(velocity, 0)]) * PACK_STEP
    subject = row["subject"] if row else name.partition("_")[0]
    split = row["split"] if row else split_of_subject(subject)
    # Columns: translation, root rotation, body pose.
    poses, transl = values[:, 3:], values[:, :3]
    valid = np.unpackbits(bits)[:num_frames].astype(bool)
    return MocapClip(name, subject, poses, transl, rate, valid, split)
