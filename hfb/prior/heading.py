"""From a refinement's motion to the prior's input: the heading-free frame.

At mid-exposure the person faces +z with y up: see `datamodules.mocap.windows` for the frame the
prior is trained in. A single photo does not show gravity; where the camera's `up` is not given, it
is taken to be -y, which is right for an upright camera. Training tilts its windows at random so
that a camera held ten degrees askew does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.geometry import MODEL_TO_CAMERA, heading_rotation, rotmat_to_rotvec, upright_rotation
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.polynomial import time_powers
from hfb.motion.tracks import reversal_signs

# Times at which a motion of another origin or parameterisation is sampled to be written anew.
_NUM_SAMPLES = 9


@dataclass(frozen=True)
class CanonicalMotion:
    """What the motion prior sees of a motion.

    Attributes:
        coeffs: coefficients about mid-exposure, lowest order first, the constant one left out;
            rotations in the joints' own axes (rad), translation in the heading-free frame (m), per
            exposure. (Of the "paper" parameterisation all orders, four channels.) The prior does
            not know how long the exposure was: it sees what the photo shows, how far things move.
        mid_rotmat: pose at mid-exposure; the root's is in the heading-free frame.
    """

    coeffs: Float[Tensor, "*B D K C"]
    mid_rotmat: Float[Tensor, "*B J 3 3"]

    def with_coeffs(self, coeffs: Float[Tensor, "*B D K C"]) -> CanonicalMotion:
        """The same pose with another motion."""
        return CanonicalMotion(coeffs, self.mid_rotmat)

    def reversed(self) -> CanonicalMotion:
        """The same motion played backwards: odd coefficients change their sign."""
        return self.with_coeffs(self.coeffs * reversal_signs(self.coeffs))


def canonical_motion(
    motion: PolynomialMotion,
    degree: int,
    mid_rotmat: Float[Tensor, "*B J 3 3"] | None = None,
    up: Float[Tensor, "*B 3"] | None = None,
) -> CanonicalMotion:
    """The canonical form of a motion in the camera frame (x right, y down, z forward).

    Tangent motions about mid-exposure are taken as they are; the rotation of their base by the
    constant coefficient is followed to second order, which is exact to 1 % at 0.4 rad. Others are
    sampled and fitted anew.

    Args:
        motion: any parameterisation and origin.
        degree: of the result, at least the motion's; missing orders are zero.
        mid_rotmat: pose at mid-exposure where the caller has it at hand.
        up: away from the ground, camera frame; None: the camera is level.

    Raises:
        InputError: if the motion's degree is higher than `degree`.
    """
    if motion.degree > degree:
        raise InputError(
            f"the motion has degree {motion.degree}, the motion prior was trained for at most "
            f"{degree}: lower refine.degree or train a prior with a higher data.degree."
        )
    if mid_rotmat is None:
        middle = motion.coeffs.new_tensor([0.5])
        mid_rotmat = evaluate(motion, middle)[0].squeeze(-4)
    is_direct = motion.parameterization == "tangent" and motion.time_origin == 0.5
    coeffs = _direct(motion) if is_direct else _fitted(motion, mid_rotmat, degree)
    # No gradient through the frame: turning the person would lower the loss and mean nothing.
    turn = heading_free_turn(mid_rotmat[..., 0, :, :].detach(), up)
    transl = coeffs[..., :1, :] @ turn.mT.unsqueeze(-3)
    missing = coeffs.new_zeros(*coeffs.shape[:-3], degree - coeffs.shape[-3], *coeffs.shape[-2:])
    coeffs = torch.cat([transl, coeffs[..., 1:, :]], -2)
    if degree > motion.degree:
        coeffs = torch.cat([coeffs, missing], -3)
    return CanonicalMotion(coeffs, turned_root(mid_rotmat, turn))


def heading_free_turn(
    root_rotmat: Float[Tensor, "*B 3 3"], up: Float[Tensor, "*B 3"] | None = None
) -> Float[Tensor, "*B 3 3"]:
    """From the camera frame to the heading-free frame of a person.

    Args:
        root_rotmat: rotation of the root in the camera frame.
        up: away from the ground, camera frame; None: the camera is level.
    """
    level = MODEL_TO_CAMERA.to(root_rotmat)
    if up is not None:
        level = level @ upright_rotation(up.to(root_rotmat))
    return heading_rotation(level @ root_rotmat) @ level


def turned_root(
    pose_rotmat: Float[Tensor, "*B J 3 3"], turn: Float[Tensor, "*B 3 3"]
) -> Float[Tensor, "*B J 3 3"]:
    """A pose in another frame: only the root's rotation is another one."""
    root = (turn @ pose_rotmat[..., 0, :, :]).unsqueeze(-3)
    return torch.cat([root, pose_rotmat[..., 1:, :, :]], -3)


def _direct(motion: PolynomialMotion) -> Float[Tensor, "*B D K 3"]:
    """Coefficients in the tangent space of the middle pose instead of the base's."""
    constant, moving = motion.coeffs[..., :1, 1:, :], motion.coeffs[..., 1:, 1:, :]
    # Right Jacobian of the exponential: exp(c + p) = exp(c) exp(J p), J = 1 - [c]/2 + [c]^2/6.
    constant = constant.expand_as(moving)
    once = torch.linalg.cross(constant, moving)
    twice = torch.linalg.cross(constant, once)
    turns = moving - once / 2 + twice / 6
    return torch.cat([motion.coeffs[..., 1:, :1, :], turns], -2)


def _fitted(
    motion: PolynomialMotion, mid_rotmat: Float[Tensor, "*B J 3 3"], degree: int
) -> Float[Tensor, "*B D K 3"]:
    """Least squares through samples of the motion, about its middle pose."""
    t = torch.linspace(0.0, 1.0, _NUM_SAMPLES).to(motion.coeffs)
    rotmat, transl = evaluate(motion, t)
    turns = rotmat_to_rotvec(mid_rotmat.unsqueeze(-4).mT @ rotmat)
    middle = transl[..., _NUM_SAMPLES // 2 : _NUM_SAMPLES // 2 + 1, :]
    tracks = torch.cat([(transl - middle).unsqueeze(-2), turns], -2)
    powers = time_powers(t, min(degree, motion.degree), 0.5)[:, 1:]
    return (torch.linalg.pinv(powers) @ tracks.flatten(-2)).unflatten(-1, tracks.shape[-2:])
