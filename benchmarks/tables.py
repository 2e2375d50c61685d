"""The paper's tables in its layout, one command each.

    python benchmarks/tables.py --table 1 --mocap MOCAP --output OUT
    python benchmarks/tables.py --table 3 --clips CLIP.mp4 … --output OUT
    python benchmarks/tables.py --table 4 --mocap MOCAP [--cape CAPE] --paper-counts --output OUT

Makes the photos, runs every method of the table on them (`run_hfb.py test`), and writes `table.md`
and `table.json` (as in docs/results/) with the paper's rows, which are from other data.
A stopped command goes on where it was; with --only-table it shows what is finished so far. Sizes
are small unless --paper-counts is given; the two object methods run smaller than published.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from paper_tables.averaged import make_photos
from paper_tables.layout import interval_line, markdown_of, table_of
from paper_tables.plans import PLANS, Plan, Run

from datamodules.restore import main as restore
from datamodules.synthetic.command import main as synthesise
from hfb.app.configured import configured_model
from hfb.command import run_hfb
from hfb.export import atomic_write

_SMALL_OBJECT = "{image_size: 64, num_subframes: 4, prototypes: [sphere]}"


def make_data(plan: Plan, options: argparse.Namespace) -> Path:
    """The data set of a table; what is there stays."""
    root: Path = options.data or options.output / "data"
    folder = root / "test"
    if plan.number == 3:
        pipeline = configured_model(None, {"show_progress": False}).pipeline()
        seeds = range(options.seed, options.seed + options.generated)
        make_photos(options.clips, options.per_clip, seeds, pipeline, folder)
        return root
    if options.data is not None:
        return root
    counts = list(plan.counts) if options.paper_counts else options.per_bin
    given = [*plan.data, "--output", str(folder), "--seed", str(options.seed)]
    given += ["--per_bin", str(counts), "--workers", "1"]
    for name in ("mocap", "cape"):
        if getattr(options, name) is not None:
            given += [f"--{name}", str(getattr(options, name))]
    synthesise(given)
    return root


def arguments_of(run: Run, plan: Plan, data: Path, options: argparse.Namespace) -> list[str]:
    """What `run_hfb.py test` is called with."""
    given = ["test"]
    for config in run.configs:
        given += ["--config", config]
    given += ["--data.root", str(data), "--data.batch_size", "1"]
    if options.limit is not None:
        given += ["--data.limit", str(options.limit)]
    given += ["--model.table", plan.bins, "--output", str(options.output / "runs" / run.name)]
    given += [f"--model.methods=[{','.join(run.methods)}]"]
    given += ["--model.refine.image_size", str(options.size)]
    given += ["--model.refine.texture_size", str(options.size // 2)]
    given += ["--model.render.num_threads", "1"]
    if run.is_external:
        given += ["--model.baselines.external", str(options.output / "restored")]
    if run.is_object:
        given += [f"--model.baselines.{name}={_SMALL_OBJECT}" for name in run.methods]
    return given


def carry_out(run: Run, plan: Plan, data: Path, options: argparse.Namespace) -> None:
    """One run of a table; samples that cannot be restored are left out of it."""
    if run.is_external:
        call = ["--data", str(data / "test"), "--output", str(options.output / "restored")]
        call += ["--settings.num_subframes", "3"]
        if options.limit is not None:
            call += ["--limit", str(options.limit)]
        _unless_some_fail(restore, call)
    _unless_some_fail(run_hfb, arguments_of(run, plan, data, options))


def _unless_some_fail(command: object, given: list[str]) -> None:
    """Call a command; code 3 says that some samples were left out, which the tables say as well."""
    try:
        command(given)  # type: ignore[operator]
    except SystemExit as stop:
        if stop.code not in (0, 3):
            raise


def parse_options(args: list[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=int, choices=sorted(PLANS), required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="a data set that is there: <data>/test")
    parser.add_argument("--mocap", help="motion capture, as for datamodules.synthetic")
    parser.add_argument("--cape", type=Path, help="the CAPE data set, if you have it")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="Table 3: still cameras")
    parser.add_argument("--per-clip", type=int, default=4, help="Table 3: stretches of each clip")
    parser.add_argument("--generated", type=int, default=8, help="Table 3: generated stretches")
    parser.add_argument("--seed", type=int, default=2222)
    parser.add_argument("--per-bin", type=int, default=6)
    parser.add_argument("--paper-counts", action="store_true", help="as many as the paper has")
    parser.add_argument("--limit", type=int, help="only the first so many samples")
    parser.add_argument("--size", type=int, default=128, help="side of the crop, px; 256: default")
    parser.add_argument("--runs", nargs="+", help="only these runs; all if not given")
    parser.add_argument("--only-table", action="store_true", help="of what is finished")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> None:
    """Make the data, run the methods, write the table."""
    options = parse_options(args)
    plan = PLANS[options.table]
    if not options.only_table:
        torch.set_num_threads(1)
        data = make_data(plan, options)
        for run in plan.runs:
            if options.runs is None or run.name in options.runs:
                carry_out(run, plan, data, options)
    table = table_of(plan, options.output)
    text = markdown_of(table)
    with atomic_write(options.output / "table.json") as part:
        part.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with atomic_write(options.output / "table.md") as part:
        part.write_text(text, encoding="utf-8")
    print(text, interval_line(plan, options.output), sep="\n")


if __name__ == "__main__":
    main()
