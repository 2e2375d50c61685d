"""Fitted windows in a file with a checksum: they take minutes to make."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from datamodules.mocap.windows import WINDOW_ARRAYS, Windows
from hfb.errors import InputError
from hfb.storage import atomic_write


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in WINDOW_ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def write_windows(windows: Windows, path: Path) -> None:
    """Write windows with their checksum.

    Args:
        windows: what to keep.
        path: the file.

    Raises:
        InputError: if it cannot be written.
    """
    arrays = {name: getattr(windows, name).numpy() for name in WINDOW_ARRAYS}
    try:
        with atomic_write(path) as part:
            np.savez(part, **arrays, sha256=np.array(_digest(arrays)))
    except InputError as error:
        raise no_cache(path.parent, error.__cause__) from error


def no_cache(folder: Path, error: object) -> InputError:
    """What to say where nothing can be written.

    Args:
        folder: of the cache.
        error: what went wrong.
    """
    return InputError(
        f"cannot write the cache {folder} ({error}): name another folder with --data.cache."
    )


def read_windows(path: Path) -> Windows:
    """Windows of a cache file.

    Args:
        path: of `write_windows`.

    Raises:
        InputError: if it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in WINDOW_ARRAYS}
            expected = str(file["sha256"])
    except Exception as error:  # a damaged zip raises zlib's, zipfile's, numpy's or OS errors
        raise InputError(f"the cache file {path} is damaged ({error})") from error
    if _digest(arrays) != expected:
        raise InputError(f"the cache file {path} does not have its checksum")
    return Windows(*(torch.from_numpy(arrays[name]) for name in WINDOW_ARRAYS))
