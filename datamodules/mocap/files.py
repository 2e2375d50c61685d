"""Motion-capture files to clips: AMASS's two layouts, plain SMPL poses, and packed collections.

World frame z-up, metres, as in AMASS. Nothing is ever unpickled.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from datamodules.mocap.clip import MAX_RATE_HZ, POSE_SIZE, MocapClip, split_of_subject
from datamodules.mocap.packed import (
    MANIFEST_NAME,
    is_share_alike,
    packed_clip,
    packed_names,
    read_manifest,
)
from hfb.errors import InputError
from hfb.files.npz import check_npz_size
from hfb.files.numbers import MAX_METRES, MAX_TURN, check_size, numbers_of
from hfb.skeleton import NUM_SHARED_JOINTS, POSE_SIZES

MocapPath = str | Path | Sequence[str | Path]
"""A folder, one recording, one packed collection, or several of these."""

_logger = logging.getLogger(__name__)

# SMPL-H (156) and SMPL-X (165) begin with SMPL's root and 21 body joints; fingers and face follow.
_SHARED_SIZE = 3 * NUM_SHARED_JOINTS
# ACCAD has a folder for each person and kind of movement: Male2General_c3d, Male2Walking_c3d.
_ACCAD_FOLDER = re.compile(r"((?:Fem|M)ale\d+)[A-Z]\w*_c3d")
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")


def read_mocap_clip(path: str | Path) -> MocapClip:
    """Read one recording.

    Layouts: AMASS SMPL-H (`poses` (F, 156), `trans`, `mocap_framerate`), AMASS SMPL-X stage two
    (`poses` (F, 165) or `root_orient` and `pose_body`, `mocap_frame_rate`) and plain SMPL (`poses`
    (F, 72)). An optional `valid` (F,) marks frames that may be used. The subject is the name of the
    folder (`subject_of`), the split a stable hash of it.

    Args:
        path: the file.

    Raises:
        InputError: if it is not such a file; the message says what is missing or does not fit.
    """
    path = Path(path)
    with _open(path) as arrays:
        return _clip_of(arrays, path.stem, subject_of(path), str(path))


def iterate_mocap(
    path: MocapPath, pattern: str = "**/*.npz", share_alike: bool = False
) -> Iterator[MocapClip]:
    """Read the recordings of folders and files, one after the other, in the order of their names.

    Files of body shapes (`shape.npz`, `*_stagei.npz`, or those with `betas` and no motion), which
    AMASS puts beside the motions, are skipped. A packed collection is recognised by its contents;
    a `manifest.csv` beside it (columns `clip_id`, `subject`, `split`, if need be `licence`) names
    subjects and splits.

    Args:
        path: a folder, one recording, one packed collection, or several of these.
        pattern: which files of a folder are read, for example `CMU/**/*_poses.npz`.
        share_alike: read recordings whose licence in the manifest says share-alike as well.

    Raises:
        InputError: if there is nothing to read, or a file is not what it should be.
    """
    files = mocap_files(path, pattern)
    alone = {one for one in paths_of(path) if one.is_file()}
    num_clips, num_left_out = 0, 0
    for file in files:
        for clip in _clips_of_file(file, file in alone, share_alike):
            num_clips += clip is not None
            num_left_out += clip is None
            if clip is not None:
                yield clip
    if num_left_out:
        _logger.info("%d recordings are left out: share-alike licence", num_left_out)
    if num_clips == 0 and num_left_out:
        raise InputError(
            f"all {num_left_out} recordings of {_named(path)} have a share-alike licence: "
            "say --share_alike true to read them."
        )
    if num_clips == 0:
        raise InputError(
            f"no motion capture under {_named(path)}: {len(files)} files match {pattern!r} and "
            "none of them holds a motion. Give a folder of AMASS files or a packed collection."
        )


def mocap_files(path: MocapPath, pattern: str = "**/*.npz") -> list[Path]:
    """The files that `iterate_mocap` reads, in its order, each once.

    A folder with a `manifest.csv` is a collection of its own: folders below it hold others, which
    are read where they are named.

    Args:
        path: see `iterate_mocap`.
        pattern: see `iterate_mocap`.

    Raises:
        InputError: if there is no such file or folder.
    """
    found: dict[Path, None] = {}
    for one in paths_of(path):
        if not one.exists():
            raise InputError(f"no motion capture at {one}: there is no such file or folder.")
        if one.is_file():
            found[one] = None
            continue
        collections = {manifest.parent for manifest in one.rglob(MANIFEST_NAME)}
        for file in sorted(one.glob(pattern)):
            if not collections & set(file.parent.parents):
                found[file] = None
    return list(found)


def paths_of(path: MocapPath) -> list[Path]:
    """One or several folders or files, as a list."""
    given = [path] if isinstance(path, str | Path) else path
    return [Path(one) for one in given]


def subject_of(file: Path) -> str:
    """Who moves in a recording of AMASS: its folder's name, or what ACCAD's folders begin with.

    Args:
        file: of the recording.
    """
    folder = file.absolute().parent.name
    person = _ACCAD_FOLDER.fullmatch(folder)
    return person[1] if person else folder


def is_packed(file: Path) -> bool:
    """Whether a file is a packed collection; one that cannot be read is none."""
    try:
        with _open(file) as arrays:
            return bool(packed_names(arrays))
    except InputError:
        return False


def _named(path: MocapPath) -> str:
    return " and ".join(str(one) for one in paths_of(path))


def _clips_of_file(file: Path, is_alone: bool, share_alike: bool) -> Iterator[MocapClip | None]:
    """Recordings of a file; None for those that are left out for their licence."""
    with _open(file) as arrays:
        names = packed_names(arrays)
        if names:
            manifest = read_manifest(file.parent)
            for name in names:
                row = manifest.get(name)
                is_left_out = is_share_alike(row) and not share_alike
                yield None if is_left_out else packed_clip(arrays, name, row, str(file))
        elif is_alone or not _is_shape_file(file, arrays):
            yield _clip_of(arrays, file.stem, subject_of(file), str(file))


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
    if len(rate) != 1 or not 0.0 < rate[0] <= MAX_RATE_HZ:
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
