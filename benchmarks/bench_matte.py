"""How close the matte comes to the truth: before the fit, refreshed by it, and the body itself.

    python benchmarks/bench_matte.py --seeds 31 32 33 34 35 36

prints the soft IoU with the true matte of built-in examples. The third column is the fitted body's
own coverage: a refreshed matte that only copied the body would score the same.
"""

from __future__ import annotations

import argparse

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from datamodules.synthetic.data_module import embedded_example
from hfb.body import load_body
from hfb.errors import HfbError
from hfb.init import BlazePoseInitialiser
from hfb.losses import texel_pairs
from hfb.prior import MixturePosePrior, load_motion_prior
from hfb.refine import Fitter, RefineSettings, build_problem
from hfb.refine.initialise import initialise_frame
from hfb.refine.problem import full_matte
from hfb.refine.result import refinements_of, render_views
from hfb.render import RenderSettings


def mattes_of(
    seed: int, fitter: Fitter, initialiser: BlazePoseInitialiser
) -> tuple[str, list[Tensor], Tensor]:
    """Name; first matte, refreshed matte and the body's coverage; the true matte."""
    sample = embedded_example(seed)
    if sample.target is None or sample.target.silhouettes is None:
        raise HfbError(f"{sample.sample_id} has no true silhouettes")
    settings = fitter.settings
    started = initialise_frame(sample, fitter.body, initialiser)
    problem = build_problem(
        sample, started.estimate, started.alpha, settings.image_size, settings.crop_margin
    )
    module = fitter.refine(problem, torch.zeros(1, dtype=torch.long))
    refreshed = full_matte(module.problem, started.alpha, settings.crop_margin)
    refinement = refinements_of(module, [started.camera])[0]
    views = render_views(
        refinement, fitter.body, started.camera, sample.background, fitter.render_settings
    )
    truth = sample.target.silhouettes[0].float().mean(0, keepdim=True)
    return sample.sample_id, [started.alpha, refreshed, views.alpha], truth


def soft_iou(preds: Tensor, target: Tensor) -> float:
    """Soft intersection over union of two mattes."""
    return float(torch.minimum(preds, target).sum() / torch.maximum(preds, target).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(31, 41)))
    args = parser.parse_args()
    body, settings = load_body(), RefineSettings()
    pairs = texel_pairs(body.faces, body.uv, body.faces_uv, settings.texture_size)
    parts = MixturePosePrior(), pairs, load_motion_prior()
    fitter = Fitter(body, settings, RenderSettings(), *parts)
    initialiser = BlazePoseInitialiser()
    rows = []
    print("| sample | first matte | refreshed | the body |\n|---|---|---|---|")
    for seed in track(args.seeds, "fitting", console=Console(stderr=True), transient=True):
        name, found, truth = mattes_of(seed, fitter, initialiser)
        rows.append([soft_iou(matte, truth) for matte in found])
        print(f"| {name} |" + "".join(f" {value:.3f} |" for value in rows[-1]), flush=True)
    print("| mean |" + "".join(f" {v:.3f} |" for v in torch.tensor(rows).mean(0).tolist()))


if __name__ == "__main__":
    main()
