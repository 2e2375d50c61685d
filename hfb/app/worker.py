"""In a process that works for a run: it starts batches, and writes what has been fitted.

What goes between the processes are bytes: tensors in shared memory would need more of it than
containers have.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from hfb.app import evaluation
from hfb.app.evaluation import Prepared
from hfb.app.output.result_store import ResultStore
from hfb.app.pipeline import Pipeline
from hfb.cli.stopping import begin_worker
from hfb.evaluate.records import Record
from hfb.evaluate.results import SampleResult
from hfb.report.curves import Curves

_LOGGERS = ("hfb", "datamodules")
Notice = tuple[str, int, str]
"""What was logged: by which logger, how grave, the text."""


@dataclass(frozen=True)
class Workplace:
    """What a worker is given.

    Attributes:
        batches: by their numbers; reading them is part of the work.
        tools: arguments of `Pipeline.load`.
        store: the results of the run.
    """

    batches: Any
    tools: dict[str, Any]
    store: ResultStore


@dataclass(frozen=True)
class Finished:
    """A sample to write.

    Attributes:
        results: one a method.
        curves: of its fit, one a photo.
        digest: of what the results depend on.
    """

    results: list[SampleResult]
    curves: Sequence[Curves]
    digest: str | None


def begin(num_threads: int) -> None:
    """First of all in a worker.

    Args:
        num_threads: of torch, as in the process of the run.
    """
    begin_worker()
    torch.set_num_threads(num_threads)
    # Read by the process of the run, which shows notices as its own.
    warnings.showwarning = lambda message, *_, **__: _logger.warning("%s", message)


def prepare(place: bytes, index: int) -> bytes:
    """Read and start a batch.

    Args:
        place: the packed `Workplace`. It comes with each work: what a process is begun with has to
            be little, or a signal would leave it half begun.
        index: number of the batch.

    Returns:
        What was logged, and one `Prepared` a sample; packed.
    """
    return _noted(lambda: _prepare(_unpacked(place), index))


def write(place: bytes, packed: bytes) -> bytes:
    """Write a sample.

    Args:
        place: see `prepare`.
        packed: a `Finished`.

    Returns:
        What was logged, and the sample's record; packed.
    """
    return _noted(lambda: _write(_unpacked(place), unpack(packed)))


def pack(content: Any) -> bytes:
    """Bytes of something, storage that tensors share only once.

    Args:
        content: whatever can be pickled.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def unpack(packed: bytes) -> Any:
    """The other way round.

    Args:
        packed: by a process of this run; a file of a user's must never come here.
    """
    return torch.load(io.BytesIO(packed), weights_only=False)


class _Opened:
    """A workplace with its tools, which are loaded when first needed."""

    def __init__(self, place: Workplace) -> None:
        self.place = place

    @cached_property
    def _pipeline(self) -> Pipeline:
        return Pipeline.load(**self.place.tools)

    def pipeline(self) -> Pipeline:
        return self._pipeline


@lru_cache(maxsize=1)
def _unpacked(place: bytes) -> _Opened:
    return _Opened(unpack(place))


def _prepare(here: _Opened, index: int) -> list[Prepared]:
    return evaluation.prepare(here.place.batches[index], here.pipeline, here.place.store)


@torch.no_grad()
def _write(here: _Opened, work: Finished) -> Record:
    fitter = here.pipeline().fitter()
    return here.place.store.write(work.results, fitter, work.curves, work.digest)


def _noted(work: Callable[[], Any]) -> bytes:
    """Work, and what was logged on the way."""
    notices: list[Notice] = []
    handler = _Notes(notices)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        content = work()
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    return pack((notices, content))


class _Notes(logging.Handler):
    """Keeps what is logged as plain text."""

    def __init__(self, notices: list[Notice]) -> None:
        super().__init__()
        self._notices = notices

    def emit(self, record: logging.LogRecord) -> None:
        self._notices.append((record.name, record.levelno, record.getMessage()))


_logger = logging.getLogger("hfb")
