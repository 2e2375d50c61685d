"""Read npz archives of unknown origin: nothing is unpickled or grows beyond what it claims."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.files.memory import available_memory

MAX_BYTES = 2 * 2**30
"""Largest unpacked size of an archive."""


def read_npz(
    path: str | Path,
    what: str,
    max_bytes: int | None = None,
    names: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """Arrays of an npz archive.

    Sizes are checked before anything is unpacked: a few kilobytes of zip can claim, and hold,
    terabytes.

    Args:
        path: the file.
        what: the word for it in errors.
        max_bytes: refuse archives that unpack to more; None: `MAX_BYTES`.
        names: which arrays; those that are absent are left out, others are not touched, and may
            hold anything. None: all.

    Raises:
        InputError: if it is missing, no npz, damaged, too large, or holds Python objects.
    """
    path = existing_file(path, what)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                member.filename.removesuffix(".npy"): member
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
            if names is not None:
                members = {name: member for name, member in members.items() if name in names}
            total = sum(member.file_size for member in members.values())
            _check_size(path, what, total, max_bytes)
            return {name: _read_member(archive, member) for name, member in members.items()}
    except InputError:
        raise
    except (NotImplementedError, RuntimeError, MemoryError) as error:
        raise InputError(f"the {what} {path} cannot be unpacked: {error}") from error
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own kinds
        reason = " ".join(str(error).split())
        raise InputError(f"the {what} {path} is not an npz that can be read: {reason}") from error


def check_npz_size(path: str | Path, what: str, max_bytes: int | None = None) -> None:
    """Raise an `InputError` if an archive would unpack to too much; its reader judges the rest."""
    path = existing_file(path, what)
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except Exception:  # damaged: the reader will say so
        return
    _check_size(path, what, total, max_bytes)


def _check_size(path: Path, what: str, total: int, max_bytes: int | None) -> None:
    available = available_memory()
    most = MAX_BYTES if max_bytes is None else max_bytes
    limit = most if available is None else min(most, available // 2)
    if total > limit:
        raise InputError(
            f"the {what} {path} claims {total / 2**20:.0f} MB of arrays; more than "
            f"{limit / 2**20:.0f} MB are not read"
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array; its header must claim what the archive's directory says."""
    with archive.open(member) as stream:
        # A lying directory is found out here: zipfile stops at the size that it states.
        data = io.BytesIO(stream.read(member.file_size))
    version = npy.read_magic(data)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(data)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(data)
    else:
        raise ValueError(f"{member.filename} has the npy version {version}")
    if dtype.hasobject:
        raise ValueError(
            f"{member.filename} holds Python objects (a pickle), which could run code; save plain "
            "arrays"
        )
    claimed, held = math.prod(shape) * dtype.itemsize, len(data.getvalue()) - data.tell()
    if claimed != held:
        raise ValueError(f"{member.filename} claims {claimed} bytes but holds {held}")
    data.seek(0)
    return npy.read_array(data, allow_pickle=False)
