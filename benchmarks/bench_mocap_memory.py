"""Memory that fitting windows to motion capture of AMASS's size takes.

    python benchmarks/bench_mocap_memory.py --frames 2000000 --folder OUT/amass2m

Writes a folder in AMASS's layout with that many frames, where there is none yet, fits windows to
it as `train_amp.py fit` does first, and prints the largest resident memory of the process. Fill the
folder with --make first: what making it takes is then not counted.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np

from datamodules.mocap import MocapDataModule

FRAMES_A_FILE = 20_000


def make_folder(folder: Path, num_frames: int) -> None:
    """Recordings of people who swing all joints at random speeds, SMPL-H, 120 Hz."""
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES_A_FILE)[:, None] / 120.0
    for number in range(-(-num_frames // FRAMES_A_FILE)):
        path = folder / "Made" / f"s{number % 40:03d}" / f"{number:05d}_poses.npz"
        if path.is_file():
            continue
        poses = 0.3 * np.sin(2 * np.pi * (rng.random(156) * t + rng.random(156)))
        poses[:, :3] = [np.pi / 2, 0.0, 0.0]
        path.parent.mkdir(parents=True, exist_ok=True)
        transl = np.concatenate([t, 0 * t, 0 * t + 0.9], 1)
        np.savez(path, poses=poses.astype(np.float32), trans=transl, mocap_framerate=120.0)


def peak_memory_gb() -> float:
    """Largest resident memory of this process so far, mapped files included."""
    (line,) = (
        row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")
    )
    return float(line.split()[1]) * 1024 / 1e9


def main() -> None:
    """Make the folder, or fit windows to it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--make", action="store_true", help="only write the folder")
    parser.add_argument("--windows", type=int, default=100_000)
    options = parser.parse_args()
    if options.make:
        make_folder(options.folder, options.frames)
        return
    cache = options.folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    before, begin = peak_memory_gb(), time.perf_counter()
    data = MocapDataModule(
        str(options.folder / "Made"),
        num_train=options.windows,
        cache=str(cache),
        show_progress=False,
    )
    data.prepare_data()
    seconds = time.perf_counter() - begin
    print(
        f"{len(data.windows('train'))} + {len(data.windows('val'))} windows in {seconds:.0f} s; "
        f"largest memory {peak_memory_gb():.2f} GB, {before:.2f} GB of it before"
    )


if __name__ == "__main__":
    main()
