"""Rotations: vectors of axis times angle, matrices that act on column vectors, and between them."""

import math
from typing import Any

import roma
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

# Below this angle sin(a)/a is 1 in any precision we use; its square does not underflow in float32.
_TINY_ANGLE = 1e-10


def rotvec_to_rotmat(rotvec: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices of rotation vectors (Rodrigues' formula).

    The motion model calls this for every joint of every sub-frame at every step, so it is written
    in a dozen tensor operations instead of `roma.rotvec_to_rotmat`'s forty. Value and gradient are
    exact to rounding for every vector, the zero vector included: the angle is floored at 1e-10 rad
    under the root, so every quotient stays finite and the factors of `rotvec` cancel its rounding.

    Args:
        rotvec: axis times angle, rad; any length.

    Returns:
        Rotation matrices.
    """
    angle = torch.sqrt((rotvec * rotvec).sum(-1, keepdim=True) + _TINY_ANGLE**2).unsqueeze(-1)
    half = 0.5 * angle
    sinc_half = torch.sin(half) / half
    # sin(a)/a = sinc(a/2) cos(a/2) and (1 - cos a)/a^2 = sinc(a/2)^2 / 2: no cancellation.
    outer = rotvec.unsqueeze(-1) * rotvec.unsqueeze(-2)
    eye = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    # Column k of the cross-product matrix is the cross product with unit vector k.
    skew = torch.linalg.cross(rotvec.unsqueeze(-1), eye.expand(*rotvec.shape, 3), dim=-2)
    linear = (sinc_half * torch.cos(half)) * skew
    return torch.cos(angle) * eye + linear + (0.5 * sinc_half * sinc_half) * outer


def rotmat_to_rotvec(rotmat: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3"]:
    """Rotation vectors of rotation matrices, the shortest ones (`roma.rotmat_to_rotvec`).

    Args:
        rotmat: rotation matrices.

    Returns:
        Axis times angle, rad, of length at most pi. At exactly pi the sign of the axis is
        arbitrary and the gradient belongs to the chosen sign. The gradient is that of a matrix that
        stays a rotation.
    """
    return _RotmatToRotvec.apply(rotmat)


class _RotmatToRotvec(torch.autograd.Function):
    """Roma's value, and the gradient in closed form: a third of the time of roma's steps.

    With R turned by a small w in its own frame the vector v changes by J w, J from
    `rotvec_jacobian`. So a gradient g by v is the gradient R [Jᵀ g] / 2 by the matrix.
    """

    @staticmethod
    def forward(ctx: Any, rotmat: Tensor) -> Tensor:
        rotvec = roma.rotmat_to_rotvec(rotmat)
        ctx.save_for_backward(rotmat, rotvec)
        return rotvec

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        rotmat, rotvec = ctx.saved_tensors
        turned = (rotvec_jacobian(rotvec).mT @ grad.unsqueeze(-1)).squeeze(-1)
        return 0.5 * rotmat @ cross_matrix(turned)


def rotvec_jacobian(rotvec: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """How a rotation vector changes with a small turn in its own frame: d log(R exp(w)) / dw.

    The inverse of the right Jacobian of SO(3), I + [v]/2 + k [v]² with k = 1/|v|² - (1 + cos |v|)
    / (2 |v| sin |v|) (Solà et al. 2018, eq. 144).

    Args:
        rotvec: v, rad, of length at most pi.
    """
    angle = torch.linalg.vector_norm(rotvec, dim=-1)[..., None, None]
    safe = angle.clamp(1e-2, math.pi - 1e-4)
    factor = 1.0 / safe**2 - (1.0 + safe.cos()) / (2.0 * safe * safe.sin())
    factor = torch.where(angle < 1e-2, 1.0 / 12.0 + angle**2 / 720.0, factor)
    cross = cross_matrix(rotvec)
    identity = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    return identity + 0.5 * cross + factor * (cross @ cross)


def cross_matrix(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """The matrix [v] that takes w to v x w."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def quat_xyzw_to_rotmat(quat_xyzw: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices of unit quaternions, the real part last (`roma.unitquat_to_rotmat`).

    Args:
        quat_xyzw: of length 1.

    Returns:
        Rotation matrices.
    """
    return roma.unitquat_to_rotmat(quat_xyzw)


def angular_velocity_of_rotvec(
    rotvec: Float[Tensor, "*B 3"], rate: Float[Tensor, "*B 3"]
) -> Float[Tensor, "*B 3"]:
    """Angular velocity of a rotation whose rotation vector changes at a given rate.

    The left Jacobian of SO(3) applied to the rate: with R = rotvec_to_rotmat(rotvec(t)), dR/dt is
    the cross-product matrix of the result times R.

    Args:
        rotvec: axis times angle, rad; any length, zero included.
        rate: its derivative, rad per unit of time.

    Returns:
        Angular velocity in the frame that R leads to, rad per unit of time.
    """
    square = (rotvec * rotvec).sum(-1, keepdim=True)
    angle = torch.sqrt(square + _TINY_ANGLE**2)
    sinc_half = torch.sin(0.5 * angle) / (0.5 * angle)
    # (a - sin a)/a^3 cancels for small angles; its series is exact to 1e-10 below half a radian.
    is_small = angle < 0.5
    large = torch.where(is_small, 1.0, angle)
    series = 1 / 6 - square * (1 / 120 - square * (1 / 5040 - square / 362880))
    cubic = torch.where(is_small, series, (large - torch.sin(large)) / large**3)
    turned = torch.linalg.cross(rotvec, rate)
    return rate + 0.5 * sinc_half**2 * turned + cubic * torch.linalg.cross(rotvec, turned)


def rotation_from_6d(sixd: Float[Tensor, "*B 6"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices from six numbers: a continuous form for networks (Zhou et al. 2019).

    The numbers are the first two columns, one after the other; Gram and Schmidt make them a
    rotation (`roma.special_gramschmidt`).

    Args:
        sixd: any numbers; the two columns must not be parallel.

    Returns:
        Rotation matrices.
    """
    return roma.special_gramschmidt(sixd.unflatten(-1, (2, 3)).mT)


def nearest_rotation(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3 3"]:
    """The rotation with the least squared distance from a matrix (`roma.special_procrustes`).

    Args:
        matrix: any; the mean of rotations gives the mean rotation.
    """
    return roma.special_procrustes(matrix)
