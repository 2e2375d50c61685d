"""Warnings in one line each, ours and those of libraries; imports nothing slow."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from hfb.cli.stopping import is_first_process

_OURS = ("hfb", "datamodules")
_MOST_CHARACTERS = 500


@contextmanager
def notices_as_one_line() -> Iterator[None]:
    """Show what `logging.getLogger("hfb…")` warns of, and Python's warnings, as `warning: …`.

    They go to stderr, which a progress display shows above itself. Of several processes of a run
    the first one speaks.
    """
    handler = _OneLine(logging.WARNING)
    loggers = [logging.getLogger(name) for name in _OURS]
    before = warnings.showwarning
    warnings.showwarning = _show
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        warnings.showwarning = before
        for logger in loggers:
            logger.removeHandler(handler)


class _OneLine(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _say(record.getMessage())


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _say(str(message))


def _say(message: str) -> None:
    text = " ".join(message.split())
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}…"
    # Asked for anew each time: a progress display puts itself into its place.
    if is_first_process() and sys.stderr is not None:
        print(f"warning: {text}", file=sys.stderr)
