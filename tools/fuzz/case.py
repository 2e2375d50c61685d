"""What a bad input is, and how makers of bad inputs are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """One bad input and the program that gets it.

    Attributes:
        kind: what is wrong, for the report: "image/cut off".
        program: which program runs: a name of `programs.PROGRAMS`.
        arguments: what is typed behind its name.
        must_fail: the input cannot mean anything; False where luck may leave it whole, as after a
            few changed bytes. Then the program may also finish, with a sane result.
    """

    kind: str
    program: str
    arguments: tuple[str, ...]
    must_fail: bool = True


@dataclass(frozen=True)
class Bench:
    """Where a case is made.

    Attributes:
        rng: the case's own source of randomness.
        folder: the case's own empty folder.
        good: folder of inputs that are right, see `good_inputs`.
    """

    rng: np.random.Generator
    folder: Path
    good: Path

    def pick(self, *choices: str) -> str:
        """One of several, evenly."""
        return choices[int(self.rng.integers(len(choices)))]

    def copy(self, name: str, target: str | None = None) -> Path:
        """A good file as the case's own, to be damaged."""
        path = self.folder / (target or name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((self.good / name).read_bytes())
        return path


Maker = Callable[[Bench], Case]

MAKERS: list[Maker] = []
"""All makers, in the order in which they were registered; each case takes the next one."""


def maker(function: Maker) -> Maker:
    """Register a function that makes cases."""
    MAKERS.append(function)
    return function
