"""Run a case in a forked process, and say what is wrong with how it ended."""

from __future__ import annotations

import csv
import math
import os
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fuzz.case import Case
from fuzz.programs import run

LIMIT_S = 60.0
"""No answer to a bad input takes longer."""
MEMORY = 16 * 2**30
"""Address space of a case, bytes."""
_RAW = re.compile(
    r"\b(TypeError|AttributeError|KeyError|IndexError|AssertionError|UnboundLocalError|NameError"
    r"|RecursionError|NotImplementedError|ZeroDivisionError|UnicodeDecodeError|OverflowError)\b"
)
_ENDINGS = (0, 2, 3)


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes:
        code: exit code; minus the signal's number where one ended it.
        seconds: that it took.
        text: what it wrote to both streams.
        errors: what it wrote to stderr.
    """

    code: int
    seconds: float
    text: str
    errors: str


def run_case(case: Case, folder: Path) -> Outcome:
    """Run a case in a process of its own.

    Args:
        case: what to run.
        folder: the case's own; it is the process's working directory.
    """
    begin = time.monotonic()
    child = os.fork()
    if child == 0:
        _run_child(case, folder)
    code = _wait(child, begin + LIMIT_S)
    out, err = (
        (folder / name).read_text(errors="replace") if (folder / name).exists() else ""
        for name in ("stdout", "stderr")
    )
    return Outcome(code, time.monotonic() - begin, out + err, err)


def fault_of(case: Case, outcome: Outcome, folder: Path) -> str | None:
    """What is wrong with an ending; None if it is right.

    Right is one clear line and exit code 2, or for samples of a data set code 3 and a reason; a
    finished run only where the input may be whole, and with finite results.
    """
    if outcome.code == -signal.SIGKILL and outcome.seconds >= LIMIT_S:
        return f"no answer within {LIMIT_S:.0f} s"
    if outcome.code < 0:
        return f"crash: {signal.Signals(-outcome.code).name}"
    if "Traceback (most recent call last)" in outcome.text:
        return "traceback: " + outcome.text.strip().splitlines()[-1]
    if outcome.code not in _ENDINGS:
        return f"exit code {outcome.code}"
    if raw := _RAW.search(outcome.text):
        return f"a message for programmers: {raw[0]}"
    if outcome.code == 2:
        return _fault_of_message(outcome.errors)
    if outcome.code == 3 and not re.search("warning|could not|cannot|unusable", outcome.text):
        return "exit code 3 without a reason"
    if outcome.code == 0 and case.must_fail:
        return "accepted in silence"
    return _fault_of_results(folder)


def _fault_of_message(errors: str) -> str | None:
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    if len(lines) != 1:
        return f"{len(lines)} lines of error"
    if len(lines[0]) < len("error: ") + 10:
        return "a line that says nothing"
    after = errors[errors.index(lines[0]) + len(lines[0]) :].strip()
    return f"more text after the error: {after[:80]}" if after else None


def _fault_of_results(folder: Path) -> str | None:
    """Tables with numbers that are none, half-written files."""
    for path in folder.rglob("*"):
        if ".part" in path.name:
            return f"a half-written file: {path.name}"
    for table in folder.rglob("per_sample.csv"):
        with table.open(newline="") as rows:
            cells = [cell for row in csv.DictReader(rows) for cell in row.values()]
        for cell in cells:
            try:
                is_odd = not math.isfinite(float(cell))
            except (TypeError, ValueError):
                continue
            if is_odd:
                return f"{cell} in {table.name}"
    return None


def _run_child(case: Case, folder: Path) -> None:
    """Never returns."""
    os.setsid()  # one signal ends it with all its workers
    os.chdir(folder)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(stream, number)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", closefd=False)
    sys.argv = [case.program, *case.arguments]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = 0
    try:
        run(case.program, case.arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, until: float) -> int:
    """The exit code of a child; it is killed when its time is over."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
