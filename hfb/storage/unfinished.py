"""Temporary names: unlike those of every other run, and removed when their run is no more."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

PART = ".part"
ASIDE = ".aside"
_LONGEST_SUFFIX = 16
_A_DAY_S = 86400.0
_mine: set[Path] = set()
_tidied: set[tuple[int, Path]] = set()


def new_name(folder: Path, kind: str, suffix: str = "") -> Path:
    """A name in a folder that no other run has, `.part-<machine>-<process>-<random><suffix>`.

    It does not hold the name of what is made, which may be as long as names can be.

    Args:
        folder: where.
        kind: `PART`, or `ASIDE` for the folder that holds what is being replaced.
        suffix: many writers choose a format by it; a very long one is no format.
    """
    suffix = suffix if len(suffix.encode(errors="replace")) <= _LONGEST_SUFFIX else ""
    path = folder / f"{kind}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"
    _mine.add(path)
    return path


def discard(path: Path) -> None:
    """Remove what lies under a temporary name, a file or a folder; forget the name.

    What was put aside goes back to its place if that is empty.
    """
    if path.name.startswith(ASIDE):
        with suppress(OSError):
            for kept in path.iterdir():
                if not os.path.lexists(path.parent / kept.name):
                    os.replace(kept, path.parent / kept.name)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    _mine.discard(path)


def discard_unfinished() -> None:
    """Remove all that this process has not finished writing: it ends at once."""
    for path in list(_mine):
        discard(path)


def tidy(folder: Path) -> None:
    """Remove what runs that are no more have left in a folder; done once a process and folder.

    Args:
        folder: where results are written.
    """
    if (os.getpid(), folder) in _tidied:
        return
    _tidied.add((os.getpid(), folder))
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            path = Path(entry.path)
            if entry.name.startswith((f"{PART}-", f"{ASIDE}-")) and _is_abandoned(path):
                discard(path)


def _is_abandoned(path: Path) -> bool:
    """Whether the process that a temporary name tells of has ended."""
    _, machine, process, *_ = [*path.name.split("-"), "", ""]
    if machine != _machine() or not process.isdecimal():
        return False  # another machine writes to this folder, too
    if os.name != "posix":  # where asking after a process may end it
        with suppress(OSError):
            return time.time() - path.stat().st_mtime > _A_DAY_S
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight characters for where process numbers mean what they mean here."""
    space = ""
    with suppress(OSError):  # containers number their processes anew
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]
