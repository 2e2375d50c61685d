"""The same fit on a smaller image: what the first stages work on, while the body is far off."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.refine.objective.context import Context
from hfb.refine.objective.landmark_target import landmark_target
from hfb.refine.problem import RefineProblem

SMALLEST_PX = 96
"""Side below which no crop is made smaller: a person's arms are 4 px wide then."""

_FEWEST_SUBFRAMES = 4


@torch.no_grad()
def coarser(context: Context, scale: float) -> Context:
    """What a fit is compared with, on an image of a share of the size.

    There are as many fewer sub-frames as pixels along a side, so that the body moves as many pixels
    between two of them as before.

    Args:
        context: at full size.
        scale: new pixels along a side for each old one, at most 1.
    """
    side = context.problem.image.shape[-1]
    smaller = max(round(scale * side), min(SMALLEST_PX, side))
    if smaller == side:
        return context
    scale = smaller / side
    settings, problem = context.settings, _shrunk(context.problem, smaller)
    fewest = min(_FEWEST_SUBFRAMES, settings.num_subframes)
    count = max(round(scale * settings.num_subframes), fewest)
    is_linear = settings.formation == "linear"
    return replace(
        context,
        problem=problem,
        settings=replace(settings, num_subframes=count),
        background=srgb_to_linear(problem.background) if is_linear else problem.background,
        landmarks=landmark_target(problem, context.body),
    )


def _shrunk(problem: RefineProblem, side: int) -> RefineProblem:
    """The problem on crops of another size; light is averaged, not its sRGB values."""
    scale = side / problem.image.shape[-1]

    def shrunk(image: Tensor) -> Tensor:
        return adaptive_avg_pool2d(image, side)

    def colours(image: Tensor) -> Tensor:
        return linear_to_srgb(shrunk(srgb_to_linear(image)))

    seen = problem.landmarks
    return replace(
        problem,
        image=colours(problem.image),
        background=colours(problem.background),
        alpha=shrunk(problem.alpha),
        valid=shrunk(problem.valid),
        camera=problem.camera.crop(0.0, 0.0, scale, side, side),
        landmarks=None if seen is None else replace(seen, xy=seen.xy * scale),
    )
