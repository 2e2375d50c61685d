"""The progress display of a run: one bar a step of the work, with the time left."""

from __future__ import annotations

from types import TracebackType

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


class RunProgress:
    """A rich progress display; silent where `enabled` is false.

    Args:
        enabled: show anything at all.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not enabled,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, description: str, total: int = 1) -> None:
        """Finish the bar that runs and start the next one."""
        self.finish()
        self._task = self._bars.add_task(description, total=total)

    def update(self, completed: float | int) -> None:
        """Set how far the running bar is."""
        if self._task is not None:
            self._bars.update(self._task, completed=completed)

    def finish(self) -> None:
        """Fill the running bar."""
        if self._task is not None:
            total = self._bars.tasks[self._task].total
            self._bars.update(self._task, completed=total)
            self._task = None
