"""Errors of users in one line, for every program; imports nothing slow."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hfb.cli.notices import notices_as_one_line
from hfb.cli.stopping import Stopped, end_stopped, hold_back, stoppable
from hfb.errors import HfbError

USER_ERROR = 2
STOPPED = 130
CLOSED_PIPE = 141


@contextmanager
def user_errors_as_one_line(*others: type[Exception]) -> Iterator[None]:
    """Turn the errors that are the user's to solve into one line on stderr and exit code 2.

    Ctrl-C ends the program with code 130, SIGTERM with 143, a closed terminal with 129, a reader of
    the output that has gone with 141; warnings are one line each.

    Args:
        others: errors of libraries that are the user's to solve, too.
    """
    try:
        with notices_as_one_line(), stoppable():
            try:
                yield
                sys.stdout.flush()
            except BrokenPipeError:
                _write_nowhere()
                sys.exit(CLOSED_PIPE)
            except (HfbError, *others) as error:
                message = " ".join(str(error).split())
                hold_back()
                print(f"error: {message}", file=sys.stderr)
                sys.exit(USER_ERROR)
            except SystemExit as error:
                # Lightning's way out after an interrupt.
                if isinstance(error.__context__, KeyboardInterrupt):
                    raise KeyboardInterrupt from error
                # Help that nobody reads to its end; rich has noticed by itself.
                if _stdout_is_closed() or isinstance(error.__context__, BrokenPipeError):
                    sys.exit(CLOSED_PIPE)
                raise
    except Stopped as stop:
        end_stopped(stop.exit_code)
    except KeyboardInterrupt:
        end_stopped(STOPPED)


def _stdout_is_closed() -> bool:
    """Whether the reader of a pipe is gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _write_nowhere()
        return True
    return False


def _write_nowhere() -> None:
    """Python writes what is left when it ends, and would complain then."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
