"""Measure the area of the `coverage` silhouette against a hard raster with 16 times the resolution.

Run from the repository root:

    python benchmarks/bench_coverage.py                 # 20 poses, about a minute

Poses and motions are those of `bench_gradients.py`. The mean silhouette of the sub-frames is
compared with the mean of the hard ones, each pixel of which is the share of its 16 x 16 finer pixel
centres that a front face covers. `area` is the relative error of the sum; `scale` is the factor of
the rendered mask with the least squared error; `RMS` is that of the pixels that are neither empty
nor full in both.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import torch
from bench_gradients import NUM_PARAMETERS, make_case
from torch import Tensor

from hfb.body import load_body
from hfb.prior import MixturePosePrior
from hfb.render import RenderSettings, hard_silhouettes, render_exposure
from hfb.structures import Camera, Mesh


@dataclass(frozen=True)
class Agreement:
    """How a mask compares with the exact one: relative area error, best scale, RMS at the edge."""

    area: float
    scale: float
    rms: float


def exact_mask(mesh: Mesh, camera: Camera, supersampling: int) -> Tensor:
    """Mean hard silhouette (H, W) of all sub-frames, `supersampling` samples a pixel and axis."""
    height, width = (supersampling * side for side in (camera.height, camera.width))
    fine = camera.crop(0.0, 0.0, float(supersampling), height, width)
    total = torch.zeros(camera.height, camera.width, dtype=torch.float64)
    for verts in mesh.verts:  # one at a time: 16 x 256 px squared are 16 MB
        hard = hard_silhouettes(verts[None], mesh.faces, fine).float()
        total += torch.nn.functional.avg_pool2d(hard, supersampling)[0]
    return total / len(mesh.verts)


def compare_masks(got: Tensor, want: Tensor) -> Agreement:
    """Compare a rendered mask with the exact one."""
    got = got.double()
    is_edge = ((got > 0) & (got < 1)) | ((want > 0) & (want < 1))
    return Agreement(
        area=float(got.sum() / want.sum() - 1),
        scale=float((got * want).sum() / got.square().sum()),
        rms=float((got - want)[is_edge].square().mean().sqrt()),
    )


def print_row(mode: str, agreements: list[Agreement]) -> None:
    """Mean and worst of all poses."""
    areas, scales, rms = (
        torch.tensor([getattr(a, name) for a in agreements], dtype=torch.float64)
        for name in ("area", "scale", "rms")
    )
    worst_scale = float(scales[(scales - 1).abs().argmax()])
    print(
        f"| {mode} | {100 * areas.mean():+.2f} % | {100 * areas[areas.abs().argmax()]:+.2f} % | "
        f"{scales.mean():.4f} | {worst_scale:.4f} | {rms.mean():.4f} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--poses", type=int, default=20)
    parser.add_argument("--modes", nargs="+", default=["coverage", "contour", "dibr"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--subframes", type=int, default=8)
    parser.add_argument("--supersampling", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body, prior = load_body(), MixturePosePrior()
    found: dict[str, list[Agreement]] = {mode: [] for mode in arguments.modes}
    with torch.no_grad():
        for seed in range(arguments.poses):
            case = make_case(seed, arguments.size, arguments.subframes, body, prior)
            mesh = case.mesh_of(torch.zeros(NUM_PARAMETERS))
            want = exact_mask(mesh, case.camera, arguments.supersampling)
            for mode, agreements in found.items():
                alpha = render_exposure(
                    mesh, case.camera, replace(RenderSettings(), mode=mode)
                ).alpha[0]
                agreements.append(compare_masks(alpha, want))
    print(
        f"{arguments.poses} poses, {arguments.subframes} sub-frames at {arguments.size} x "
        f"{arguments.size}, hard raster with {arguments.supersampling} times the resolution\n\n"
        "| mode | area | worst | scale | worst | RMS at the edge |\n|---|---|---|---|---|---|"
    )
    for mode, agreements in found.items():
        print_row(mode, agreements)


if __name__ == "__main__":
    main()
