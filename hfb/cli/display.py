"""What a program shows of its work: bars on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 10.0
"""Time between two lines of progress where there is no terminal."""


class Display:
    """One bar a step of the work, with the time left.

    Where there is no terminal, as in the log of a cluster, a line now and then says how far it is,
    also while a step does not get on.

    Args:
        enabled: show anything at all.
        console: where; stderr if None.
    """

    def __init__(self, enabled: bool = True, console: Console | None = None) -> None:
        # Samples may have names that look like markup.
        self.console = console or Console(stderr=True, markup=False)
        self.enabled = enabled
        self._bars = Progress(
            TextColumn("{task.description:<28}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            # In a log the lines say it.
            disable=not (enabled and self.console.is_terminal),
        )
        self._task: TaskID | None = None
        self._has_lines = enabled and not self.console.is_terminal
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._description, self._total, self._completed = "", 1.0, 0.0
        self._started = self._last_line = time.monotonic()
        self._skipped = 0.0

    def begin(self, description: str, total: int = 1) -> None:
        """Finish the bar that runs and start the next one."""
        with self._lock:
            self.finish()
            self._bars.start()
            self._task = self._bars.add_task(description, total=total)
            self._description, self._total, self._completed = description, float(total), 0.0
            self._started = self._last_line = time.monotonic()
            self._skipped = 0.0
        if self._has_lines:
            self._closed.set()  # the thread of the step before
            self._closed = threading.Event()
            threading.Thread(target=self._keep_telling, args=(self._closed,), daemon=True).start()

    def update(self, completed: float | int) -> None:
        """Set how far the running bar is."""
        with self._lock:
            if self._task is None:
                return
            self._bars.update(self._task, completed=completed)
            self._completed = float(completed)
            self._tell_if_due()

    def skip(self, completed: float | int) -> None:
        """The same where it took no time: what was there already says nothing about the rest."""
        with self._lock:
            self._started, self._skipped = time.monotonic(), float(completed)
            self.update(completed)

    def seconds_left(self) -> float | None:
        """What the running step needs at its pace so far; None where that is not known."""
        done = self._completed - self._skipped
        if self._task is None or done <= 0.0:
            return None
        passed = time.monotonic() - self._started
        return passed / done * max(self._total - self._completed, 0.0)

    def finish(self) -> None:
        """Fill the running bar."""
        with self._lock:
            if self._task is not None:
                self._bars.update(self._task, completed=self._total)
                self._task = None

    def print(self, line: str) -> None:
        """Write a line above the bars."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def note(self, line: str) -> None:
        """The same for what is about progress: nothing where none is wanted."""
        if self.enabled:
            self.print(line)

    def close(self) -> None:
        """Take the display down; what it shows stays on the screen."""
        self._closed.set()
        self._task = None
        self._bars.stop()

    def _keep_telling(self, closed: threading.Event) -> None:
        while not closed.wait(1.0):
            with self._lock:
                if self._task is not None and not closed.is_set():
                    self._tell_if_due()

    def _tell_if_due(self) -> None:
        now = time.monotonic()
        if not self._has_lines or now - self._last_line < LINE_EVERY_S:
            return
        left = self.seconds_left()
        count = f"{self._completed:.0f} of {self._total:.0f}, " if self._total != 1.0 else ""
        time_left = f"about {duration(left)} left" if left is not None else ""
        so_far = f"{duration(now - self._started)} so far"
        self.print(f"{self._description}: {count}{time_left or so_far}")
        self._last_line = now


def duration(seconds: float) -> str:
    """A time as people say it.

    Args:
        seconds: not negative.

    Example:
        >>> duration(42.4), duration(170.0), duration(5000.0)
        ('42 s', '3 min', '1.4 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 59.5 else f"{minutes / 60:.1f} h"
