"""The terms of eq. 11 for one prediction; those of weight 0 are not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.fit.motion_energy import MotionEnergy
from hfb.fit.problem import RefineProblem
from hfb.fit.sequence.boundaries import boundary_states, boundary_times
from hfb.fit.settings import RefineSettings
from hfb.geometry import rotmat_to_rotvec
from hfb.losses import (
    LossWeights,
    TexelPairs,
    anchor_stiffness,
    background_loss,
    boundary_loss,
    image_loss,
    matting_loss,
    polynomial_loss,
    pose_anchor_loss,
    pose_prior_loss,
    shape_loss,
    texture_smoothness_loss,
)
from hfb.motion import PolynomialMotion
from hfb.prior import MixturePosePrior
from hfb.structures import Exposure, Layers

_FIRMEST = 10.0
"""Largest factor of a joint's pose anchor: nobody is so sure of a joint that it must not move."""

_BORDER = 4.0
"""Weight of a boundary between windows against one inside, where the earlier photo stands still.

With 1 the worst joint of a clip of 60 photos jumped 16 mm there in the median, 36 mm at most; with
4, 1 and 22 mm.
"""


@dataclass(frozen=True)
class Prediction:
    """What the forward model says at one step.

    Attributes:
        image: predicted blurry crop, sRGB.
        exposure: the two sums of eq. 2, in the space that is averaged.
        layers: the single sub-frames, where a term needs them.
        motion: the polynomials.
        pose_rotmat: pose at each sub-frame time.
        betas: shape.
        texture: sRGB.
        gap: shut part of the frame time of each sequence; None where the exposures tell it.
    """

    image: Float[Tensor, "P 3 S S"]
    exposure: Exposure
    layers: Layers | None
    motion: PolynomialMotion
    pose_rotmat: Float[Tensor, "P N J 3 3"]
    betas: Float[Tensor, "P K"]
    texture: Float[Tensor, "P 3 TH TW"]
    gap: Float[Tensor, " Q"] | None = None


@dataclass(frozen=True)
class Context:
    """What stays the same over a refinement.

    Attributes:
        problem: image, matte, cameras, starts.
        settings: the recipe.
        background: background in the space that is averaged.
        start_coeffs: coefficients of the resting start.
        body: the body model.
        pose_prior: eq. 6, or None.
        motion_energy: eq. 10, or None.
        texel_pairs: eq. 5's neighbour table, or None.
        pair_cosines: eq. 5's cosines for the starting pose, or None.
    """

    problem: RefineProblem
    settings: RefineSettings
    background: Float[Tensor, "P 3 S S"]
    start_coeffs: Float[Tensor, "P D1 K C"]
    body: SmplBody
    pose_prior: MixturePosePrior | None = None
    motion_energy: MotionEnergy | None = None
    texel_pairs: TexelPairs | None = None
    pair_cosines: Float[Tensor, "P M"] | None = None


def loss_terms(
    prediction: Prediction, context: Context, weights: LossWeights
) -> dict[str, Float[Tensor, " P"]]:
    """Unweighted terms by the names of `LossWeights`, one value a problem.

    Args:
        prediction: the forward model at this step.
        context: what it is compared with.
        weights: tells which terms are wanted.
    """
    makers: dict[str, Callable[[Prediction, Context], Tensor]] = {
        "image": _image,
        "matting": _matting,
        "texture": _texture,
        "pose": _pose,
        "shape": lambda p, _: shape_loss(p.betas),
        "motion": _motion,
        "background": _background,
        "adversarial": _adversarial,
        "pose_anchor": _pose_anchor,
        "boundary": _boundary,
    }
    return {
        name: make(prediction, context)
        for name, make in makers.items()
        if weights.is_active(name) and _is_available(name, context)
    }


def available_weights(weights: LossWeights, context: Context) -> LossWeights:
    """The weights with those set to 0 whose terms lack what they need (prior, texel pairs)."""
    values = {
        name: value if _is_available(name, context) else 0.0
        for name, value in weights.as_dict().items()
    }
    return LossWeights(**values)


def _is_available(name: str, context: Context) -> bool:
    if name == "pose":
        return context.pose_prior is not None
    if name == "adversarial":
        # Section 3.2: consecutive photos do without, nothing about their motion is ambiguous.
        is_single = context.problem.sequences is None
        return context.motion_energy is not None and is_single
    if name == "boundary":
        return context.problem.sequences is not None
    if name == "texture":
        return context.texel_pairs is not None
    return True


def _area(context: Context) -> Tensor | None:
    if not context.settings.normalize_by_area:
        return None
    return (context.problem.alpha * context.problem.valid).sum((-3, -2, -1))


def _image(prediction: Prediction, context: Context) -> Tensor:
    problem = context.problem
    return image_loss(prediction.image, problem.image, problem.valid, _area(context))


def _matting(prediction: Prediction, context: Context) -> Tensor:
    problem = context.problem
    return matting_loss(
        prediction.exposure.alpha,
        problem.alpha,
        problem.valid,
        context.settings.matting_kind,
        _area(context),
    )


def _texture(prediction: Prediction, context: Context) -> Tensor:
    assert context.texel_pairs is not None
    assert context.pair_cosines is not None
    return texture_smoothness_loss(
        prediction.texture,
        context.texel_pairs,
        context.pair_cosines,
        prediction.exposure.visible_faces,
    )


def _pose(prediction: Prediction, context: Context) -> Tensor:
    assert context.pose_prior is not None
    # Eq. 6 averages over all sub-frames; poses of one exposure are so alike that the middle one
    # stands for them at a fraction of the cost.
    middle = prediction.pose_rotmat.shape[1] // 2
    body_pose = rotmat_to_rotvec(prediction.pose_rotmat[:, middle : middle + 1, 1:])
    return pose_prior_loss(context.pose_prior(body_pose.flatten(-2)))


def _pose_anchor(prediction: Prediction, context: Context) -> Tensor:
    sigma, stiffness = context.problem.joint_sigma, None
    if sigma is not None:
        stiffness = anchor_stiffness(sigma, context.settings.anchor_sigma, _FIRMEST)
    return pose_anchor_loss(prediction.motion.coeffs, context.start_coeffs, stiffness)


def _motion(prediction: Prediction, context: Context) -> Tensor:
    settings = context.settings
    return polynomial_loss(
        prediction.motion.coeffs,
        l1_scale=settings.coefficient_l1,
        l1_reduction=settings.coefficient_l1_reduction,
    )


def _adversarial(prediction: Prediction, context: Context) -> Tensor:
    assert context.motion_energy is not None
    return context.motion_energy(prediction.motion)


def _background(prediction: Prediction, context: Context) -> Tensor:
    rendered = prediction.layers if prediction.layers is not None else prediction.exposure
    return background_loss(rendered, context.background, context.settings.background_epsilon)


def _boundary(prediction: Prediction, context: Context) -> Tensor:
    """The restriction at each boundary counts for the later of its two photos.

    Where the earlier one has been refined before, only the later one can give way, and it counts
    `_BORDER` times.
    """
    problem, sequences = context.problem, context.problem.sequences
    assert sequences is not None
    meeting = boundary_times(sequences, context.settings.gap_fraction, prediction.gap)
    states = boundary_states(prediction.motion, prediction.betas, sequences, meeting, context.body)
    first, second = sequences.pairs.unbind(1)
    missed = boundary_loss(*states)
    missed = torch.where(first < 0, _BORDER * missed, missed)
    return prediction.betas.new_zeros(len(problem)).index_add(0, second, missed)
