"""Where the time of one photo goes: `python benchmarks/bench_refine.py`.

One 256 px image, 8 sub-frames, 200 steps, one start. Prints the whole fit through the Lightning
loop, then each part alone, forward and backward, on the tensors of the fit, at the size of the last
stage and at that of the first ones; what is left over is motion, Adam and Python.

    python benchmarks/bench_refine.py --path      # whole commands, from the imports to the files
    python benchmarks/bench_refine.py --memory    # peak memory of fits of 1, 8 and 32 photos

`--path` runs `predict` on the built-in photo and `test` on eight in one batch, each in a process of
its own, once to make and compile what is kept and once to measure. All figures of a table come from
one run; compare shares, not machines.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from hfb.body import load_body, load_texture, texture_names
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import MODEL_TO_CAMERA
from hfb.losses import texel_pairs
from hfb.motion import PolynomialMotion, evaluate, static_motion, subframe_times
from hfb.prior import MixturePosePrior, load_motion_prior
from hfb.refine import Fitter, RefineModule, RefineProblem, RefineSettings, join_problems
from hfb.refine.objective.coarse import coarser
from hfb.refine.objective.energy import Context
from hfb.refine.objective.motion_energy import MotionEnergy
from hfb.render import RenderSettings, render_exposure
from hfb.structures import BodyParams, Camera, Mesh


def make_problem(size: int) -> RefineProblem:
    """A body of 65 % of the height that swings an arm, and a start that stands still."""
    body = load_body()
    pose = torch.eye(3).repeat(1, 24, 1, 1)
    pose[:, 0] = MODEL_TO_CAMERA
    camera = Camera(torch.tensor([[size * 1.6] * 2]), torch.tensor([[size / 2] * 2]), size, size)
    still = static_motion(pose, torch.tensor([[0.0, 0.2, 4.2]]), 2)
    coeffs = still.coeffs.clone()
    coeffs[:, 1, 17, 2], coeffs[:, 1, 0, 0] = 0.7, 0.1
    moving: PolynomialMotion = still.with_coeffs(coeffs)
    rotmat, transl = evaluate(moving, subframe_times(24))
    verts = body(BodyParams(torch.zeros(1, 1, 10), rotmat, transl)).verts
    texture = srgb_to_linear(load_texture(texture_names()[0]))[None]
    exposure = render_exposure(
        Mesh(verts, body.faces, body.uv, body.faces_uv, texture), camera, RenderSettings()
    )
    background = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    image = composite_exposure(exposure, srgb_to_linear(background))
    return RefineProblem(
        names=("bench/0",),
        image=linear_to_srgb(image),
        background=background,
        alpha=exposure.alpha,
        valid=torch.ones(1, 1, size, size),
        camera=camera,
        start=BodyParams(torch.zeros(1, 10), pose, still.base_transl + torch.tensor([0.03, 0, 0])),
        matte_is_given=(False,),
    )


def milliseconds(work: Callable[[], object], repeats: int = 30) -> float:
    """Median time of a call, ms."""
    times = []
    for _ in range(repeats + 3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1e3 * sorted(times[3:])[repeats // 2]


def prior_cost(module: RefineModule, repeats: int = 20) -> float:
    """Mean time of eq. 10, ms a step: it is evaluated now and then only."""
    energy = MotionEnergy(load_motion_prior())
    motion = module.predict().motion
    coeffs = motion.coeffs.detach().requires_grad_()

    def one_round() -> None:
        for _ in range(energy.every):
            energy(motion.with_coeffs(coeffs)).sum().backward()

    return milliseconds(one_round, repeats) / energy.every


def parts_of(module: RefineModule, context: Context) -> dict[str, float]:
    """Forward and backward of each part alone, ms a step.

    Args:
        module: a finished fit.
        context: what its predictions are compared with, at some size.
    """
    prediction = module.predict(context)
    rotmat = prediction.pose_rotmat.detach().requires_grad_()
    transl = module.problem.start.transl.unsqueeze(1).expand(-1, rotmat.shape[1], -1).clone()
    betas = module.betas.detach().unsqueeze(1).requires_grad_()
    verts = module.body(BodyParams(betas, rotmat, transl)).verts.detach().requires_grad_()
    texture = module.texture.detach().requires_grad_()
    leaves = replace(
        prediction,
        image=prediction.image.detach().requires_grad_(),
        motion=prediction.motion.with_coeffs(prediction.motion.coeffs.detach().requires_grad_()),
        pose_rotmat=rotmat,
        exposure=replace(
            prediction.exposure, alpha=prediction.exposure.alpha.detach().requires_grad_()
        ),
        texture=texture,
    )
    body = module.body

    def skin() -> None:
        body(BodyParams(betas, rotmat, transl)).verts.sum().backward()

    def rasterise() -> None:
        mesh = Mesh(verts, body.faces, body.uv, body.faces_uv, texture)
        exposure = render_exposure(mesh, context.problem.camera, module.render_settings)
        (exposure.rgb.sum() + exposure.alpha.sum()).backward()

    def lose() -> None:
        module.losses(leaves, context)[0].sum().backward()

    def whole() -> None:
        module.losses(module.predict(context), context)[0].sum().backward()

    parts = {
        "render": milliseconds(rasterise),
        "skinning": milliseconds(skin),
        "losses": milliseconds(lose),
    }
    return parts | {"motion, formation": milliseconds(whole) - sum(parts.values())}


def fitter_of(settings: RefineSettings, threads: int | None) -> Fitter:
    """The default recipe's fitter."""
    body = load_body()
    pairs = texel_pairs(
        body.faces, body.uv, body.faces_uv, settings.texture_size, settings.texel_steps
    )
    return Fitter(
        body,
        settings,
        RenderSettings(num_threads=threads),
        MixturePosePrior(),
        pairs,
        load_motion_prior(),
    )


def fit_by_part(size: int, threads: int | None) -> None:
    """Print what a step is made of."""
    # Random backgrounds and a start of its own: whether the photo is explained says nothing here.
    settings = RefineSettings(image_size=size, hold_unexplained=False)
    fitter, problem = fitter_of(settings, threads), make_problem(size)
    group = torch.zeros(1, dtype=torch.long)
    fitter.refine(problem, group)
    begin = time.perf_counter()
    module = fitter.refine(problem, group)
    total = time.perf_counter() - begin
    print(f"{size} px, {settings.num_subframes} sub-frames, {settings.num_steps} steps")
    print(f"whole fit {total:.2f} s, {1e3 * total / settings.num_steps:.1f} ms a step")
    for scale in (1.0, settings.stages[0].scale):
        parts = parts_of(module, coarser(module.context, scale))
        step = sum(parts.values())
        print(f"a step at {scale:g} of the size, without Adam and Lightning: {step:.1f} ms")
        for name, value in parts.items():
            print(f"  {name:<20}{value:7.2f} ms{100 * value / step:7.1f} %")
    cost = prior_cost(module)
    print(f"the motion prior's loss, off by default, would add {cost:.2f} ms a step")


def whole_path() -> None:
    """Print the parts of whole commands."""
    clock = str(Path(__file__).with_name("path_clock.py"))
    batch = ["--data.init_args.batch_size=8", "--data.init_args.limit=8"]
    for name, command in (("one photo", ["predict"]), ("a batch of 8", ["test", *batch])):
        for is_measured in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                options = [*command, f"--output={folder}/out"]
                done = subprocess.run(
                    [sys.executable, clock, *options], capture_output=True, text=True, check=True
                )
            if is_measured:
                table = done.stdout[done.stdout.index("whole path") :]
                print(f"{name}: {table}", flush=True)


def peak_memory(counts: list[int], size: int) -> None:
    """Print the peak memory of fits of several photos together, each in a process of its own."""
    for count in counts:
        command = [sys.executable, __file__, "--fit_together", str(count), "--size", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(done.stdout.strip(), flush=True)


def fit_together(count: int, size: int) -> None:
    """Fit copies of one photo in a batch for a few steps of each size."""
    stages = [replace(stage, num_steps=3) for stage in RefineSettings().stages]
    settings = RefineSettings(image_size=size, stages=stages, hold_unexplained=False)
    fitter = fitter_of(settings, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fitter.refine(join_problems([make_problem(size)] * count), torch.arange(count))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:3d} photos: peak {peak:6.0f} MiB, of it {before:.0f} before the fit")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="side of the crop, px")
    parser.add_argument("--threads", type=int, default=None, help="threads of the renderer")
    parser.add_argument("--path", action="store_true", help="whole commands instead")
    parser.add_argument("--memory", action="store_true", help="peak memory instead")
    parser.add_argument("--fit_together", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.fit_together:
        fit_together(arguments.fit_together, arguments.size)
    elif arguments.path:
        whole_path()
    elif arguments.memory:
        peak_memory([1, 8, 32], arguments.size)
    else:
        fit_by_part(arguments.size, arguments.threads)


if __name__ == "__main__":
    main()
