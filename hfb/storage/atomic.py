"""Files and folders that are either whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hfb.errors import InputError
from hfb.storage.unfinished import ASIDE, PART, discard, new_name, tidy


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
    part = new_name(path.parent, PART, path.suffix)
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            tidy(path.parent)
            yield part
            os.replace(part, path)
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {_reason(error)}; choose another output folder or free some "
                "space"
            ) from error
    finally:
        discard(part)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty folder to fill; on success it becomes `path`, on failure nothing is left.

    Args:
        path: the folder to make. An old one stays until the new one is whole, and for good if it
            does not get so far.

    Yields:
        The temporary folder, beside `path`.

    Raises:
        InputError: if it cannot be made or written to; says which and why.
    """
    path = Path(path)
    part = new_name(path.parent, PART)
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            tidy(path.parent)
            part.mkdir()
            yield part
            _swap(part, path)
        except OSError as error:
            raise InputError(
                f"cannot write results to {path}: {_reason(error)}; choose another folder or free "
                "some space"
            ) from error
    finally:
        discard(part)


def _swap(part: Path, path: Path) -> None:
    """Put a folder in the place of another; on failure the old one is back."""
    if not os.path.lexists(path):
        os.replace(part, path)
        return
    aside = new_name(path.parent, ASIDE)
    try:
        aside.mkdir()
        os.replace(path, aside / path.name)
        os.replace(part, path)
    finally:
        discard(aside)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
