"""Which photos the body does not explain, and how firmly these are held to their starts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.losses import image_loss
from hfb.refine.objective.context import Context, Prediction
from hfb.refine.objective.energy import person_area

_LEAST_HELD, _MOST_HELD = 15.0, 50.0
"""Least and largest factor of the weights that hold a photo."""


@torch.no_grad()
def unexplained(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The photo's mean squared error, in units of what counts as explained; not in the paper.

    Args:
        prediction: the forward model at this step.
        context: what it is compared with.
    """
    problem = context.problem
    error = image_loss(prediction.image, problem.image, problem.valid, person_area(context))
    return error / context.settings.explained_error


def holding_factor(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """By how much more the terms weigh that hold a photo which is not explained.

    The likelihood of a photo whose noise is not known is its mean squared error to the power of
    half its pixels: against it, all that is known besides weighs by that error. What a wrong model
    leaves is not noise, but alike from pixel to pixel, the more so the more it is: the power is
    larger than one. Not in the paper.

    Args:
        prediction: the forward model at this step.
        context: what it is compared with.

    Returns:
        Between 15 and 50, without gradient.
    """
    error = unexplained(prediction, context)
    return (error**context.settings.held_power).clamp(_LEAST_HELD, _MOST_HELD)
