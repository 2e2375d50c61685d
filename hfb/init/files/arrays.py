"""The arrays of an estimate file: read without pickles, checked, and given out row by row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import (
    MAX_BETA,
    MAX_METRES,
    MAX_TURN,
    check_rotations,
    check_size,
    numbers_of,
    per_row,
)
from hfb.geometry import rotmat_to_rotvec
from hfb.skeleton import POSE_SIZES

FORMAT = "hfb-init"
FORMAT_VERSION = 1

_PLACES = ("pelvis", "trans")
_LARGEST = {
    "poses": MAX_TURN,
    "betas": MAX_BETA,
    "vertices": MAX_METRES,
    "score": np.inf,
    "joint_sigma": MAX_TURN,
    "landmarks": np.inf,
    "landmark_trust": 1.0,
    "probability": 1.0 + 1e-5,  # what adds up to 1 in single precision
    "K": np.inf,
    "image_size": np.inf,
    "pixel_center": 1.0,
    "frame_ids": 2.0**53,
    "timestamps": np.inf,
    "pelvis": np.inf,
    "trans": np.inf,
    "format_version": np.inf,
}
"""Entries that hold numbers, and how large these can be; places are judged by the camera."""
_JOINT_COUNTS = tuple(size // 3 for size in POSE_SIZES.values())


@dataclass(frozen=True)
class EstimateArrays:
    """What a file holds: T rows of K hypotheses each.

    Attributes:
        path: of the file, for messages.
        values: its arrays by their keys; numbers as float64, `poses` as (T, n) or (T, K, n).
    """

    path: Path
    values: dict[str, np.ndarray]

    @property
    def is_mesh(self) -> bool:
        """Whether there are vertices instead of parameters."""
        return "poses" not in self.values

    @property
    def place(self) -> str:
        """The key that says where the body is: `pelvis` or else `trans`."""
        return next(key for key in _PLACES if key in self.values)

    @property
    def num_rows(self) -> int:
        """Rows; at least one.

        Raises:
            InputError: if there is none.
        """
        first = self.values["vertices" if self.is_mesh else "poses"]
        if first.ndim == 0 or len(first) == 0:
            raise InputError(f"{self.path} holds no poses")
        return len(first)

    def text(self, key: str) -> str:
        """A text entry, empty if it is not there; AMASS writes some of them as bytes."""
        if key not in self.values or self.values[key].size != 1:
            return ""
        value = self.values[key].item()
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def row_of(self, frame: int | None) -> int:
        """The row of a frame; the first if none is named.

        Args:
            frame: 0-based index in the clip.

        Raises:
            InputError: if there is no row for it.
        """
        count = self.num_rows
        if frame is None:
            return 0
        ids = self.values.get("frame_ids", np.arange(count)).reshape(-1).tolist()
        if frame not in ids[:count]:
            shown = ", ".join(f"{number:g}" for number in ids[:8])
            raise InputError(f"{self.path} has no frame {frame}; it has [{shown}]")
        return ids.index(frame)

    def hypotheses(self, key: str, row: int) -> NDArray[np.float64]:
        """One row's values as (K, n), whether the file has an axis of hypotheses or not.

        Args:
            key: of an array with leading T; `vertices` come as (K, V, 3), `score` as (K, 1).
            row: which.

        Raises:
            InputError: if the array has too few axes or rows.
        """
        stored = self.values[key]
        num_axes = 2 if key == "vertices" else 1
        if stored.ndim < 1 or len(stored) != self.num_rows:
            raise InputError(
                f"{self.path}: {key} has the shape {stored.shape}, expected {self.num_rows} rows"
            )
        values = stored[row]
        if key in ("score", "probability"):
            values = values.reshape(-1, 1)
        elif values.ndim == num_axes and (not self._has_hypotheses or key in _PLACES):
            values = values[None]
        if values.ndim != 1 + num_axes:
            expected = "(T, V, 3)" if key == "vertices" else "(T, n)"
            raise InputError(
                f"{self.path}: {key} has the shape {stored.shape}, expected {expected}"
            )
        return values

    def shared(self, key: str, row: int, item: tuple[int, ...]) -> NDArray[np.float64]:
        """An entry that the file has for each row or once for all; see `per_row`.

        Args:
            key: of the array.
            row: which.
            item: shape of one entry.
        """
        return per_row(self.values[key], self.num_rows, item, key, self.path)[row]

    @property
    def _has_hypotheses(self) -> bool:
        if self.is_mesh:
            return self.values["vertices"].ndim == 4
        return self.values["poses"].ndim == 3


def load_arrays(path: str | Path) -> EstimateArrays:
    """Read and check the arrays of an estimate file.

    Args:
        path: the file.

    Raises:
        InputError: if it is missing, damaged, pickled, too large, of another format, lacks keys, or
            holds values that are not finite or no such quantity has.
    """
    path = Path(path)
    arrays = _read(path)
    _require_keys(arrays, path)
    for key, largest in _LARGEST.items():
        if key in arrays:
            arrays[key] = numbers_of(arrays[key], key, path)
            check_size(arrays[key], largest, key, path)
    if "poses" in arrays:
        arrays["poses"] = _flat_poses(arrays["poses"], path)
        for key in _PLACES:
            if key in arrays and arrays[key].shape == (3,) and len(arrays["poses"]) == 1:
                arrays[key] = arrays[key][None]
    found = EstimateArrays(path, arrays)
    if "format" in arrays and found.text("format") != FORMAT:
        raise InputError(f"{path} has the format {found.text('format')!r}, expected {FORMAT!r}")
    version = arrays.get("format_version", np.array(FORMAT_VERSION))
    if version.size != 1 or int(version.item()) > FORMAT_VERSION:
        raise InputError(f"{path} has format version {version}, this program reads 1")
    return found


def _require_keys(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Raise unless a pose, a shape and a place are there, or vertices."""
    missing = [key for key in ("poses", "betas") if key not in arrays]
    if not any(key in arrays for key in _PLACES):
        missing.append("trans")
    if missing and not ("vertices" in arrays and len(missing) == 3):
        have = ", ".join(sorted(arrays)[:12]) or "nothing"
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {have}")


def _flat_poses(poses: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """Poses (T, n) or (T, K, n), of files that keep an axis of joints or rotation matrices, too."""
    shape = poses.shape
    if shape[-2:] == (3, 3) and shape[-3:-2] and shape[-3] in _JOINT_COUNTS:
        check_rotations(poses.reshape(-1, *shape[-3:]), "poses", path)
        poses = rotmat_to_rotvec(torch.from_numpy(poses)).numpy()
    if poses.ndim >= 2 and poses.shape[-1] == 3 and poses.shape[-2] in _JOINT_COUNTS:
        poses = poses.reshape(*poses.shape[:-2], -1)
    return poses[None] if poses.ndim == 1 else poses


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(f"no estimate at {path}")
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            raise InputError(f"{path} cannot be read as an estimate: it is not an npz file")
    return read_npz(path, "estimate")
