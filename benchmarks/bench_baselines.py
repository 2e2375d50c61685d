"""Shape from Blur and Motion from Blur on what they are made for: rigid objects that fly and spin.

    python benchmarks/bench_baselines.py --method mfb --photos 2 --seeds 0 1

prints the silhouette IoU of a textured sphere and a torus with the published number of steps, and
how often it is above .9. Only the exact matte is given, not the silhouettes of the sub-frames.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch
from rich.console import Console
from rigid_scenes import THREAD, rigid_scene, scene_iou

from hfb.baselines import MfbRecipe, ObjectRecipe, SfbRecipe, build_object_problem, estimate_object

GOOD = 0.9


def main() -> None:
    """Print a line a scene and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=["sfb", "mfb"], default="sfb")
    parser.add_argument("--photos", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--objects", nargs="+", default=["sphere", "torus"])
    parser.add_argument("--image-size", type=int, default=None)
    parser.add_argument("--masks", action="store_true", help="give the sub-frames' silhouettes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(highlight=False)
    recipe: ObjectRecipe = SfbRecipe() if options.method == "sfb" else MfbRecipe()
    if options.image_size:
        recipe = replace(recipe, image_size=options.image_size)
    values = []
    for name in options.objects:
        for seed in options.seeds:
            scene = rigid_scene(name, seed, options.photos)
            # Three of the truth's 24 moments a sub-frame: the middle one stands for it.
            masks = scene.silhouettes[:, 1::3, None].float() if options.masks else None
            problem = build_object_problem(
                scene.sample, scene.alpha, recipe.image_size, recipe.crop_margin, masks=masks
            )
            begin = time.perf_counter()
            estimate = estimate_object(problem, recipe, THREAD)
            values.append(scene_iou(estimate, scene))
            shape = "+".join(part.model.prototype.name for part in estimate.parts)
            seconds = time.perf_counter() - begin
            console.print(
                f"{options.method} {name} {seed}: IoU {values[-1]:.3f} from a {shape}, "
                f"{seconds:.0f} s"
            )
    count = sum(value > GOOD for value in values)
    mean = sum(values) / len(values)
    console.print(f"mean IoU {mean:.3f}; {count} of {len(values)} above {GOOD}")


if __name__ == "__main__":
    main()
