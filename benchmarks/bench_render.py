"""Time the renderer: forward and backward of one exposure, per sub-frame, and what it needs.

Run from the repository root:

    python benchmarks/bench_render.py                     # everything, about four minutes
    python benchmarks/bench_render.py --sizes 256 --backends numba --modes coverage --no-growth
    pip install deodr                                     # adds the rows of the peer

The body fills 65 % of the image's height and moves through 8 different sub-frames: drawing one
frame again and again flatters by half, since caches and branch prediction then know it. Rows are
measured in turns, not one after the other, so that a disturbance of the machine meets all rows
alike. Columns: the fastest and the middle of all rounds, ms per sub-frame; `ratio` is the fastest
total over that of the first row with the same size, `floor` over that of the floor loop
(`render_floor.py`); `MiB` is what the first call of a fresh process adds to its peak memory. Then
how `coverage` grows with pixels, sub-frames and faces.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import multiprocessing
import os
import platform
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import cast

import numpy as np
import torch
import trimesh
from render_floor import Work, measure_floor

from hfb.render import RenderSettings, render_exposure
from hfb.render.settings import Mode
from hfb.structures import Camera, Mesh

BODY = Path(__file__).resolve().parents[1] / "checkpoints" / "free_body.npz"
BODY_SHARE_OF_HEIGHT = 0.65
TEXTURE_SIZE = 256
PEER = "deodr"


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
        return RenderSettings(cast(Mode, self.mode), self.backend, num_threads=self.threads)

    @property
    def fastest(self) -> float:
        """Forward and backward, s."""
        return min(self.forward) + min(self.backward)


def make_scene(
    size: int, num_subframes: int, device: torch.device, subdivisions: int = 0
) -> tuple[Mesh, Camera]:
    """A body that turns by 8° and moves by 6 % of its height while the shutter is open."""
    with np.load(BODY) as data:
        verts = torch.from_numpy(data["v_template"].astype(np.float32))
        faces, faces_uv = (torch.from_numpy(data[k].astype(np.int64)) for k in ("f", "ft"))
        uv = torch.from_numpy(data["vt"].astype(np.float32))
    for _ in range(subdivisions):
        verts, faces = subdivide(verts, faces)
        uv, faces_uv = subdivide(uv, faces_uv)
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


def subdivide(points: torch.Tensor, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Four faces for each, in the same order for positions and texture coordinates."""
    flat = torch.nn.functional.pad(points, (0, 3 - points.shape[1]))
    new_points, new_faces = trimesh.remesh.subdivide(flat.numpy(), faces.numpy())
    new_points = torch.from_numpy(new_points.astype(np.float32))[:, : points.shape[1]]
    return new_points.contiguous(), torch.from_numpy(new_faces.astype(np.int64))


def measure_once(row: Row, mesh: Mesh, camera: Camera) -> tuple[float, float]:
    """Seconds of one forward and one backward pass."""
    if row.backend == PEER:
        return measure_peer(mesh, camera)
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


def measure_peer(mesh: Mesh, camera: Camera) -> tuple[float, float]:
    """The same of the peer, which draws silhouettes softened over one pixel as `coverage` does."""
    from peer_deodr import DeodrExposure

    exposure = DeodrExposure(mesh, camera)
    start = time.perf_counter()
    image = exposure.forward()
    middle = time.perf_counter()
    exposure.backward(np.ones_like(image))
    return middle - start, time.perf_counter() - middle


def wait_and_read_clock(mesh: Mesh) -> float:
    if mesh.verts.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


def measure_in_turns(
    rows: list[Row], scenes: dict[int, tuple[Mesh, Camera]], rounds: int, slow_rounds: int
) -> None:
    """Fill in the timings; the slow rows take part in fewer rounds."""
    for round_number in range(-2, rounds):  # two rounds to compile and warm up
        for row in rows:
            if row.backend != "numba" and round_number >= slow_rounds:
                continue
            forward, backward = measure_once(row, *scenes[row.size])
            if round_number >= 0:
                row.forward.append(forward)
                row.backward.append(backward)


def peak_memory(row: Row, num_subframes: int) -> float:
    """MiB that the first call adds to the peak of a fresh process that has drawn a tiny image."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(added_to_peak, (row, num_subframes))


def added_to_peak(row: Row, num_subframes: int) -> float:
    torch.set_num_threads(1)
    device = torch.device("cpu")
    measure_once(row, *make_scene(32, 1, device))
    scene = make_scene(row.size, num_subframes, device)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts at what is held now
    before = read_status("VmHWM")
    measure_once(row, *scene)
    return (read_status("VmHWM") - before) / 1024


def read_status(name: str) -> int:
    """A line of what Linux says about this process, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def print_table(
    rows: list[Row], num_subframes: int, floors: dict[int, Work], memory: dict[int, float]
) -> None:
    titles = "backend mode size threads forward backward both middle ratio floor MiB".split()
    print("| " + " | ".join(titles) + " |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    first: dict[int, float] = {}
    for i, row in enumerate(rows):
        scale = 1e3 / num_subframes
        middle = median(a + b for a, b in zip(row.forward, row.backward, strict=True))
        ratio = row.fastest / first.setdefault(row.size, row.fastest)
        floor = floors.get(row.size)
        cells = [
            row.backend, row.mode, row.size, row.threads or 1,
            f"{min(row.forward) * scale:.2f}", f"{min(row.backward) * scale:.2f}",
            f"{row.fastest * scale:.2f}", f"{middle * scale:.2f}", f"{ratio:.2f}",
            f"{row.fastest / num_subframes / floor.seconds:.1f}" if floor else "–",
            f"{memory[i]:.0f}" if i in memory else "–",
        ]  # fmt: skip
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


def print_work(floors: dict[int, Work]) -> None:
    print("\nWork of one sub-frame, and the floor loop's time:\n")
    print("| size | faces | front | with a centre | pixel tests | covered | floor ms |")
    print("|---|---|---|---|---|---|---|")
    for size, work in floors.items():
        print(
            f"| {size} | {work.faces} | {work.front_faces} | {work.faces_with_centre} | "
            f"{work.pixel_tests} | {work.covered_pixels} | {work.seconds * 1e3:.2f} |"
        )


def print_growth(rounds: int) -> None:
    """`coverage` on one thread with one of the three sizes changed."""
    device = torch.device("cpu")
    cases = [(size, 8, 0) for size in (64, 128, 256, 512, 1024)]
    cases += [(256, n, 0) for n in (1, 2, 4, 16, 32, 64)]
    cases += [(256, 8, level) for level in (1, 2)]
    print("\nGrowth, numba, coverage, 1 thread, ms:\n")
    print("| size | sub-frames | faces | forward | backward | both, per sub-frame |")
    print("|---|---|---|---|---|---|")
    for size, num_subframes, level in cases:
        row = Row("numba", "coverage", size, 1)
        scene = make_scene(size, num_subframes, device, level)
        measure_in_turns([row], {size: scene}, rounds, rounds)
        print(
            f"| {size} | {num_subframes} | {len(scene[0].faces)} | {min(row.forward) * 1e3:.2f} | "
            f"{min(row.backward) * 1e3:.2f} | {row.fastest * 1e3 / num_subframes:.2f} |"
        )


def make_rows(arguments: argparse.Namespace) -> list[Row]:
    rows = []
    for size, mode, backend in itertools.product(
        arguments.sizes, arguments.modes, arguments.backends
    ):
        if backend != PEER:
            threads = arguments.threads if backend == "numba" else [None]
            rows += [Row(backend, mode, size, t) for t in threads]
    if PEER in arguments.backends:
        rows += [Row(PEER, "overdraw", size, None) for size in arguments.sizes]
    return rows


def parse_arguments() -> argparse.Namespace:
    extras = {"warp": "warp", PEER: PEER}
    found = [name for name, module in extras.items() if importlib.util.find_spec(module)]
    backends = ["numba", "torch", *found]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--modes", nargs="+", default=["coverage", "contour", "dibr"])
    parser.add_argument("--backends", nargs="+", default=backends)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--subframes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--growth", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)  # the renderer's own threads are what is measured
    device = torch.device(arguments.device)
    on_cpu = device.type == "cpu"
    rows = make_rows(arguments)
    scenes = {s: make_scene(s, arguments.subframes, device) for s in arguments.sizes}
    measure_in_turns(rows, scenes, arguments.rounds, max(3, arguments.rounds // 5))
    floors = {s: measure_floor(*scene) for s, scene in scenes.items()} if on_cpu else {}
    has_status = Path("/proc/self/clear_refs").exists()
    measured = enumerate(rows if arguments.memory and on_cpu and has_status else [])
    memory = {i: peak_memory(row, arguments.subframes) for i, row in measured}
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    name = platform.machine() if on_cpu else torch.cuda.get_device_name()
    print(
        f"{name}, {os.cpu_count()} processors{load}; torch {torch.__version__}; "
        f"{arguments.subframes} sub-frames, ms per sub-frame\n"
    )
    print_table(rows, arguments.subframes, floors, memory)
    if floors:
        print_work(floors)
    if arguments.growth and on_cpu:
        print_growth(arguments.rounds)


if __name__ == "__main__":
    main()
