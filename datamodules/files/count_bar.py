"""The progress bar of commands that make many things of a kind."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def count_bar(action: str, console: Console) -> Progress:
    """A bar with how many are done, the time since the start and the time left.

    Args:
        action: what is being done, "making samples".
        console: where it is shown.
    """
    return Progress(
        TextColumn(action),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
