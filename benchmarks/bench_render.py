"""Time the renderer: forward and backward of one exposure, per sub-frame.

Run from the repository root:

    python benchmarks/bench_render.py                     # the full table, about two minutes
    python benchmarks/bench_render.py --sizes 256 --backends numba --modes coverage

The body fills 65 % of the image's height and moves through 8 different sub-frames: drawing one
frame again and again flatters by half, since caches and branch prediction then know it. Rows are
measured in turns, not one after the other, so that a disturbance of the machine meets all rows
alike. Columns: the fastest and the middle of all rounds, ms per sub-frame; `ratio` is the fastest
total over that of the first row with the same size.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import platform
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from hfb.render import RenderSettings, render_exposure
from hfb.structures import Camera, Mesh

BODY = Path(__file__).resolve().parents[1] / "checkpoints" / "free_body.npz"
BODY_SHARE_OF_HEIGHT = 0.65
TEXTURE_SIZE = 256


@dataclass
class Row:
    """One line of the table and its timings, s."""

    backend: str
    mode: str
    size: int
    threads: int | None
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)

    @property
    def settings(self) -> RenderSettings:
        """Mode, backend and threads of this row."""
        return RenderSettings(self.mode, self.backend, num_threads=self.threads)


def make_scene(size: int, num_subframes: int, device: torch.device) -> tuple[Mesh, Camera]:
    """A body that turns by 8° and moves by 6 % of its height while the shutter is open."""
    with np.load(BODY) as data:
        verts = torch.from_numpy(data["v_template"].astype(np.float32))
        faces, faces_uv = (torch.from_numpy(data[k].astype(np.int64)) for k in ("f", "ft"))
        uv = torch.from_numpy(data["vt"].astype(np.float32))
    verts = (verts - (verts.amin(0) + verts.amax(0)) / 2) * torch.tensor([1.0, -1.0, -1.0])
    height = float(verts[:, 1].max() - verts[:, 1].min())
    focal = size * math.sqrt(2.0)
    distance = focal * height / (BODY_SHARE_OF_HEIGHT * size)
    frames = []
    for i in range(num_subframes):
        t = i / max(num_subframes - 1, 1) - 0.5
        cos, sin = math.cos(math.radians(20 + 8 * t)), math.sin(math.radians(20 + 8 * t))
        rotation = torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        frames.append(verts @ rotation.T + torch.tensor([0.06 * height * t, 0.02 * t, distance]))
    texture = torch.rand(3, TEXTURE_SIZE, TEXTURE_SIZE, generator=torch.Generator().manual_seed(0))
    mesh = Mesh(
        torch.stack(frames).to(device),
        faces.to(device),
        uv.to(device),
        faces_uv.to(device),
        texture.to(device),
    )
    camera = Camera(torch.tensor([focal, focal]), torch.tensor([size / 2, size / 2]), size, size)
    return mesh, camera


def measure_once(row: Row, mesh: Mesh, camera: Camera) -> tuple[float, float]:
    """Seconds of one forward and one backward pass."""
    own = replace(
        mesh,
        verts=mesh.verts.clone().requires_grad_(),
        texture=mesh.texture.clone().requires_grad_(),
    )
    start = wait_and_read_clock(mesh)
    result = render_exposure(own, camera, row.settings)
    middle = wait_and_read_clock(mesh)
    torch.autograd.backward(
        [result.rgb, result.alpha], [torch.ones_like(result.rgb), torch.ones_like(result.alpha)]
    )
    return middle - start, wait_and_read_clock(mesh) - middle


def wait_and_read_clock(mesh: Mesh) -> float:
    if mesh.verts.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def print_table(rows: list[Row], num_subframes: int) -> None:
    print(
        f"{'backend':8} {'mode':9} {'size':>5} {'threads':>7} | {'forward':>8} {'backward':>8} "
        f"{'both':>8} | {'middle':>8} | {'ratio':>6}"
    )
    first: dict[int, float] = {}
    for row in rows:
        scale = 1e3 / num_subframes
        forward, backward = min(row.forward) * scale, min(row.backward) * scale
        middle = median(a + b for a, b in zip(row.forward, row.backward, strict=True)) * scale
        total = forward + backward
        ratio = total / first.setdefault(row.size, total)
        print(
            f"{row.backend:8} {row.mode:9} {row.size:5} {row.threads or '-':>7} | {forward:8.2f} "
            f"{backward:8.2f} {total:8.2f} | {middle:8.2f} | {ratio:6.2f}"
        )


def make_rows(arguments: argparse.Namespace) -> list[Row]:
    rows = []
    for size, mode, backend in itertools.product(
        arguments.sizes, arguments.modes, arguments.backends
    ):
        threads = arguments.threads if backend == "numba" else [None]
        rows += [Row(backend, mode, size, t) for t in threads]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--modes", nargs="+", default=["coverage", "contour", "dibr"])
    parser.add_argument("--backends", nargs="+", default=["numba", "torch"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--subframes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the renderer's own threads are what is measured
    device = torch.device(arguments.device)
    rows = make_rows(arguments)
    scenes = {s: make_scene(s, arguments.subframes, device) for s in arguments.sizes}
    for round_number in range(-2, arguments.rounds):  # two rounds to compile and warm up
        for row in rows:
            if row.backend == "torch" and round_number >= max(3, arguments.rounds // 5):
                continue
            forward, backward = measure_once(row, *scenes[row.size])
            if round_number >= 0:
                row.forward.append(forward)
                row.backward.append(backward)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(
        f"{name}, {os.cpu_count()} processors{load}; torch {torch.__version__}; "
        f"{arguments.subframes} sub-frames, ms per sub-frame"
    )
    print_table(rows, arguments.subframes)


if __name__ == "__main__":
    main()
