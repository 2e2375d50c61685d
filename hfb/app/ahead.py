"""Working ahead: the next batch is started and the last one written while this one is fitted.

Results are the same as without: a worker calls the same functions on the same batches, and what
goes wrong in one is done once more here, where errors are reported as always.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from hfb.app import worker
from hfb.app.output.result_store import ResultStore
from hfb.cli.stopping import signals_held
from hfb.errors import HfbError
from hfb.evaluate.records import Record
from hfb.evaluate.results import SampleResult
from hfb.files.memory import available_memory
from hfb.processors import share_of_processors
from hfb.report.curves import Curves

_logger = logging.getLogger(__name__)
LAST_WRITING_S = 2.0
"""That a run waits for what is being written when it is stopped; it has three seconds in all."""
_FEWEST_BATCHES, _FEWEST_SAMPLES = 3, 12
"""That are worth a worker: it takes four seconds to begin and saves one or two a sample."""
_LEAST_MEMORY = 4 * 2**30
"""Bytes that must be free for each process: a worker holds up to 1.4 GB and a batch."""


def worth_workers(num_batches: int, batch_size: int, num_here: int) -> int:
    """How many workers a process of a run should have: one or none.

    Args:
        num_batches: of this process.
        batch_size: samples in each.
        num_here: processes of the run on this machine.
    """
    if num_batches < _FEWEST_BATCHES or num_batches * batch_size < _FEWEST_SAMPLES:
        return 0
    memory = available_memory()
    has_room = memory is None or memory >= _LEAST_MEMORY * num_here
    return int(has_room and share_of_processors(num_here) > 1)


class Ahead(pl.Callback):
    """The workers of a run. They begin with its first fit: where nothing is left there are none.

    Args:
        count: how many; 0: none; "auto": where there is a processor for one and enough to do.

    Attributes:
        count: how many; known when `loader` is called.
        coming: numbers of the next batches.
    """

    def __init__(self, count: int | Literal["auto"]) -> None:
        self.count = 0 if count == "auto" else count
        self._is_automatic = count == "auto"
        self.coming: Sequence[int] = ()
        self._pool: ProcessPoolExecutor | None = None
        self._workplace: bytes | None = None
        self._processes: set[BaseProcess] = set()
        self._prepared: dict[int, Future[bytes]] = {}
        self._written: list[Future[bytes]] = []

    def loader(
        self, loader: Iterable[Any], tools: dict[str, Any], store: ResultStore, num_here: int = 1
    ) -> Iterable[Any]:
        """Batches that workers may prepare.

        Args:
            loader: a `DataLoader` whose data set holds whole batches.
            tools: arguments of `Pipeline.load`; not in use yet, as networks cannot be sent.
            store: the results of the run.
            num_here: processes of the run on this machine.

        Returns:
            The loader's batches, where there are no workers; else those, or what workers made of
            them.
        """
        if not isinstance(loader, torch.utils.data.DataLoader):
            return loader
        batches = loader.dataset
        if self._is_automatic and tools["device"].type == "cpu":  # not tried with others
            size = getattr(batches, "batch_size", 1)
            self.count = worth_workers(len(list(loader.sampler)), size, num_here)
        if not self.count:
            return loader
        try:
            self._workplace = worker.pack(worker.Workplace(batches, tools, store))
        except Exception as error:  # parts of a user's own fail in ways of their own
            self._give_up(error)
            return loader
        return _Batches(batches, loader.sampler, self)

    def begin_next(self, is_new: bool) -> None:
        """Let workers start the next batches; called before a fit.

        Args:
            is_new: whether there is something to fit: the first workers begin with it.
        """
        if self._workplace is None or (self._pool is None and not is_new):
            return
        for index in self.coming:
            if index not in self._prepared:
                self._prepared[index] = self._submit(worker.prepare, index)

    def take(self, index: int) -> list[Any] | None:
        """A batch that a worker has prepared; None: there is none.

        Args:
            index: its number.
        """
        future = self._prepared.pop(index, None)
        return None if future is None else self._content(future)

    def write(
        self, results: list[SampleResult], curves: Sequence[Curves], digest: str | None
    ) -> Callable[[], Record | None] | None:
        """Let a worker write a sample.

        Args:
            results: one a method.
            curves: of its fit, one a photo.
            digest: of what the results depend on.

        Returns:
            What waits for its record, which is None if it has to be written here; or None if there
            is no worker.
        """
        if self._pool is None or self._workplace is None:
            return None
        try:
            packed = worker.pack(worker.Finished(results, curves, digest))
        except Exception as error:
            self._give_up(error)
            return None
        future = self._submit(worker.write, packed)
        self._written = [*(f for f in self._written if not f.done()), future]
        return lambda: self._content(future)

    def _submit(self, work: Callable[..., bytes], given: Any) -> Future[bytes]:
        if self._pool is None:
            # Not forked: threads of numba, LiteRT and torch are running.
            context = multiprocessing.get_context("spawn")
            _keep_tracker_quiet()
            begin = partial(worker.begin, torch.get_num_threads())
            self._pool = ProcessPoolExecutor(self.count, context, begin)
        others = set(multiprocessing.active_children())
        try:
            with signals_held():
                return self._pool.submit(work, self._workplace, given)
        except Exception as error:  # a worker has died before
            failed: Future[bytes] = Future()
            failed.set_exception(error)
            return failed
        finally:
            self._processes |= set(multiprocessing.active_children()) - others

    def _content(self, future: Future[bytes]) -> Any:
        """What a worker made; None if it has to be made here."""
        try:
            notices, content = worker.unpack(future.result())
        except Exception as error:
            self._give_up(error)
            return None
        for name, level, text in notices:
            logging.getLogger(name).log(level, "%s", text)
        return content

    def _give_up(self, error: Exception) -> None:
        """Go on without workers; the user's own errors come again here."""
        if self._workplace is not None or self._pool is None:
            if not isinstance(error, HfbError):
                text = " ".join(f"{type(error).__name__}: {error}".split())
                _logger.warning("going on without workers: %s", text)
        self._workplace = None
        self._prepared.clear()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """At the end of a run nothing is left to do."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """What has been fitted is written, what has been begun is not."""
        wait(self._written, None if isinstance(exception, Exception) else LAST_WRITING_S)
        for process in self._processes:
            process.terminate()
        self._close()

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool, self._workplace = None, None
        self._processes.clear()
        self._prepared.clear()
        self._written.clear()


def _keep_tracker_quiet() -> None:
    """Python's own cleaner clears what a stopped run leaves behind: nobody need hear of it."""
    if sys.platform == "win32":  # has none
        return
    from multiprocessing import resource_tracker

    before = os.environ.get("PYTHONWARNINGS")
    filters = [before] if before else []
    os.environ["PYTHONWARNINGS"] = ",".join([*filters, "ignore:resource_tracker"])
    try:
        resource_tracker.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


class _Batches:
    """The batches of a loader, those that workers have prepared as they are."""

    def __init__(self, batches: Any, numbers: Iterable[int], ahead: Ahead) -> None:
        self._batches, self._numbers, self._ahead = batches, list(numbers), ahead

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[list[Any]]:
        for k, index in enumerate(self._numbers):
            self._ahead.coming = self._numbers[k + 1 : k + 1 + self._ahead.count]
            prepared = self._ahead.take(index)
            yield self._batches[index] if prepared is None else prepared
