"""Refinement settings compared on photos as wrong as the world, or on any data set with truth.

    python benchmarks/bench_world.py --output outputs/world --num 39 --seed 1000 --mocap MOCAP
    python benchmarks/bench_world.py --output outputs/world --set default: \
        --set held:refine.weights.pose_anchor=1.0,refine.num_starts=2
    python benchmarks/bench_world.py --output outputs/world --world all none without-shadow

makes the photos, a third of them in each of three ranges of the blur rate, finds their starting
poses once and keeps them beside the samples, then fits each photo with all settings in turn, as
`hfb.fit` does: mattes and all else are found by the product. `--world` makes the same photos with
other ingredients, so that rows can be compared photo by photo: all, none, only-NAME+NAME,
without-NAME+NAME. A stopped run goes on where it was; a result counts as long as code and settings
are the same. Starts are found anew with --find-starts. Writes report.json and report.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import yaml
from world_report import BINS, markdown_of, summary_of

from datamodules.blur_folder import ESTIMATE_NAME, list_samples, read_sample
from datamodules.files.workers import worker_pool
from datamodules.synthetic.protocol import Recipe
from datamodules.synthetic.wild.record import read_world
from datamodules.synthetic.wild.settings import WorldSettings
from datamodules.synthetic.writer import make_all, slots_of
from hfb.app.configured import configured_model
from hfb.app.pipeline import Pipeline
from hfb.cli.display import Display
from hfb.errors import HfbError, InputError
from hfb.evaluate.records import digest_of, guard_of
from hfb.evaluate.trust.warnings import warnings_of_result
from hfb.export import atomic_write
from hfb.init import write_estimate

REPO = Path(__file__).resolve().parents[1]
Row = dict[str, Any]


def world_of(name: str) -> WorldSettings:
    """The ingredients that `all`, `none`, `only-a+b` or `without-a+b` stand for."""
    kind, _, rest = name.partition("-")
    world = WorldSettings()
    if name == "all":
        return world
    if name == "none":
        return WorldSettings.plain()
    if kind in ("only", "without") and rest:
        parts = rest.split("+")
        return world.only(parts) if kind == "only" else world.without(parts)
    raise InputError(f"--world {name}: give all, none, only-NAME+NAME or without-NAME+NAME")


def read_setting(text: str) -> tuple[str, dict[str, Any]]:
    """Name and nested settings of `name:refine.weights.X=1,refine.num_starts=2`.

    Values are YAML; commas inside brackets belong to them. Settings are those below `model`.
    """
    name, colon, rest = text.partition(":")
    if not name or not colon:
        raise InputError(f"--set {text}: write name:setting=value,setting=value")
    nested: dict[str, Any] = {}
    for part in _split_outside_brackets(rest):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"--set {text}: {part} lacks its =value")
        place = nested
        *path, last = key.strip().split(".")
        for step in path:
            place = place.setdefault(step, {})
        place[last] = yaml.safe_load(value)
    return name, nested


def _split_outside_brackets(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Checksum of the program and its shipped settings: results of other code do not count."""
    files = [*sorted((REPO / "hfb").rglob("*.py")), *sorted(REPO.glob("lightning_configs/*.yaml"))]
    hasher = hashlib.sha256()
    for file in files:
        hasher.update(file.read_bytes())
    return hasher.hexdigest()[:16]


@lru_cache(maxsize=4)
def _pipeline(text: str) -> Pipeline:
    return configured_model({"model": json.loads(text)}, {"show_progress": False}).pipeline()


def measure(
    folder: Path, world: str, settings: Mapping[str, Mapping[str, Any]], kept: Path, threads: int,
    find_starts: bool,
) -> list[Row]:  # fmt: skip
    """Start and fits of one sample, one row a setting; what is kept is not done again.

    Args:
        folder: of the sample.
        world: which variant of the data it is of.
        settings: by name, what differs from the shipped ones.
        kept: where rows are kept.
        threads: of the renderer.
        find_starts: find the starting pose even where there is one.
    """
    torch.set_num_threads(threads)
    rows: list[Row] = []
    started, sample = None, read_sample(folder).with_changes(sample_id=folder.name)
    for name, own in settings.items():
        text = json.dumps({"render": {"num_threads": threads}, **own}, sort_keys=True)
        path = kept / world / name / f"{folder.name}.json"
        pipeline = _pipeline(text)
        if sample.estimate_path is None or find_starts:
            sample, find_starts = _with_start(folder, pipeline), False
            if sample is None:
                return [{"world": world, "sample": folder.name, "fault": "nobody found"}]
        key = [code_digest(), text, digest_of(sample)]
        row = _read_row(path, key)
        if row is None:
            started = pipeline.initialise(sample) if started is None else started
            row = _fit(started, pipeline)
            row |= {"world": world, "setting": name, "sample": folder.name, "key": key}
            row["ingredients"] = _present(folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as part:
                part.write_text(json.dumps(row) + "\n")
        rows.append(row)
    return rows


def _with_start(folder: Path, pipeline: Pipeline) -> Any:
    """The sample with its starting pose beside it; None where nobody is found."""
    (folder / ESTIMATE_NAME).unlink(missing_ok=True)
    sample = read_sample(folder).with_changes(sample_id=folder.name)
    try:
        found = pipeline.initialise(sample).photos[0].estimate
    except HfbError:
        return None
    write_estimate(folder / ESTIMATE_NAME, found)
    return read_sample(folder).with_changes(sample_id=folder.name)


def _present(folder: Path) -> list[str]:
    """Ingredients that left a trace: leaves need a tree."""
    record = read_world(folder)
    found = set(record.get("ingredients", {}))
    if "leaves" not in record.get("details", {}):
        found.discard("leaves")
    return sorted(found)


def _fit(started: Any, pipeline: Pipeline) -> Row:
    ((result,),) = pipeline.run([started], ["hfb"])
    metrics = {"start": asdict(result.initial_metrics), "fit": asdict(result.metrics)}
    for values in metrics.values():
        for name in ("per_joint_mm", "mid_exposure_per_joint_mm"):
            values.pop(name)
    return {
        **metrics,
        "blur_rate": started.sample.blur_rate,
        "seconds": result.seconds,
        "warnings": [warning.code for warning in warnings_of_result(result)],
        "guard": guard_of(result)[0],
    }


def _read_row(path: Path, key: list[str]) -> Row | None:
    if not path.is_file():
        return None
    row = json.loads(path.read_text())
    return row if row.get("key") == key else None


def make_data(arguments: argparse.Namespace, display: Display) -> dict[str, list[Path]]:
    """The sample folders of each world; made where they are missing."""
    if arguments.root is not None:
        return {arguments.root.name: list_samples(arguments.root)[: arguments.limit]}
    found = {}
    for name in arguments.world:
        recipe = Recipe(
            protocol="wild",
            seed=arguments.seed,
            height=arguments.height,
            width=arguments.width,
            bins=BINS,
            mocap=tuple(arguments.mocap) if arguments.mocap else None,
            background_folder=arguments.backgrounds,
            world=world_of(name),
        )
        counts = [len(range(k, arguments.num, len(BINS) - 1)) for k in range(len(BINS) - 1)]
        slots = slots_of(arguments.num, counts, recipe)
        folder = arguments.output / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        display.begin(f"photos, {name}", len(slots))
        count = iter(range(1, len(slots) + 1))
        made = make_all(
            recipe, folder, slots, arguments.workers, lambda _, n=count: display.update(next(n))
        )
        found[name] = [one.folder for one in made if one.folder is not None]
    return found


def fit_all(
    arguments: argparse.Namespace, data: dict[str, list[Path]], display: Display
) -> list[Row]:
    """All rows; several samples at a time."""
    settings = dict(read_setting(text) for text in arguments.set)
    for own in settings.values():
        _pipeline(json.dumps(own))  # what is wrong with a setting is said at once
    kept = arguments.output / "rows"
    # Worlds take turns, so that a part of the run compares them too.
    depth = max(len(folders) for folders in data.values())
    jobs = [
        (folders[k], world, settings, kept, arguments.threads, arguments.find_starts)
        for k in range(depth)
        for world, folders in data.items()
        if k < len(folders)
    ]
    rows: list[Row] = []
    display.begin("fitting", len(jobs))
    if arguments.workers <= 1:
        for number, job in enumerate(jobs, 1):
            rows += measure(*job)
            display.update(number)
        return rows
    with worker_pool(arguments.workers) as pool:
        futures = [pool.submit(measure, *job) for job in jobs]
        for number, future in enumerate(as_completed(futures), 1):
            rows += future.result()
            display.update(number)
    return rows


def parse(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="data, rows and report")
    parser.add_argument("--root", type=Path, help="an existing split of samples instead")
    parser.add_argument("--limit", type=int, help="of --root: only the first so many")
    parser.add_argument("--num", type=int, default=30, help="photos of each world")
    parser.add_argument("--seed", type=int, default=1, help="of the photos")
    parser.add_argument("--world", nargs="+", default=["all"], help="variants of the photos")
    parser.add_argument(
        "--mocap", type=Path, nargs="+", help="motion capture for 70 %% of the photos"
    )
    parser.add_argument("--backgrounds", type=Path, help="folder of photographs")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=400)
    parser.add_argument(
        "--set", action="append", metavar="NAME:KEY=VALUE,...", help="settings to compare; repeat"
    )
    parser.add_argument("--find-starts", action="store_true", help="do not use kept starts")
    parser.add_argument("--workers", type=int, default=1, help="samples at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each of them")
    arguments = parser.parse_args(args)
    arguments.set = arguments.set or ["default:"]
    return arguments


def main(args: list[str] | None = None) -> None:
    """Make, fit, report."""
    arguments = parse(args)
    arguments.output.mkdir(parents=True, exist_ok=True)
    display = Display()
    try:
        data = make_data(arguments, display)
        rows = fit_all(arguments, data, display)
    finally:
        display.close()
    report = {"settings": arguments.set, "rows": rows, "summary": summary_of(rows)}
    (arguments.output / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    text = markdown_of(rows)
    (arguments.output / "report.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
