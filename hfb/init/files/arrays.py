"""The arrays of an estimate file: read without pickles, checked, and given out row by row."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hfb.errors import InputError

FORMAT = "hfb-init"
FORMAT_VERSION = 1

_PARAMETERS = ("poses", "trans", "betas")
_NUMBERS = (*_PARAMETERS, "vertices", "K", "score", "joint_sigma")


@dataclass(frozen=True)
class EstimateArrays:
    """What a file holds: T rows of K hypotheses each.

    Attributes:
        path: of the file, for messages.
        values: its arrays by their keys; `poses`, `trans` and `betas`, or else `vertices`.
    """

    path: Path
    values: dict[str, np.ndarray]

    @property
    def is_mesh(self) -> bool:
        """Whether there are vertices instead of parameters."""
        return "poses" not in self.values

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
            raise InputError(f"{self.path} has no frame {frame}; it has {ids[:8]}")
        return ids.index(frame)

    def hypotheses(self, key: str, row: int) -> np.ndarray:
        """One row's values as (K, n), whether the file has an axis of hypotheses or not.

        Args:
            key: of an array with leading T; `vertices` come as (K, V, 3), `score` as (K, 1).
            row: which.

        Raises:
            InputError: if the array has too few axes or rows.
        """
        stored = self.values[key]
        num_axes = 2 if key == "vertices" else 1
        if stored.ndim < 1 or len(stored) <= row:
            raise InputError(
                f"{self.path}: {key} has the shape {stored.shape}, no frame {row} in it"
            )
        values = stored[row].astype(np.float64)
        if key == "score":
            values = values.reshape(-1, 1)
        elif not self._has_hypotheses:
            values = values[None]
        if values.ndim != 1 + num_axes:
            expected = "(T, V, 3)" if key == "vertices" else "(T, n)"
            raise InputError(
                f"{self.path}: {key} has the shape {stored.shape}, expected {expected}"
            )
        return values

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
        InputError: if it is missing, damaged, pickled, of another format, lacks keys, or holds
            values that are not finite numbers.
    """
    path = Path(path)
    arrays = _read(path)
    missing = [key for key in _PARAMETERS if key not in arrays]
    is_mesh = "vertices" in arrays and len(missing) == len(_PARAMETERS)
    if missing and not is_mesh:
        have = ", ".join(sorted(arrays)[:12]) or "nothing"
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {have}")
    for key in _NUMBERS:
        if key not in arrays:
            continue
        if not np.issubdtype(arrays[key].dtype, np.number):
            raise InputError(f"{path}: {key} does not hold numbers")
        if not np.isfinite(arrays[key]).all():
            raise InputError(f"{path}: {key} holds values that are not finite")
    found = EstimateArrays(path, arrays)
    if "format" in arrays and found.text("format") != FORMAT:
        raise InputError(f"{path} has the format {found.text('format')!r}, expected {FORMAT!r}")
    version = arrays.get("format_version", np.array(FORMAT_VERSION))
    if version.size != 1 or int(version.item()) > FORMAT_VERSION:
        raise InputError(f"{path} has format version {version}, this program reads 1")
    return found


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(f"no estimate at {path}")
    try:
        content = path.read_bytes()
        if content[:2] != b"PK":
            raise InputError(f"{path} cannot be read as an estimate: it is not an npz file")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except InputError:
        raise
    except Exception as error:  # numpy, zipfile and zlib each raise their own kinds
        reason = " ".join(str(error).split())
        if "pickle" in reason:
            reason = "it holds Python objects (a pickle), which could run code; save plain arrays"
        raise InputError(f"{path} cannot be read as an estimate: {reason}") from error
