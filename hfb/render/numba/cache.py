"""The decorator of all compiled kernels: how they are compiled and where the result is kept."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import config

# Less than `fastmath=True`, at no measurable cost. Without `nnan` and `ninf`: vertices that are not
# finite are dropped by comparisons, which these would remove. Without `contract` and `reassoc`: the
# area of a collapsed face is a·b - a·b, which a fused multiply-add turns from 0 into a rounding
# error of either sign, so that the face would count as seen from the front.
_FASTMATH = {"nsz", "arcp", "afn"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with numba, without the interpreter lock, and keep the result on disk.

    Args:
        function: a function of numbers, arrays and named tuples of these.

    Returns:
        The compiled function; `.py_func` is the original.
    """
    function = inspect.unwrap(function)  # run-time type checkers wrap what numba has to read
    options: dict[str, Any] = {"nogil": True, "fastmath": _FASTMATH, "error_model": "numpy"}
    shared_folder = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = str(_CACHE_FOLDER)  # type: ignore[attr-defined]
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder it may write to: compile once per process
        return numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = shared_folder  # type: ignore[attr-defined]


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper that kernels call once a pixel, and put its code into theirs.

    Such a helper takes numbers and arrays, no named tuples: taking an array out of a tuple counts a
    reference, atomically, which costs more than the helper's own work.
    """
    return numba.njit(nogil=True, fastmath=_FASTMATH, error_model="numpy", forceinline=True)(
        inspect.unwrap(function)
    )


def _cache_folder() -> Path:
    """A folder for the compiled kernels, named after their source.

    Beside the package would be simpler, but an installed package may be read-only; and numba only
    notices changes in the file of the function it compiles, not in the functions that this calls.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    candidates = [Path(chosen)] if chosen else [Path(home) / "hfb"]
    candidates.append(Path(tempfile.gettempdir()) / f"hfb-{user}")
    for candidate in candidates:
        if _is_usable(candidate / name):
            return candidate / name
    return candidates[-1] / name


def _is_usable(folder: Path) -> bool:
    """Whether the folder can be written and belongs to this user.

    What numba finds in it is run as code; others may make folders in the temporary folder, too.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return False


_CACHE_FOLDER = _cache_folder()
