"""Whose time a whole run is: each part's own, without that of the parts that it calls.

    python benchmarks/path_clock.py predict --output outputs/timed

runs the command and prints its parts with their shares, from the first import on.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PARTS = {
    "compiled loops, from the cache": ["numba.core.caching:Cache.load_overload"],
    "compiling loops": ["numba.core.dispatcher:_FunctionCompiler.compile"],
    "reading": [
        "datamodules.captured:CapturedDataModule._read",
        "datamodules.sample_module:BatchDataset._read",
    ],
    "search": ["hfb.init.blazepose_initialiser:BlazePoseInitialiser.find_landmarks"],
    "registration": ["hfb.init.blazepose_initialiser:register_guesses"],
    "lifting": ["hfb.init.blazepose_initialiser:BlazePoseInitialiser._lift"],
    "start, rest": ["hfb.app.pipeline:initialise_frame"],
    "matte": ["hfb.matte.method:OwnMatting.__call__", "hfb.refine.callbacks:MatteRefresh.act"],
    "body and priors": ["hfb.app.pipeline:Pipeline.load"],
    "static comparison": ["hfb.app.pipeline:evaluate_start"],
    "fit": ["hfb.app.pipeline:Fitter.refine"],
    "measuring": ["hfb.app.pipeline:fitted_frames"],
    "writing": [
        "hfb.app.output.result_store:fill_folder",
        "hfb.app.output.sample_files:fill_folder",
    ],
}
"""Functions by what they do, as `module:function`, named where they are called."""


class PathClock:
    """Adds up the time of parts; what runs in other threads meanwhile is not counted."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._begin = time.perf_counter()
        self._stack = ["the rest"]

    def enter(self, part: str) -> None:
        """From here on the time is this part's."""
        self._count()
        self._stack.append(part)

    def leave(self) -> None:
        """From here on it is again the part's that it was before."""
        self._count()
        self._stack.pop()

    def _count(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._begin
        self._begin = now

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose time is a part's."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.enter(part)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return wrapper

    def watch(self) -> None:
        """Time all `PARTS`."""
        for part, places in PARTS.items():
            for place in places:
                module_name, _, name = place.partition(":")
                owner: Any = importlib.import_module(module_name)
                *parents, last = name.split(".")
                for parent in parents:
                    owner = getattr(owner, parent)
                setattr(owner, last, self.timed(part, getattr(owner, last)))

    def table(self) -> str:
        """All parts with their shares, largest first."""
        self._count()
        total = sum(self.seconds.values())
        lines = [f"whole path {total:.2f} s"]
        for part, seconds in self.seconds.most_common():
            lines.append(f"  {part:<32}{seconds:7.2f} s{100 * seconds / total:7.1f} %")
        return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Run a command of `run_hfb.py` and print its parts."""
    clock = PathClock()
    clock.enter("imports")
    import hfb.app.hfb_cli  # noqa: F401 - what the command imports first

    clock.leave()
    clock.watch()
    from hfb.command import run_hfb

    with contextlib.suppress(SystemExit):
        run_hfb(arguments)
    print(clock.table())


if __name__ == "__main__":
    main(sys.argv[1:])
