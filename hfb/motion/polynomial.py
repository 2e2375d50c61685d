"""Body motion inside one exposure as low-degree polynomials in time.

Time t runs over [0, 1] from the opening to the closing of the shutter. Track 0 is the translation,
track 1 the rotation of the root, tracks 2 to J the rotations of the other joints: J + 1 tracks for
J joints, the root included (the paper counts J + 2 tracks over its 23 body joints).
"""

from dataclasses import dataclass, replace
from math import comb
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.batch import Batch
from hfb.errors import InputError, ShapeError
from hfb.geometry import rotvec_to_rotmat

Parameterization = Literal["tangent", "paper"]

MIN_AXIS_NORM = 1e-3
"""Axes and directions shorter than this are not stretched to unit length any more."""


@dataclass(frozen=True)
class PolynomialMotion(Batch):
    """A motion: polynomials about a base pose.

    With p the value of a track's polynomial at t - time_origin:

    * `tangent`: R(t) = base_rotmat exp(p), transl(t) = base_transl + p, three polynomials a track.
      No singularity within half a turn of the base.
    * `paper`: p = (axis, angle) and R(t) = base_rotmat exp(angle axis / |axis|), and the same with
      (direction, distance) for the translation, four polynomials a track (section 3 of Human from
      Blur). The functions of this room make such motions about the identity and the camera centre.

    Attributes:
        coeffs: one row a power of time, lowest first, so degree + 1 rows; K = J + 1 tracks; C is 3
            (tangent: rad and m) or 4 (paper: unitless axis and rad, unitless direction and m).
        base_rotmat: pose that the rotations start from, root first.
        base_transl: translation that the motion starts from, camera frame, m.
        time_origin: the t at which only the constant coefficients count.
        parameterization: what the coefficients mean.

    Raises:
        ShapeError: if the number of tracks or channels does not fit.
        InputError: if the parameterisation is not known.
    """

    coeffs: Float[Tensor, "*B D1 K C"]
    base_rotmat: Float[Tensor, "*B J 3 3"]
    base_transl: Float[Tensor, "*B 3"]
    time_origin: float = 0.5
    parameterization: Parameterization = "tangent"

    def __post_init__(self) -> None:
        num_channels = channels_of(self.parameterization)
        num_tracks = self.base_rotmat.shape[-3] + 1
        if tuple(self.coeffs.shape[-2:]) != (num_tracks, num_channels):
            raise ShapeError(
                f"coeffs {tuple(self.coeffs.shape)} must end in ({num_tracks}, {num_channels}): "
                f"one track for the translation and one for each of {num_tracks - 1} joints, "
                f"{num_channels} polynomials a track for {self.parameterization!r}."
            )

    @property
    def degree(self) -> int:
        """Degree of the polynomials."""
        return self.coeffs.shape[-3] - 1

    def with_coeffs(self, coeffs: Float[Tensor, "*B D1 K C"]) -> "PolynomialMotion":
        """The same base, origin and parameterisation with other coefficients."""
        return replace(self, coeffs=coeffs)


def channels_of(parameterization: str) -> int:
    """Polynomials a track: 3 for "tangent", 4 for "paper".

    Raises:
        InputError: if the parameterisation is not known.
    """
    if parameterization not in get_args(Parameterization):
        raise InputError(
            f"parameterization={parameterization!r} is not known: use one of "
            f"{', '.join(get_args(Parameterization))}."
        )
    return 3 if parameterization == "tangent" else 4


def subframe_times(
    num_subframes: int,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    at_ends: bool = False,
) -> Float[Tensor, " N"]:
    """Mid-points (i + 0.5) / N of N equal parts of the exposure.

    The paper numbers its sub-frames 1 to N and leaves their place in the exposure open. Mid-points
    make the mean over sub-frames the mid-point rule for the integral over the exposure. Its
    polynomials begin at i = 1, and a photo ends at i = N: so numbered, the first sub-frame is at 0
    and the last at 1 [paper variant].

    Args:
        num_subframes: N, at least 1.
        dtype: floating type of the result; torch's default if None.
        device: where the result lives; torch's default if None.
        at_ends: i / (N - 1) instead; a single sub-frame is at 0.

    Returns:
        Times in [0, 1], ascending.

    Raises:
        InputError: if `num_subframes` is below 1.
    """
    if num_subframes < 1:
        raise InputError(f"num_subframes={num_subframes}: at least one sub-frame is needed.")
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if at_ends:
        return torch.linspace(0.0, 1.0, num_subframes, dtype=dtype, device=device)
    return (torch.arange(num_subframes, dtype=dtype, device=device) + 0.5) / num_subframes


def time_powers(
    t: Float[Tensor, "*T N"], degree: int, time_origin: float
) -> Float[Tensor, "*T N D1"]:
    """Powers 0 to `degree` of t - time_origin, lowest first."""
    exponents = torch.arange(degree + 1, dtype=t.dtype, device=t.device)
    return (t - time_origin).unsqueeze(-1) ** exponents


def evaluate(
    motion: PolynomialMotion, t: Float[Tensor, "*T N"]
) -> tuple[Float[Tensor, "*B N J 3 3"], Float[Tensor, "*B N 3"]]:
    """Pose and translation at given times: the T_i, R_i and theta_i of eq. (1).

    Values and gradients are finite for all finite coefficients, zero rotations and zero axes
    included: an axis shorter than 1e-3 turns by correspondingly less instead of being normalised.

    Args:
        motion: the polynomials.
        t: times, either shared (N,) or with the motion's batch axes (*B, N). [0, 1] is the
            exposure; times outside extrapolate.

    Returns:
        Rotation of each joint, root first, and the translation in the camera frame, m.
    """
    powers = time_powers(t.to(motion.coeffs), motion.degree, motion.time_origin)
    num_tracks, num_channels = motion.coeffs.shape[-2:]
    tracks = (powers @ motion.coeffs.flatten(-2)).unflatten(-1, (num_tracks, num_channels))
    if motion.parameterization == "paper":
        tracks = directed(tracks)
    rotmat = motion.base_rotmat.unsqueeze(-4) @ rotvec_to_rotmat(tracks[..., 1:, :])
    return rotmat, motion.base_transl.unsqueeze(-2) + tracks[..., 0, :]


def directed(tracks: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3"]:
    """Vectors of direction and size: the first three entries, normalised, times the fourth.

    The paper does not say what happens when the axis polynomial passes through zero; here the
    length is floored at `MIN_AXIS_NORM`, which keeps value and gradient finite.
    """
    direction, size = tracks[..., :3], tracks[..., 3:]
    norm = torch.linalg.vector_norm(direction, dim=-1, keepdim=True).clamp(min=MIN_AXIS_NORM)
    return direction / norm * size


def reverse(motion: PolynomialMotion) -> PolynomialMotion:
    """The motion played backwards over [0, 1]; it blurs to the same image (eq. 2 is symmetric).

    Args:
        motion: the motion, any parameterisation and origin.

    Returns:
        A motion whose pose at t is the given one's at 1 - t; same base and origin.
    """
    matrix = reversal_matrix(motion.degree, motion.time_origin).to(motion.coeffs)
    coeffs = (matrix @ motion.coeffs.flatten(-2)).unflatten(-1, motion.coeffs.shape[-2:])
    return motion.with_coeffs(coeffs)


def reversal_matrix(degree: int, time_origin: float) -> Float[Tensor, "D1 D1"]:
    """What turns the coefficients of a polynomial into those of its time reversal.

    Exact: with u = t - o, p(1 - t - o) = p(s - u), s = 1 - 2 o, and the powers of (s - u) are
    expanded by the binomial theorem. About o = 0.5 the odd coefficients just change their sign. The
    matrix is its own inverse.

    Args:
        degree: of the polynomial.
        time_origin: o.
    """
    shift = 1.0 - 2.0 * time_origin
    matrix = torch.zeros(degree + 1, degree + 1, dtype=torch.float64)
    for power in range(degree + 1):
        for new_power in range(power + 1):
            factor = comb(power, new_power) * shift ** (power - new_power)
            matrix[new_power, power] = factor * (-1) ** new_power
    return matrix
