"""How many processors the work may be shared out to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


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


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch work on one thread: its tensors here are small, and waiting threads are in the way.

    The renderer and the networks of the search have threads of their own. Results do not depend on
    the number of processors then.
    """
    import torch  # here: the commands that only count processors do without

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_blocks(num_threads: int, work: Callable[[int], None]) -> None:
    """Call `work(i)` for i below `num_threads` at the same time; the caller does the first.

    Python threads and kernels without the interpreter lock: numba's own parallel loops beside
    torch's thread pool make both spin and wait for each other.
    """
    futures = [_threads(num_threads - 1).submit(work, i) for i in range(1, num_threads)]
    try:
        work(0)
    finally:
        for future in futures:
            future.exception()  # wait, whatever happened
    for future in futures:
        future.result()


_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_pool_lock = threading.Lock()


def _threads(count: int) -> ThreadPoolExecutor:
    """The shared pool, replaced by a larger one when more threads are asked for than before."""
    global _pool, _pool_size
    with _pool_lock:
        if _pool is None or _pool_size < count:
            old, _pool = _pool, ThreadPoolExecutor(count, thread_name_prefix="hfb")
            _pool_size = count
            if old is not None:
                old.shutdown(wait=False)
        return _pool


def _forget_threads() -> None:
    """A forked child has the pool's object but not its threads."""
    global _pool, _pool_size, _pool_lock
    _pool, _pool_size, _pool_lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
