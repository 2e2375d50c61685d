"""Files and folders that are either whole or absent."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hfb.errors import InputError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary name to write to; on success it becomes `path`, on failure nothing is left.

    Not in the paper: a run that is stopped midway must not leave half a result that a later run
    takes for a whole one. The temporary name lies in the same folder (renaming is only atomic
    inside one file system) and keeps the suffix (many writers choose the format by it).

    Args:
        path: the file to make; its folder is made if absent, an old file is replaced.

    Yields:
        The temporary path; the body of the `with` must write it.

    Raises:
        InputError: if the folder cannot be made or written to; says which and why.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            os.replace(part, path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot write {path}: {reason}; choose another output folder or free some space"
            ) from error
    finally:
        with suppress(OSError):  # nothing to remove, or the folder itself is no folder
            part.unlink()


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty folder to fill; on success it becomes `path`, on failure nothing is left.

    Args:
        path: the folder to make; an old one is replaced.

    Yields:
        The temporary folder, `.<name>.part` beside `path`.

    Raises:
        InputError: if it cannot be made or written to; says which and why.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
            part.mkdir(parents=True)
            yield part
            shutil.rmtree(path, ignore_errors=True)
            os.replace(part, path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot write results to {path}: {reason}; choose another folder or free some "
                "space"
            ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
