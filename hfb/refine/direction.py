"""The motion prior at work in a refinement: the loss of eq. (10), and which way time runs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.motion import PolynomialMotion, reverse
from hfb.prior import MotionPrior, sketch_motion


def middle_pose(pose_rotmat: Float[Tensor, "*B N J 3 3"]) -> Float[Tensor, "*B J 3 3"]:
    """Pose at mid-exposure from the poses at the sub-frames, which are there anyway.

    With an even number of sub-frames it is the mean of the middle two, shorter than a rotation by
    the cosine of half their angle; the prior does not mind. Symmetric under reversal.
    """
    num = pose_rotmat.shape[-4]
    first, last = (num - 1) // 2, num // 2
    if first == last:
        return pose_rotmat[..., first, :, :, :]
    return (pose_rotmat[..., first, :, :, :] + pose_rotmat[..., last, :, :, :]) / 2


def motion_energy(
    motion: PolynomialMotion, pose_rotmat: Float[Tensor, "*B N J 3 3"], prior: MotionPrior
) -> Float[Tensor, "*B"]:
    """L_A of eq. (10) for motions in the camera frame.

    Args:
        motion: the polynomials.
        pose_rotmat: their poses at the sub-frames.
        prior: frozen.
    """
    sketch = sketch_motion(motion, prior.settings.degree, middle_pose(pose_rotmat))
    return prior.energy(sketch)


@torch.no_grad()
def runs_backwards(motion: PolynomialMotion, prior: MotionPrior) -> Bool[Tensor, "*B"]:
    """Whether the prior takes a motion's time-reversed twin for the likelier of the two.

    Both blur to the same picture (eq. 2 does not know the order of time), so nothing but the prior
    tells them apart.
    """
    return prior.direction_score(sketch_motion(motion, prior.settings.degree)) < 0


def likelier_direction(motion: PolynomialMotion, prior: MotionPrior) -> PolynomialMotion:
    """Each motion, or its time-reversed twin where the prior prefers that one."""
    backwards = runs_backwards(motion, prior)[..., None, None, None]
    return motion.with_coeffs(torch.where(backwards, reverse(motion).coeffs, motion.coeffs))
