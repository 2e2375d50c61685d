"""From sampled poses to polynomials: least squares, and the motion that stands still."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import ShapeError
from hfb.geometry import rotmat_to_rotvec
from hfb.motion.polynomial import (
    Parameterization,
    PolynomialMotion,
    channels_of,
    time_powers,
)


def static_motion(
    pose_rotmat: Float[Tensor, "*B J 3 3"],
    transl: Float[Tensor, "*B 3"],
    degree: int,
    parameterization: Parameterization = "tangent",
    time_origin: float = 0.5,
) -> PolynomialMotion:
    """A motion that holds one pose: the paper's initialisation (section 3.3).

    A static start about mid-exposure has no gradient in the odd coefficients, by symmetry in time:
    whoever optimises should add a little noise to them.

    Args:
        pose_rotmat: the pose, root first.
        transl: camera frame, m.
        degree: degree of the polynomials, at least 0.
        parameterization: "tangent" puts the pose into the base, "paper" into the constant
            coefficients.
        time_origin: the t about which the polynomials are written; the paper's is 0 (its i = 1).

    Returns:
        The motion; all its non-constant coefficients are zero.
    """
    channels = channels_of(parameterization)
    num_tracks = pose_rotmat.shape[-3] + 1
    batch = pose_rotmat.shape[:-3]
    coeffs = pose_rotmat.new_zeros(*batch, degree + 1, num_tracks, channels)
    if parameterization == "tangent":
        return PolynomialMotion(coeffs, pose_rotmat, transl, time_origin, parameterization)
    vectors = torch.cat([transl.unsqueeze(-2), rotmat_to_rotvec(pose_rotmat)], -2)
    split = _split_direction(vectors.unsqueeze(-3))
    coeffs = torch.cat([split, coeffs[..., 1:, :, :]], -3)
    return _absolute_motion(coeffs, time_origin)


def fit_polynomial(
    pose_rotmat: Float[Tensor, "*B S J 3 3"],
    transl: Float[Tensor, "*B S 3"],
    t: Float[Tensor, " S"],
    degree: int,
    parameterization: Parameterization = "tangent",
    time_origin: float = 0.5,
) -> PolynomialMotion:
    """Least-squares polynomials through sampled poses.

    Not in the paper, which never fits polynomials to known motion; needed for ground truth and for
    the motion prior's training data. "tangent": rotation vectors from the sample nearest the
    origin, so every rotation must stay within half a turn of that sample's. "paper": axis and
    angle, weighted by the squared angle, because an axis means nothing where the angle is zero.

    Args:
        pose_rotmat: sampled poses, root first.
        transl: sampled translations, camera frame, m.
        t: times of the S samples.
        degree: degree of the polynomials.
        parameterization: what to fit.
        time_origin: the t about which the polynomials are written.

    Returns:
        The motion; it passes through all samples if degree + 1 of them were given.

    Raises:
        ShapeError: if there are fewer than degree + 1 different times.
    """
    num_times = len(torch.unique(t))
    if num_times < degree + 1:
        raise ShapeError(
            f"{num_times} different times cannot fix polynomials of degree {degree}: "
            f"give at least {degree + 1} samples or lower the degree."
        )
    channels_of(parameterization)
    powers = time_powers(t.to(pose_rotmat), degree, time_origin)
    if parameterization == "paper":
        return _fit_paper(pose_rotmat, transl, powers, time_origin)
    nearest = int((t - time_origin).abs().argmin())
    base_rotmat, base_transl = pose_rotmat[..., nearest, :, :, :], transl[..., nearest, :]
    rotvec = rotmat_to_rotvec(base_rotmat.unsqueeze(-4).mT @ pose_rotmat)
    offset = transl - base_transl.unsqueeze(-2)
    tracks = torch.cat([offset.unsqueeze(-2), rotvec], -2)
    coeffs = torch.linalg.pinv(powers) @ tracks.flatten(-2)
    return PolynomialMotion(
        coeffs=coeffs.unflatten(-1, tracks.shape[-2:]),
        base_rotmat=base_rotmat,
        base_transl=base_transl,
        time_origin=time_origin,
        parameterization="tangent",
    )


def _fit_paper(
    pose_rotmat: Float[Tensor, "*B S J 3 3"],
    transl: Float[Tensor, "*B S 3"],
    powers: Float[Tensor, "S D1"],
    time_origin: float,
) -> PolynomialMotion:
    """Weighted least squares on axis and angle, direction and distance."""
    place = _split_direction(transl.unsqueeze(-2))
    turn = _split_direction(rotmat_to_rotvec(pose_rotmat))
    angle = _unwrap(turn[..., 3:])
    split = torch.cat([place, torch.cat([turn[..., :3], angle], -1)], -2)
    # An error in the axis moves the body in proportion to the angle; the floor keeps the system
    # solvable for tracks that never leave zero.
    weight = (split[..., 3].square() + 1e-6).movedim(-1, -2).unsqueeze(-1).sqrt()
    axis_powers = weight * powers
    axis = torch.linalg.pinv(axis_powers) @ (weight * split[..., :3].movedim(-2, -3))
    size = torch.linalg.pinv(powers) @ split[..., 3]
    coeffs = torch.cat([axis.movedim(-3, -2), size.unsqueeze(-1)], -1)
    return _absolute_motion(coeffs, time_origin)


def _absolute_motion(coeffs: Float[Tensor, "*B D1 K 4"], time_origin: float) -> PolynomialMotion:
    """The paper's motion: coefficients about the identity pose and the camera centre."""
    batch, num_joints = coeffs.shape[:-3], coeffs.shape[-2] - 1
    eye = torch.eye(3, dtype=coeffs.dtype, device=coeffs.device)
    return PolynomialMotion(
        coeffs=coeffs,
        base_rotmat=eye.expand(*batch, num_joints, 3, 3),
        base_transl=coeffs.new_zeros(*batch, 3),
        time_origin=time_origin,
        parameterization="paper",
    )


def _split_direction(vectors: Float[Tensor, "*B S K 3"]) -> Float[Tensor, "*B S K 4"]:
    """Unit direction and signed length, with one sign convention over the S samples of a track.

    A vector that passes through zero, or a rotation that passes half a turn, turns its direction
    round from one sample to the next. Directions are therefore put into the half space of the
    track's dominant direction (largest second moment), and the length carries the sign.
    """
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    second_moment = torch.einsum("...ski,...skj->...kij", vectors, vectors)
    dominant = torch.linalg.eigh(second_moment).eigenvectors[..., -1].unsqueeze(-3)
    # The sign of an eigenvector is arbitrary: most of the track shall have positive lengths.
    total = (vectors * dominant).sum((-1, -3), keepdim=True)
    dominant = torch.where(total < 0, -dominant, dominant)
    is_zero = norm <= torch.finfo(vectors.dtype).eps
    direction = torch.where(is_zero, dominant, vectors / norm.clamp(min=1e-30))
    flip = torch.where((direction * dominant).sum(-1, keepdim=True) < 0, -1.0, 1.0).to(vectors)
    return torch.cat([direction * flip, norm * flip], -1)


def _unwrap(angle: Float[Tensor, "*B S K 1"]) -> Float[Tensor, "*B S K 1"]:
    """Remove jumps by full turns between consecutive samples."""
    turns = torch.round(angle.diff(dim=-3) / (2 * math.pi)).cumsum(-3)
    return torch.cat([angle[..., :1, :, :], angle[..., 1:, :, :] - 2 * math.pi * turns], -3)
