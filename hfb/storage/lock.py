"""One run at a time writes to a folder."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hfb.errors import InputError

LOCK_NAME = ".lock"
LEAST_FREE_BYTES = 20_000_000
"""A result takes some ten megabytes: with less, writing would fail after the work."""
_POLL_S = 0.2
_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def folder_lock(
    folder: str | Path, on_wait: Callable[[str], None] | None = None, name: str = LOCK_NAME
) -> Iterator[None]:
    """Be the only run that writes to a folder; find out before the work that it can be written.

    The lock is the system's, on a file in the folder: it ends with the process, however that ends.
    File systems that know no locks go without. Nothing is left of a folder that was made for the
    lock alone.

    Args:
        folder: made if absent.
        on_wait: called with who holds the lock, before waiting for it; None: do not wait.
        name: of the file; another name is another lock.

    Raises:
        InputError: if the folder cannot be written or another run is writing to it.
    """
    folder = Path(folder)
    made: list[Path] = []
    handle: int | None = None
    try:
        made = _make(folder)
        handle = _acquire(folder / name, on_wait)
        yield
    finally:
        if handle is not None:
            _release(handle, folder / name)
        for path in reversed(made):
            with suppress(OSError):  # it is not empty: that is what the run was for
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those that were absent, outermost first."""
    try:
        absent = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _unwritable(folder, error) from error
    if free < LEAST_FREE_BYTES:
        for path in absent:
            with suppress(OSError):
                path.rmdir()
        raise InputError(
            f"cannot write to {folder}: {free / 1e6:.0f} MB are free there, "
            f"{LEAST_FREE_BYTES / 1e6:.0f} are the least; free some space or choose another output"
        )
    return absent[::-1]


def _acquire(path: Path, on_wait: Callable[[str], None] | None) -> int | None:
    """The open and locked file; None where the file system knows no locks."""
    folder, has_waited = path.parent, False
    while True:
        handle = _open(path)
        try:
            _lock(handle)
        except OSError as error:
            holder = _holder(handle)
            if error.errno not in _HELD:
                _release(handle, path)
                return None
            os.close(handle)
            if on_wait is None:
                raise InputError(
                    f"another run ({holder}) is writing to {folder}: wait until it ends, or choose "
                    "another output folder"
                ) from error
            if not has_waited:
                on_wait(holder)
                has_waited = True
            time.sleep(_POLL_S)
            continue
        if _is_still_there(handle, path):
            with suppress(OSError):  # another user's file: locked, but not written
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return handle
        os.close(handle)  # the run before has just removed it


def _open(path: Path) -> int:
    try:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            if not path.is_file():
                raise
            return os.open(path, os.O_RDONLY)  # left by another user
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _unwritable(folder: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError(
        f"cannot write to {folder}: {reason}; choose another output folder or free some space"
    )


def _holder(handle: int) -> str:
    with suppress(OSError):
        text = os.pread(handle, 200, 0) if hasattr(os, "pread") else os.read(handle, 200)
        if text:
            return text.decode(errors="replace")
    return "a process of this or another machine"


def _is_still_there(handle: int, path: Path) -> bool:
    with suppress(OSError):
        one, two = os.fstat(handle), os.stat(path)
        return (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)
    return False


def _release(handle: int, path: Path) -> None:
    """Remove the file while it is locked: whoever opens it later sees that it is gone."""
    with suppress(OSError):
        path.unlink()
    os.close(handle)
    if os.name == "nt":  # where an open file cannot be removed
        with suppress(OSError):
            path.unlink()


def _lock(handle: int) -> None:
    """Lock an open file, or raise an OSError at once."""
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(handle)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_on_windows(handle: int) -> None:
    """Lock a byte far behind the text, which others shall be able to read."""
    try:
        import msvcrt
    except ImportError as error:
        raise OSError(errno.ENOSYS, "this system knows no locks") from error
    os.lseek(handle, 1 << 20, os.SEEK_SET)
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    finally:
        os.lseek(handle, 0, os.SEEK_SET)
