"""Photos an hour of `predict --data.folder` and `test`: `python benchmarks/bench_batch.py`.

Makes synthetic photos with their backgrounds, refines them with each number of processes, workers
and photos a batch that is asked for, everything else as shipped, and prints seconds a photo from
the end of the first batches to the end of the last: what a long run comes down to. Seconds of the
processors are those of the whole command with its workers, of several processes those of the first.
Photos that are there already are taken as they are; results are made anew each time. On a busy
machine compare runs of one call, and those with as many processes that compute.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))
SCENES = 8
"""Different photos; of more there are copies."""


class Run(NamedTuple):
    """A way to refine the photos."""

    command: str
    devices: int
    workers: int
    batch_size: int


def make_photos(folder: Path, count: int) -> None:
    """Write photos of 400 x 480 px that are not there yet, for both commands."""
    from datamodules.blur_folder import write_sample
    from datamodules.synthetic.data_module import SyntheticSettings, make_sample
    from hfb.body import load_body
    from hfb.export import write_image

    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        name, first = f"photo_{number:04d}", f"photo_{number % SCENES:04d}"
        if (photos / f"{name}.png").is_file():
            continue
        place = folder / "data" / "test" / name
        if name == first:
            sample = make_sample(SyntheticSettings(blur_rate=(0.1, 0.6)), number + 1)
            write_sample(place, sample.with_changes(sample_id=name), load_body().identity)
            write_image(photos / f"{name}_background.png", sample.background)
            write_image(photos / f"{name}.png", sample.blurry[0])
            continue
        shutil.copytree(place.parent / first, place)
        for end in ("_background.png", ".png"):
            shutil.copy(photos / f"{first}{end}", photos / f"{name}{end}")


def time_of(run: Run, folder: Path, extra: Sequence[str]) -> str:
    """Refine the photos; returns the row of the table."""
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    source = "data.folder=" + str((folder / "photos").resolve())
    if run.command == "test":
        source = "data.root=" + str((folder / "data").resolve())
    typed = [f"--{source}", f"--output={output.resolve()}", f"--model.workers={run.workers}"]
    typed += [f"--data.batch_size={run.batch_size}", f"--trainer.devices={run.devices}"]
    typed += [f"--trainer.strategy={'ddp' if run.devices > 1 else 'auto'}", *extra]
    load, before = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "hfb", run.command, *typed],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    stamps = sorted(p.stat().st_mtime for p in output.glob("samples/[!.]*/result.json"))
    at_once = run.devices * run.batch_size
    if len(stamps) <= at_once:
        sys.exit(f"{len(stamps)} photos done, more than {at_once} are needed: {done.stderr}")
    pace = (stamps[-1] - stamps[at_once - 1]) / (len(stamps) - at_once)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    cells = [*run, f"{load:.1f}", f"{time.time() - begin:.0f}", f"{cpu:.0f}", f"{pace:.2f}"]
    return f"| {' | '.join(map(str, cells))} | {3600 / pace:.0f} |"


def main() -> None:
    """Make the photos, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--commands", nargs="*", default=["predict"], help="predict, test")
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2], help="processes")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1], help="of each process")
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=[1])
    parser.add_argument("--rounds", type=int, default=1, help="how often each, in turns")
    parser.add_argument("--output", type=Path, default=Path("outputs/bench_batch"))
    arguments, extra = parser.parse_known_args()
    folder = arguments.output / f"photos_{arguments.photos}"
    make_photos(folder, arguments.photos)
    names = ["command", "processes", "workers", "batch", "load before", "command, s"]
    print(f"| {' | '.join(names)} | processors, s | s a photo | photos an hour |")
    print("|---" * 9 + "|", flush=True)
    choices = (arguments.commands, arguments.devices, arguments.workers, arguments.batch_sizes)
    runs = [Run(*chosen) for chosen in itertools.product(*choices)]
    for run in runs * arguments.rounds:
        print(time_of(run, folder, extra), flush=True)


if __name__ == "__main__":
    main()
