"""Real people: the fit against its start, both against landmarks of the sharp frames.

    python benchmarks/bench_real.py --output outputs/real [--set refine.weights.pose=0.1]

Each case of the manifest (`real_cases.yaml`) averages sharp frames of a clip into a blurry photo,
or takes frames that are blurred of themselves, runs the product, and compares start and fit with
the landmarks that the product's own networks read on the sharp frames. That truth is a detector's:
good to about 2 % of the person's height, poor where one leg hides the other. Printed are a table
and what a round is judged by; --output gets the table, a JSON file and a picture a photo.

Choices are made by the half `tune` alone: --half tune.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml
from real_footage.clips import Footage
from real_footage.manifest import HALVES, Case, read_cases
from real_footage.pictures import write_picture
from real_footage.runs import CaseOutcome, run_case
from real_footage.table import record, summary, summary_lines, table
from real_footage.truth import SharpReader

from hfb.app.configured import configured_model
from hfb.errors import HfbError

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Job:
    """What every case is run with.

    Attributes:
        footage: where clips lie, where starts and truth are kept.
        configs: configuration files, as `--config`.
        settings: laid over them.
        pictures: folder of the pictures; None: none are drawn.
    """

    footage: Footage
    configs: tuple[str, ...]
    settings: dict[str, Any]
    pictures: Path | None


def nested(assignments: Sequence[str]) -> dict[str, Any]:
    """Settings as a configuration holds them.

    Args:
        assignments: "refine.weights.pose=0.1" and the like.

    Example:
        >>> nested(["refine.weights.pose=0.1", "refine.num_starts=2"])
        {'model': {'refine': {'weights': {'pose': 0.1}, 'num_starts': 2}}}
    """
    result: dict[str, Any] = {"model": {}}
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        *path, last = name.removeprefix("model.").split(".")
        place = result["model"]
        for part in path:
            place = place.setdefault(part, {})
        place[last] = yaml.safe_load(value)
    return result


_READERS: list[SharpReader] = []


def run_one(case: Case, job: Job) -> CaseOutcome:
    """Run a case and draw its pictures; body, priors and networks are loaded once a process."""
    torch.set_num_threads(1)
    pipeline = configured_model([*job.configs, job.settings], {"show_progress": False}).pipeline()
    if not _READERS:
        _READERS.append(SharpReader())
    outcome = run_case(case, job.footage, pipeline, _READERS[0])
    for number, views in enumerate(outcome.views if job.pictures else ()):
        assert job.pictures is not None
        write_picture(job.pictures / f"{case.name}-{number}.png", case, views, pipeline)
    # Without what is large: it goes through a pipe to the main process.
    return replace(outcome, views=())


def outcomes_of(cases: list[Case], job: Job, workers: int) -> Iterator[CaseOutcome | str]:
    """Outcomes as they are finished; of a case that cannot be run, why."""
    if workers == 1:
        for case in cases:
            try:
                yield run_one(case, job)
            except HfbError as error:
                yield f"{case.name}: {error}"
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(run_one, case, job): case.name for case in cases}
        for future in as_completed(futures):
            error = future.exception()
            yield f"{futures[future]}: {error}" if error else future.result()


def clips_folder(given: str | None) -> Path:
    """The folder of the clips: as given, or the developers' data."""
    shared = Path(os.environ.get("HFB_SHARED", HERE.parents[1] / "shared"))
    return Path(given) if given else shared / "data"


def progress_line(done: int, total: int, begin: float, outcome: CaseOutcome | str) -> str:
    """One line a case, with the time left."""
    left = (time.perf_counter() - begin) / done * (total - done)
    if isinstance(outcome, str):
        said = f"FAILED {outcome}"
    else:
        mids = [(p.start.mid_pct, p.fit.mid_pct) for p in outcome.photos]
        start, fit = (sum(column) / len(mids) for column in zip(*mids, strict=True))
        said = f"{outcome.name}: mid-exposure {start:.1f} → {fit:.1f} %"
    return f"[{done}/{total}, {left / 60:.1f} min left] {said}"


def chosen(cases: list[Case], options: argparse.Namespace) -> list[Case]:
    """The cases that were asked for."""
    if options.half:
        cases = [case for case in cases if case.clip.half == options.half]
    if options.only:
        cases = [case for case in cases if any(part in case.name for part in options.only)]
    return cases[: options.limit]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", type=Path, default=HERE / "real_cases.yaml")
    parser.add_argument("--clips", help="folder of the clips; default: ../shared/data, $HFB_SHARED")
    parser.add_argument("--output", type=Path, default=Path("outputs/real"))
    parser.add_argument("--report", type=Path, help="JSON file; default: report.json in --output")
    parser.add_argument("--starts", type=Path, help="keeps starts, plates and truth between runs")
    parser.add_argument("--config", action="append", default=[], help="as of the program")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    parser.add_argument("--plate", choices=("made", "median"), default="made")
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--only", action="append", help="cases whose names contain this")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--no-pictures", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Run the cases, print and write."""
    options = parsed()
    cases = chosen(read_cases(options.manifest), options)
    options.output.mkdir(parents=True, exist_ok=True)
    cache = options.starts or options.output / "kept"
    job = Job(
        Footage(clips_folder(options.clips), cache, options.plate),
        tuple(options.config),
        nested(options.settings),
        None if options.no_pictures else options.output / "pictures",
    )
    begin, outcomes, failed = time.perf_counter(), [], []
    for done, outcome in enumerate(outcomes_of(cases, job, options.workers), 1):
        print(progress_line(done, len(cases), begin, outcome), flush=True)
        (failed if isinstance(outcome, str) else outcomes).append(outcome)
    order = {case.name: k for k, case in enumerate(cases)}
    outcomes.sort(key=lambda outcome: order[outcome.name])
    judged = summary(cases, outcomes)
    lines = [table(cases, outcomes), "", *summary_lines(judged), *(f"failed: {f}" for f in failed)]
    print("\n" + "\n".join(lines))
    (options.output / "table.md").write_text("\n".join(lines) + "\n")
    report = {
        "settings": options.settings,
        "configs": options.config,
        "plate": options.plate,
        "summary": judged,
        "failed": failed,
        "cases": [record(outcome) for outcome in outcomes],
    }
    path = options.report or options.output / "report.json"
    path.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
