"""Photos an hour of `predict --data.folder`: `python benchmarks/bench_batch.py --photos 8`.

Makes synthetic photos with their backgrounds, refines the folder with each number of processes that
is asked for, everything as shipped, and prints what the runs say of their pace. Photos that are
there already are taken as they are; results are made anew each time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))


def make_photos(folder: Path, count: int) -> None:
    """Write photos of 400 x 480 px that are not there yet."""
    from datamodules.synthetic.data_module import SyntheticSettings, make_sample
    from hfb.export import write_image

    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(1, count + 1):
        photo = folder / f"photo_{seed:03d}.png"
        if not photo.is_file():
            sample = make_sample(SyntheticSettings(blur_rate=(0.1, 0.6)), seed)
            write_image(folder / f"{photo.stem}_background.png", sample.background)
            write_image(photo, sample.blurry[0])


def pace_of(photos: Path, output: Path, devices: int, extra: list[str]) -> str:
    """Refine the folder; returns the line in which the run says how fast it was."""
    shutil.rmtree(output, ignore_errors=True)
    strategy = "ddp" if devices > 1 else "auto"
    typed = [f"--data.folder={photos.resolve()}", f"--output={output.resolve()}"]
    typed += [f"--trainer.devices={devices}", f"--trainer.strategy={strategy}", *extra]
    command = [sys.executable, "-m", "hfb", "predict", *typed]
    done = subprocess.run(command, cwd=REPO, stderr=subprocess.PIPE, text=True, check=False)
    found = [line for line in done.stderr.splitlines() if "photos an hour" in line]
    if not found:
        sys.exit(done.stderr)
    return found[0]


def main() -> None:
    """Make the photos, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2], help="processes")
    parser.add_argument("--output", type=Path, default=Path("outputs/bench_batch"))
    arguments, extra = parser.parse_known_args()
    folder = arguments.output / f"photos_{arguments.photos}"
    make_photos(folder, arguments.photos)
    print("| processes | load before | pace |\n|---|---|---|")
    for devices in arguments.devices:
        load = f"{os.getloadavg()[0]:.1f}"
        print(
            f"| {devices} | {load} | {pace_of(folder, arguments.output / 'run', devices, extra)} |"
        )


if __name__ == "__main__":
    main()
