"""Memory of long runs."""

from __future__ import annotations

import ctypes
import sys


def return_free_memory() -> None:
    """Give memory that is no longer used back to the system.

    Every step of a refinement takes and frees hundreds of blocks in several threads, and glibc
    keeps the pieces: a run over a hundred samples grew to 7 GB without this and stays under 2 with
    it. Does nothing where the C library has no such call.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return
