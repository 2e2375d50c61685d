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
from functools import cache
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


_packed = b""


def begin(packed: bytes, num_threads: int) -> None:
    """First of all in a worker.

    Args:
        packed: its `Workplace`, which is opened with the first work: errors are reported there.
        num_threads: of torch, as in the process of the run.
    """
    global _packed
    begin_worker()
    torch.set_num_threads(num_threads)
    _packed = packed
    # Read by the process of the run, which shows notices as its own.
    warnings.showwarning = lambda message, *_, **__: _logger.warning("%s", message)


def prepare(index: int) -> bytes:
    """Read and start a batch.

    Args:
        index: its number.

    Returns:
        What was logged, and one `Prepared` a sample; packed.
    """
    return _noted(lambda: _prepare(index))


def write(packed: bytes) -> bytes:
    """Write a sample.

    Args:
        packed: a `Finished`.

    Returns:
        What was logged, and the sample's record; packed.
    """
    return _noted(lambda: _write(unpack(packed)))


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


def _prepare(index: int) -> list[Prepared]:
    here = _workplace()
    return evaluation.prepare(here.batches[index], _pipeline, here.store)


@torch.no_grad()
def _write(work: Finished) -> Record:
    store, fitter = _workplace().store, _pipeline().fitter()
    return store.write(work.results, fitter, work.curves, work.digest)


@cache
def _workplace() -> Workplace:
    here: Workplace = unpack(_packed)
    return here


@cache
def _pipeline() -> Pipeline:
    return Pipeline.load(**_workplace().tools)


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
