"""Errors of users in one line, for every program; imports nothing slow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hfb.errors import HfbError

USER_ERROR = 2
STOPPED = 130


@contextmanager
def user_errors_as_one_line(*others: type[Exception]) -> Iterator[None]:
    """Turn the errors that are the user's to solve into one line on stderr and exit code 2.

    An interrupt ends the program with code 130.

    Args:
        others: errors of libraries that are the user's to solve, too.
    """
    try:
        yield
    except (HfbError, *others) as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept.", file=sys.stderr)
        sys.exit(STOPPED)
