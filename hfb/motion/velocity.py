"""Poses together with how fast they change: what consecutive exposures have in common."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import angular_velocity_of_rotvec, rotvec_to_rotmat
from hfb.motion.polynomial import MIN_AXIS_NORM, PolynomialMotion, time_powers


@dataclass(frozen=True)
class MovingPose:
    """A pose and its first derivative in time.

    Attributes:
        pose_rotmat: rotation of each joint, root first.
        angular_velocity: of each joint in its parent's frame (the root's: camera frame), rad per
            exposure.
        transl: camera frame, m.
        velocity: of the translation, m per exposure.
    """

    pose_rotmat: Float[Tensor, "*B J 3 3"]
    angular_velocity: Float[Tensor, "*B J 3"]
    transl: Float[Tensor, "*B 3"]
    velocity: Float[Tensor, "*B 3"]


def evaluate_moving(motion: PolynomialMotion, t: Float[Tensor, "*B"]) -> MovingPose:
    """Pose, translation and their exact first derivatives at one time of each motion.

    Section 3.2 of Human from Blur restricts both at the boundary of consecutive photos.

    Args:
        motion: the polynomials.
        t: one time a motion, in exposures; outside [0, 1] the polynomials are extrapolated.
    """
    t = t.to(motion.coeffs).unsqueeze(-1)
    powers = time_powers(t, motion.degree, motion.time_origin)
    orders = torch.arange(1, motion.degree + 1).to(powers)
    slopes = orders * powers[..., :-1]
    tracks_shape = motion.coeffs.shape[-2:]
    flat = motion.coeffs.flatten(-2)
    tracks = (powers @ flat).squeeze(-2).unflatten(-1, tracks_shape)
    rates = (slopes @ flat[..., 1:, :]).squeeze(-2).unflatten(-1, tracks_shape)
    if motion.parameterization == "paper":
        tracks, rates = _moving_direction_times_size(tracks, rates)
    turn, turn_rate = tracks[..., 1:, :], rates[..., 1:, :]
    base = motion.base_rotmat
    angular_velocity = base @ angular_velocity_of_rotvec(turn, turn_rate).unsqueeze(-1)
    return MovingPose(
        pose_rotmat=base @ rotvec_to_rotmat(turn),
        angular_velocity=angular_velocity.squeeze(-1),
        transl=motion.base_transl + tracks[..., 0, :],
        velocity=rates[..., 0, :],
    )


def _moving_direction_times_size(
    tracks: Float[Tensor, "*B 4"], rates: Float[Tensor, "*B 4"]
) -> tuple[Float[Tensor, "*B 3"], Float[Tensor, "*B 3"]]:
    """The vectors of (direction, size) as `evaluate` makes them, and their derivative."""
    direction, size = tracks[..., :3], tracks[..., 3:]
    norm = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    length = norm.clamp(min=MIN_AXIS_NORM)
    unit = direction / length
    stretch = (direction * rates[..., :3]).sum(-1, keepdim=True) / length
    # Below the floor the length is constant.
    stretch = torch.where(norm > MIN_AXIS_NORM, stretch, 0.0)
    turning = (rates[..., :3] - unit * stretch) / length
    return unit * size, turning * size + unit * rates[..., 3:]
