"""How many processors the work may be shared out to."""

from __future__ import annotations

import os


def count_processors() -> int:
    """Number of processors that this process may use, at least one.

    A process may be confined to some of the machine's processors, by a scheduler or a container.
    Systems that do not tell (macOS, Windows) count as unconfined.
    """
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # only Linux has the call, some sandboxes forbid it
        return os.cpu_count() or 1
