"""How long the shutter stayed shut between consecutive photos, where no clock tells it."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.motion import PolynomialMotion, evaluate
from hfb.refine.recipe.settings import RefineSettings
from hfb.refine.sequence.boundaries import Gap, Sequences
from hfb.refine.sequence.gap_likelihood import gaps_of_joints
from hfb.structures import BodyParams

ASSUMED_GAP = 0.25
"""Shut part of the frame time that photos start from while it is unknown."""
PHOTO_FACTOR = 8.0
"""Factor on the photo's weight in the second fit: mattes make the displacements of the torso 4 to
7 % too short."""
FIT_STRETCH = 1.03
"""Undoes the shortening of displacements by fits: limbs turn back, and motion has a cost."""
LEAST_BLUR = 3.0
"""Displacement of the median joint in an exposure, px of the crop, below which a gap is only a
guess: fits err by one to two."""


def free_settings(settings: RefineSettings) -> RefineSettings:
    """The recipe with which the gap is found: photos that do not know of each other.

    Motions that are made to meet bend until they do, whatever the gap. They start from the
    velocities between the starting poses ("tangent" only), without noise, which at short exposures
    is as large as the motion. The last stage is left out: what it adds is small.

    Args:
        settings: the recipe of the refinement.
    """
    kept = settings.with_stages(slice(max(len(settings.stages) - 1, 1)))
    stages = [replace(stage, choose_directions=False) for stage in kept.stages]
    settings = replace(kept.with_weights(boundary=0.0), stages=stages)
    if settings.parameterization != "tangent":
        return settings
    return replace(settings, start_noise=0.0, start_motion="neighbours")


def second_settings(settings: RefineSettings) -> RefineSettings:
    """The recipe of the fit that follows: the last stage of the one before.

    It starts from the velocities between the fitted poses instead of the starting poses, whose
    errors of several centimetres differ from photo to photo. The photo counts for more in it: the
    pose is right by then, and only the extent of the blur is wanted.

    Args:
        settings: from `free_settings`.
    """
    last = settings.with_stages(slice(-1, None))
    heavier = last.with_weights(image=PHOTO_FACTOR * last.weights_of(0)["image"])
    return replace(heavier, stages=[replace(last.stages[0], refresh_matte=False)])


def gap_recipes(settings: RefineSettings) -> list[RefineSettings]:
    """The recipes of the fits that find a gap, in their order; only tangents can be restarted.

    Args:
        settings: the recipe of the refinement.
    """
    free = free_settings(settings)
    return [free, second_settings(free)] if settings.parameterization == "tangent" else [free]


@torch.no_grad()
def find_gaps(
    motion: PolynomialMotion, betas: Float[Tensor, "P K"], sequences: Sequences, body: SmplBody
) -> list[Gap]:
    """The gap with which the motions in the exposures lead from each photo to the next.

    Args:
        motion: of each problem, fitted without the boundary restriction.
        betas: shape of each problem.
        sequences: the photos, none of them refined before.
        body: the body model.

    Returns:
        That of each sequence, in [0, 0.75].
    """
    times = torch.tensor([0.0, 0.5, 1.0]).to(motion.coeffs)
    pose_rotmat, transl = evaluate(motion, times)
    shape = betas[:, None].expand(-1, len(times), -1)
    joints = body.joints(BodyParams(shape, pose_rotmat, transl))
    return gaps_of_joints(joints, sequences, FIT_STRETCH)


def blur_in_crop(joints: Float[Tensor, "P 3 J 3"], settings: RefineSettings) -> Float[Tensor, " P"]:
    """How far the median joint moves within an exposure, as the fit sees it; not in the paper.

    Args:
        joints: of each photo at opening, mid-exposure and closing, camera frame, m.
        settings: size of the crop and the space in it around the person.

    Returns:
        Pixels of the crop.
    """
    opened, middle, closed = (joints[..., :2] / joints[..., 2:]).unbind(1)
    extent = (middle.amax(1) - middle.amin(1)).amax(-1)
    distance = torch.linalg.vector_norm(closed - opened, dim=-1).median(-1).values
    return distance / extent * settings.image_size / (1.0 + 2.0 * settings.crop_margin)
