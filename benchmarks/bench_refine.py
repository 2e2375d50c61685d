"""Where the time of a refinement goes: `python benchmarks/bench_refine.py`.

One 256 px image, 8 sub-frames, 200 steps, one start. Prints the whole fit through the Lightning
loop, then each part alone, forward and backward, on the tensors of the fit; what is left over is
motion, Adam and Python. Last, what the motion prior's loss (eq. 10, off by default) would add. All
figures come from one run; compare shares, not machines.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from hfb.body import load_body, load_texture, texture_names
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import MODEL_TO_CAMERA
from hfb.losses import texel_pairs
from hfb.motion import PolynomialMotion, evaluate, static_motion, subframe_times
from hfb.prior import MixturePosePrior, load_motion_prior
from hfb.refine import Fitter, RefineModule, RefineProblem, RefineSettings, Stage
from hfb.refine.motion_energy import MotionEnergy
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


def parts_of(module: RefineModule) -> dict[str, float]:
    """Forward and backward of each part alone, ms a step."""
    prediction = module.predict()
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
        exposure = render_exposure(mesh, module.problem.camera, module.render_settings)
        (exposure.rgb.sum() + exposure.alpha.sum()).backward()

    def lose() -> None:
        module.losses(leaves)[0].sum().backward()

    return {
        "render": milliseconds(rasterise),
        "skinning": milliseconds(skin),
        "losses": milliseconds(lose),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="side of the crop, px")
    parser.add_argument("--steps", type=int, default=200, help="Adam steps")
    parser.add_argument("--threads", type=int, default=None, help="threads of the renderer")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body()
    problem = make_problem(arguments.size)
    settings = RefineSettings(
        weights={"image": 3.0, "matting": 1.0},
        stages=[Stage(arguments.steps)],
        image_size=arguments.size,
    )
    render_settings = RenderSettings(num_threads=arguments.threads)
    pairs = texel_pairs(body.faces, body.uv, body.faces_uv, settings.texture_size)
    fitter = Fitter(body, settings, render_settings, MixturePosePrior(), pairs)
    group = torch.zeros(1, dtype=torch.long)
    Fitter(body, replace(settings, stages=[Stage(3)]), render_settings).refine(problem, group)

    begin = time.perf_counter()
    module = fitter.refine(problem, group)
    total = time.perf_counter() - begin
    step = 1e3 * total / arguments.steps

    def bare_step() -> None:
        module.losses(module.predict())[0].sum().backward()

    bare = milliseconds(bare_step)
    parts = parts_of(module)
    parts["motion, formation"] = bare - sum(parts.values())
    parts["Lightning, Adam"] = step - bare
    print(f"{arguments.size} px, {settings.num_subframes} sub-frames, {arguments.steps} steps")
    print(f"whole fit {total:.2f} s, {step:.1f} ms a step")
    for name, value in parts.items():
        print(f"  {name:<20}{value:7.2f} ms{100 * value / step:7.1f} %")
    cost = prior_cost(module)
    print(f"with the motion prior's loss {cost:.2f} ms more, {100 * cost / step:.1f} % of a step")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
