"""ms a step and photos/s of fits on a device, by backend and batch size.

Run by `benchmarks/device.sh`. One fit explains a batch of copies of a small known problem, a body
that raises an arm, at 256² with the default recipe; a step is all that happens from one Adam step
to the next. Rows that do not fit into the device's memory or the time left are left out, and said
so.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from known_problems import known_problem

from hfb.body import SmplBody, load_body
from hfb.errors import HfbError
from hfb.losses import texel_pairs
from hfb.prior import load_motion_prior, load_pose_prior
from hfb.refine import Fitter, RefineSettings, Stage, join_problems
from hfb.render import RenderSettings
from hfb.storage.atomic import atomic_write

WARM_UP = 5


class Clock(pl.Callback):
    """Times the steps behind the warm-up.

    Args:
        device: whose work is waited for at both ends.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Start behind the warm-up and stop at the end."""
        if trainer.global_step == WARM_UP:
            self.seconds = -self._now()
        elif trainer.global_step == trainer.max_steps:
            self.seconds += self._now()

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def make_fitter(
    body: SmplBody, size: int, steps: int, backend: str, device: torch.device
) -> Fitter:
    """The default recipe without what happens between its stages."""
    settings = replace(
        RefineSettings(),
        stages=[Stage(WARM_UP), Stage(1), Stage(steps - 1)],
        image_size=size,
        hold_unexplained=False,
    )
    pairs = texel_pairs(body.faces, body.uv, body.faces_uv, settings.texture_size)
    prior = load_motion_prior(parents=body.parents) if settings.needs_motion_prior else None
    render = RenderSettings(backend=backend)
    return Fitter(body, settings, render, load_pose_prior("mixture"), pairs, prior, device)


def measure(fitter: Fitter, batch: int, size: int, num_steps: int) -> dict[str, Any]:
    """One row."""
    problem = join_problems([known_problem(fitter.body, size).problem] * batch)
    clock = Clock(fitter.device)
    if fitter.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(fitter.device)
    fitter.refine(problem, torch.arange(batch), callbacks=[clock])
    step = clock.seconds / (fitter.settings.num_steps - WARM_UP)
    row = {
        "batch": batch,
        "ms_per_step": round(1e3 * step, 3),
        "photos_per_s": round(batch / (num_steps * step), 3),
    }
    if fitter.device.type == "cuda":
        row["peak_mib"] = round(torch.cuda.max_memory_allocated(fitter.device) / 2**20)
    return row


def find_missing(names: list[str], device: torch.device) -> dict[str, str]:
    """Those that cannot be used here, and why."""
    body, missing = load_body(), {}
    for name in names:
        try:
            measure(make_fitter(body, 32, 2, name, device), 1, 32, 200)
        except (HfbError, RuntimeError) as error:
            missing[name] = " ".join(str(error).split())[:300]
    return missing


def save(
    arguments: argparse.Namespace, name: str, rows: list[dict[str, Any]], left_out: dict[str, str]
) -> None:
    """Write what there is so far."""
    result = {
        "device": name,
        "torch": torch.__version__,
        "size": arguments.size,
        "steps_per_photo": RefineSettings().num_steps,
        "rows": rows,
        "left_out": left_out,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(arguments.output) as part:
        part.write_text(json.dumps(result, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=Path("outputs/device.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--backends", nargs="+", default=["torch", "warp", "kaolin"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="timed, after the warm-up")
    parser.add_argument("--seconds", type=float, default=240.0, help="no row begins later")
    return parser.parse_args()


def main() -> None:
    arguments, begin = parse_arguments(), time.perf_counter()
    device = torch.device(arguments.device)
    is_cuda = device.type == "cuda"
    num_steps = RefineSettings().num_steps
    name = torch.cuda.get_device_name(device) if is_cuda else platform.machine()
    left_out = find_missing(arguments.backends, device)
    rows: list[dict[str, Any]] = []
    print(f"{name}; torch {torch.__version__}; {arguments.size}², {num_steps} steps a photo\n")
    print("| backend | batch | ms a step | photos/s | MiB |\n|---|---|---|---|---|")
    body = load_body()
    for batch in arguments.batches:
        for backend in (b for b in arguments.backends if b not in left_out):
            if time.perf_counter() - begin > arguments.seconds:
                left_out[f"{backend} {batch}"] = "no time was left"
                continue
            fitter = make_fitter(body, arguments.size, arguments.steps, backend, device)
            try:
                row = measure(fitter, batch, arguments.size, num_steps)
            except torch.cuda.OutOfMemoryError:
                left_out[f"{backend} {batch}"] = "out of memory"
                continue
            rows.append({"backend": backend, **row})
            save(arguments, name, rows, left_out)  # the run may be cut off
            print(
                f"| {backend} | {batch} | {row['ms_per_step']:.2f} | {row['photos_per_s']:.2f} | "
                f"{row.get('peak_mib', '–')} |",
                flush=True,
            )
    for what, why in left_out.items():
        print(f"left out: {what}: {why}")
    save(arguments, name, rows, left_out)
    print(f"\nwritten to {arguments.output}")


if __name__ == "__main__":
    main()
