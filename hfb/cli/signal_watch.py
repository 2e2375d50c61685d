"""Hearing of the signals that end programs, even while Python runs C code and calls no handler."""

from __future__ import annotations

import select
import signal
import socket
import threading
from collections.abc import Callable

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
"""Those of this system that end programs."""


def watch(on_signal: Callable[[int], None]) -> Callable[[], None]:
    """Call a function in a thread of its own at each of these signals.

    Each needs a handler of Python's, too, which may do nothing. Called in the main thread.

    Args:
        on_signal: gets the signal's number.

    Returns:
        What ends the watch.
    """
    inbox, outbox = socket.socketpair()
    inbox.setblocking(False)
    outbox.setblocking(False)
    before = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        while select.select([inbox], [], [])[0]:
            numbers = inbox.recv(64)
            if not numbers:
                inbox.close()
                return
            for number in numbers:
                if number in SIGNALS:
                    on_signal(number)

    threading.Thread(target=wait, name="signals", daemon=True).start()

    def end() -> None:
        signal.set_wakeup_fd(before)
        outbox.close()

    return end
