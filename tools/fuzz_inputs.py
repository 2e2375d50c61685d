"""Give every program bad inputs, thousands of them, from a seed; report what goes wrong.

    python tools/fuzz_inputs.py --count 2000

Each case runs in a fork of this process, in which everything is loaded already. Right is one clear
line and exit code 2 (or 3, with the reason); wrong are tracebacks, crashes, no answer within a
minute, and nonsense that is accepted in silence. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the entry scripts

from fuzz import arrays, folders, media, texts
from fuzz.case import MAKERS, Bench, Case
from fuzz.good_inputs import make_good
from fuzz.judge import Outcome, fault_of, run_case
from fuzz.programs import run

SOURCES = (media, arrays, texts, folders)
"""Imported for the makers that they register."""


@dataclass(frozen=True)
class Finding:
    """A case that ended wrongly.

    Attributes:
        number: of the case; with the seed it makes it again.
        case: what was run.
        fault: what is wrong.
        seconds: that it took.
        text: the end of what it wrote.
    """

    number: int
    case: Case
    fault: str
    seconds: float
    text: str


def main(args: list[str] | None = None) -> int:
    """Run the cases; returns 1 if one went wrong.

    Args:
        args: instead of `sys.argv`.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="cases at the same time")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of single cases to run again")
    parser.add_argument("--report", type=Path, help="write findings and counts as JSON")
    options = parser.parse_args(args)
    numbers = list(options.only or range(options.count))
    begin = time.monotonic()
    findings, kinds = [], Counter[str]()
    with tempfile.TemporaryDirectory(prefix="hfb-fuzz-") as place:
        good = Path(place) / "good"
        good.mkdir()
        make_good(good)
        _warm_up(good, Path(place))
        for done, (case, finding) in enumerate(
            _cases(numbers, options.seed, good, Path(place), options.workers), 1
        ):
            kinds[case.kind.partition("/")[0]] += 1
            if finding is not None:
                findings.append(finding)
                print(f"#{finding.number} {case.kind}: {finding.fault}", flush=True)
            if done % 100 == 0:
                left = (time.monotonic() - begin) / done * (len(numbers) - done)
                print(f"{done} of {len(numbers)}, about {left:.0f} s left", flush=True)
    for finding in findings:
        print(f"\n#{finding.number} {finding.case.kind}: {finding.fault} ({finding.seconds:.1f} s)")
        print(f"  {finding.case.program} {' '.join(finding.case.arguments)}"[:600])
        print("  " + finding.text.strip().replace("\n", "\n  ")[-800:])
    counts = ", ".join(f"{name} {count}" for name, count in kinds.most_common())
    seconds = time.monotonic() - begin
    print(f"\n{len(numbers)} cases in {seconds:.0f} s ({counts}): {len(findings)} went wrong")
    if options.report:
        faults = Counter(finding.fault.partition(":")[0] for finding in findings)
        content = {"cases": len(numbers), "kinds": kinds, "faults": faults, "seconds": seconds}
        options.report.write_text(json.dumps(content, indent=1) + "\n")
    return int(bool(findings))


def make_case(number: int, seed: int, good: Path, folder: Path) -> Case:
    """The case of a number: the same for the same seed.

    Args:
        number: of the case.
        seed: of the run.
        good: folder of inputs that are right.
        folder: the case's own.
    """
    bench = Bench(np.random.default_rng([seed, number]), folder, good)
    return MAKERS[number % len(MAKERS)](bench)


def _cases(
    numbers: list[int], seed: int, good: Path, place: Path, workers: int
) -> Iterator[tuple[Case, Finding | None]]:
    """Run cases, several at a time; the threads here only wait for their forks."""

    def one(number: int) -> tuple[Case, Finding | None]:
        folder = place / f"case{number}"
        folder.mkdir()
        case = make_case(number, seed, good, folder)
        outcome: Outcome = run_case(case, folder)
        fault = fault_of(case, outcome, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if fault is None:
            return case, None
        return case, Finding(number, case, fault, outcome.seconds, outcome.text)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, numbers)


def _warm_up(good: Path, place: Path) -> None:
    """One good run in this process: modules, body and compiled loops are there for all forks."""
    import torch

    torch.set_num_threads(1)
    logging.getLogger("hfb").setLevel(logging.WARNING)
    sys.argv = ["fuzz"]
    words = [f"--data.{name}={good / file}" for name, file in (
        ("image", "photo.png"), ("background", "background.png"), ("alpha", "alpha.png"),
        ("estimate", "start.hfbinit.npz"))]  # fmt: skip
    run("predict", (*words, f"--output={place / 'warm'}", "--model.show_progress=false"))
    run("test", (f"--data.root={good / 'data'}", f"--output={place / 'warm_test'}"))


if __name__ == "__main__":
    sys.exit(main())
