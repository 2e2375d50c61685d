"""The terms of eq. 11, each a function that is registered once; those of weight 0 are left out.

The maths is in `hfb.losses`; a term picks its arguments from what was predicted and what stays the
same. The order in which they stand here is the order in which they are added up.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import rotmat_to_rotvec
from hfb.losses import (
    anchor_stiffness,
    background_loss,
    background_norm_loss,
    boundary_loss,
    depth_anchor_loss,
    image_loss,
    landmark_loss,
    matting_loss,
    polynomial_loss,
    pose_anchor_loss,
    pose_prior_loss,
    shape_loss,
    texture_smoothness_loss,
)
from hfb.refine.objective.context import Context, Prediction
from hfb.refine.objective.terms import known_terms, register_term
from hfb.refine.sequence.boundaries import boundary_states, boundary_times

_FIRMEST = 10.0
"""Largest factor of a joint's pose anchor: no start is so sure of a joint that it must not move."""

_BORDER = 4.0
"""Weight of a boundary between windows against one inside, where the earlier photo stands still.

With 1 the worst joint of a clip of 60 photos jumped 16 mm there in the median, 36 mm at most; with
4, 1 and 22 mm.
"""


def available_weights(weights: Mapping[str, float], context: Context) -> dict[str, float]:
    """The weights with those set to 0 whose terms lack what they need (a prior, texel pairs).

    Args:
        weights: of every registered term.
        context: what there is.
    """
    terms = known_terms()
    return {
        name: value if terms[name].is_available(context) else 0.0 for name, value in weights.items()
    }


def loss_terms(
    prediction: Prediction, context: Context, weights: Mapping[str, float]
) -> dict[str, Float[Tensor, " P"]]:
    """Unweighted terms by name, one value a problem: what eq. 11 adds up.

    Args:
        prediction: the forward model at this step.
        context: what it is compared with.
        weights: from `available_weights`; terms of weight 0 are not computed.
    """
    terms = known_terms()
    return {
        name: terms[name].compute(prediction, context)
        for name, value in weights.items()
        if value > 0.0
    }


def needs_layers(weights: Mapping[str, float]) -> bool:
    """Whether a term of positive weight looks at single sub-frames."""
    terms = known_terms()
    return any(value > 0.0 and terms[name].needs_layers for name, value in weights.items())


def person_area(context: Context) -> Float[Tensor, " P"] | None:
    """Pixels that the person covers, where terms are means over them; not a term itself."""
    if not context.settings.normalize_by_area:
        return None
    return (context.problem.alpha * context.problem.valid).sum((-3, -2, -1))


@register_term("image", weight=(3.0, 50.0, 50.0))
def image_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The blurry image is explained: eq. 3."""
    problem = context.problem
    return image_loss(prediction.image, problem.image, problem.valid, person_area(context))


@register_term("matting", weight=(1.0, 0.3, 0.3))
def matting_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """So is its matte: eq. 4."""
    problem = context.problem
    return matting_loss(
        prediction.exposure.alpha,
        problem.alpha,
        problem.valid,
        context.settings.matting_kind,
        person_area(context),
    )


@register_term("texture", weight=1.0, needs=lambda context: context.texel_pairs is not None)
def texture_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The texture is smooth along the surface: eq. 5."""
    assert context.texel_pairs is not None
    assert context.pair_cosines is not None
    return texture_smoothness_loss(
        prediction.texture,
        context.texel_pairs,
        context.pair_cosines,
        prediction.exposure.visible_faces,
    )


@register_term("pose", weight=0.05, needs=lambda context: context.pose_prior is not None)
def pose_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The pose is an everyday one: eq. 6.

    It averages over all sub-frames; poses of one exposure are so alike that by default the middle
    one stands for them at a fraction of the cost.
    """
    assert context.pose_prior is not None
    pose_rotmat = prediction.pose_rotmat
    if context.settings.pose_subframes == "middle":
        middle = pose_rotmat.shape[1] // 2
        pose_rotmat = pose_rotmat[:, middle : middle + 1]
    body_pose = rotmat_to_rotvec(pose_rotmat[:, :, 1:])
    return pose_prior_loss(context.pose_prior(body_pose.flatten(-2)))


@register_term("shape", weight=0.001)
def shape_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The body has an average shape: eq. 7."""
    return shape_loss(prediction.betas)


@register_term("motion", weight=0.002, holds=True)
def motion_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The motion is slow and simple: eq. 8."""
    settings = context.settings
    return polynomial_loss(
        prediction.motion.coeffs,
        l1_scale=settings.coefficient_l1,
        l1_reduction=settings.coefficient_l1_reduction,
    )


@register_term("background", needs_layers=True)
def background_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The person does not look like the wall: eq. 9."""
    assert prediction.layers is not None
    settings = context.settings
    if settings.background_kind == "image":
        return background_norm_loss(
            prediction.layers, context.background, settings.background_epsilon
        )
    return background_loss(prediction.layers, context.background, settings.background_epsilon)


def _is_single(context: Context) -> bool:
    return context.problem.sequences is None


def _can_judge_motion(context: Context) -> bool:
    # Section 3.2: consecutive photos do without, nothing about their motion is ambiguous.
    return context.motion_energy is not None and _is_single(context)


@register_term("adversarial", needs=_can_judge_motion)
def adversarial_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The motion is one that people make: eq. 10."""
    assert context.motion_energy is not None
    return context.motion_energy(prediction.motion)


@register_term("pose_anchor", weight=0.03, holds=True)
def pose_anchor_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The pose stays where it started; not in the paper, see `pose_anchor_loss`."""
    sigma, stiffness = context.problem.joint_sigma, None
    if sigma is not None:
        stiffness = anchor_stiffness(sigma, context.settings.anchor_sigma, _FIRMEST)
    return pose_anchor_loss(prediction.motion.coeffs, context.start_coeffs, stiffness)


@register_term("depth_anchor", weight=(10.0, 1.0, 0.1), needs=_is_single)
def depth_anchor_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """Limbs stay as deep as they started, most while only outlines count; not in the paper.

    Consecutive photos do without: their motions tell depth.
    """
    joints = prediction.joints[:, _middle(prediction)].mean(1)
    return depth_anchor_loss(joints, context.start_joints)


@register_term("boundary", weight=1.0, needs=lambda context: context.problem.sequences is not None)
def boundary_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The motions of consecutive photos meet: section 3.2.

    The restriction at each boundary counts for the later of its two photos. Where the earlier one
    has been refined before, only the later one is fitted, and it counts `_BORDER` times.
    """
    problem, sequences = context.problem, context.problem.sequences
    assert sequences is not None
    times = boundary_times(sequences, context.settings.gap_fraction, prediction.gap)
    states = boundary_states(prediction.motion, prediction.betas, sequences, times, context.body)
    first, second = sequences.pairs.unbind(1)
    missed = boundary_loss(*states)
    missed = torch.where(first < 0, _BORDER * missed, missed)
    return prediction.betas.new_zeros(len(problem)).index_add(0, second, missed)


@register_term(
    "landmarks", weight=150.0, holds=True, needs=lambda context: context.landmarks is not None
)
def landmark_term(prediction: Prediction, context: Context) -> Float[Tensor, " P"]:
    """The body is where the detector saw it at mid-exposure; not in the paper.

    The detector sees a mean over the exposure. Held to that, a body in curved motion goes astray at
    mid-exposure, and its motion grows.
    """
    target = context.landmarks
    assert target is not None
    middle = _middle(prediction)
    joints, verts = prediction.joints[:, middle], prediction.verts[:, middle]
    seen = target.seen(joints, verts, context.problem.camera).mean(1)
    return landmark_loss(seen, target.xy, target.height, target.trust)


def _middle(prediction: Prediction) -> slice:
    """The sub-frame at mid-exposure, or the two about it."""
    count = prediction.joints.shape[1]
    return slice((count - 1) // 2, count // 2 + 1)
