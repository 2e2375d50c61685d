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


def share_of_processors(num_processes: int) -> int:
    """Number of processors for one of several processes of a run on this machine, at least one.

    Where SLURM has said how many a task gets, that many: it has counted already.

    Args:
        num_processes: of the run on this machine.
    """
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given.isdecimal():
        return max(1, min(int(given), count_processors()))
    return max(1, count_processors() // num_processes)
