"""A pool of processes that ends when the program ends, however that happens."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from hfb.cli.stopping import begin_worker, signals_held
from hfb.errors import InputError

_GRACE_S = 1.0


class WorkerPool:
    """Hands jobs to processes.

    Args:
        pool: of the standard library.
    """

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, job: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a function of a module called in one of the processes."""
        with signals_held():  # the first jobs start the processes
            return self._pool.submit(job, *args)


@contextmanager
def worker_pool(workers: int) -> Iterator[WorkerPool]:
    """Processes to share work out to; they are gone when the body is left.

    Args:
        workers: how many.

    Raises:
        InputError: if the system has ended one of them.
    """
    others = set(multiprocessing.active_children())
    # Started afresh rather than forked: a fork would copy locked thread pools.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, begin_worker)
    try:
        yield WorkerPool(pool)
        pool.shutdown()
    except BaseException as error:
        _end(set(multiprocessing.active_children()) - others)
        # Waited for: its thread unlinks semaphores, and a process that left meanwhile would be
        # said to have leaked them.
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise InputError(
                "the system has ended one of the processes, for lack of memory perhaps: run it "
                "again with fewer --workers; what was finished is kept"
            ) from error
        raise


def _end(processes: set[Any]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE_S
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0.0))
        if process.is_alive():
            process.kill()
