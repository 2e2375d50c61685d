"""Terms on the parameters: pose (eq. 6), shape (eq. 7), motion (eq. 8), and the pose's anchors."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


def pose_prior_loss(energy: Float[Tensor, "*B N"]) -> Float[Tensor, "*B"]:
    """Mean of a pose prior's energy over the sub-frames: L_P, eq. (6).

    Args:
        energy: the prior's value at each sub-frame; one column is enough where the pose hardly
            changes within the exposure.

    Returns:
        One value a sample.
    """
    return energy.mean(-1)


def shape_loss(betas: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    """Sum of squared shape coefficients: L_beta, eq. (7).

    Args:
        betas: in standard deviations of the body model.

    Returns:
        One value a sample.
    """
    return betas.square().sum(-1)


def polynomial_loss(
    coeffs: Float[Tensor, "*B D1 K C"],
    l1_scale: float = 1.0,
    frobenius_scale: float = 1.0,
    l1_reduction: Literal["sum", "mean"] = "sum",
) -> Float[Tensor, "*B"]:
    """L1 plus Frobenius norm of the motion's coefficients: L_C, eq. (8).

    The paper's formula covers all coefficients, its purpose ("avoid extreme joint movement") only
    the non-constant ones; the constant ones are the pose itself, so they are left out.
    The defaults are the formula; our recipe takes 10 times the mean of the absolute values.

    Args:
        coeffs: all coefficients, lowest order first.
        l1_scale: factor of the L1 part.
        frobenius_scale: factor of the Frobenius norm.
        l1_reduction: whether the L1 part is a sum (the paper's) or a mean over the coefficients,
            which does not grow with the degree.

    Returns:
        One value a sample; at zero motion its gradient is zero, not undefined. 0 for degree 0.
    """
    moving = coeffs[..., 1:, :, :].flatten(-3)
    absolute = moving.abs().sum(-1)
    if l1_reduction == "mean":
        absolute = absolute / max(moving.shape[-1], 1)
    # torch's norm has the subgradient 0 at 0; a hand-written square root would give NaN.
    frobenius = torch.linalg.vector_norm(moving, dim=-1)
    return l1_scale * absolute + frobenius_scale * frobenius


def pose_anchor_loss(
    coeffs: Float[Tensor, "*B D1 K C"],
    start: Float[Tensor, "*B D1 K C"] | None = None,
    stiffness: Float[Tensor, "*B J"] | None = None,
) -> Float[Tensor, "*B"]:
    """Squared distance of the constant rotation coefficients from where they started.

    Not in the paper: a single image says little about depth, where the initial estimate knows
    better than the fit; a weak anchor keeps it. The translation (track 0) is free.

    Args:
        coeffs: all coefficients, lowest order first.
        start: where they started; zero if None, which fits the "tangent" parameterisation.
        stiffness: factor of each joint's square, root first; 1 for all if None.

    Returns:
        One value a sample, rad^2 for "tangent".
    """
    constant = coeffs[..., 0, 1:, :]
    if start is not None:
        constant = constant - start[..., 0, 1:, :]
    squared = constant.square()
    if stiffness is not None:
        squared = squared * stiffness.unsqueeze(-1)
    return squared.sum((-2, -1))


def depth_anchor_loss(
    joints: Float[Tensor, "*B J 3"], start: Float[Tensor, "*B J 3"]
) -> Float[Tensor, "*B"]:
    """Mean squared change of the joints' depths, relative to the root's.

    Not in the paper: an outline hardly says how deep a limb reaches, and one that clothes make
    wider is explained by a body that comes nearer and leans. Across the line of sight joints move
    freely.

    Args:
        joints: camera frame, root first, m.
        start: where they started.

    Returns:
        One value a sample, m^2.
    """
    moved = (joints - start)[..., 2]
    return (moved - moved[..., :1]).square().mean(-1)


def anchor_stiffness(
    joint_sigma: Float[Tensor, "*B J"], usual: float, most: float
) -> Float[Tensor, "*B J"]:
    """How firmly an anchor holds each joint: as its initial estimate is sure of it.

    Not in the paper. Inverse variances relative to a usual one: a joint of the usual uncertainty is
    held as if nothing were known about uncertainties, a surer one more firmly, another is freer.

    Args:
        joint_sigma: standard deviations, rad; NaN where unknown.
        usual: standard deviation that is held with a factor of 1, rad; 0 takes all joints alike.
        most: largest factor.

    Returns:
        Factors in [0, most]; exactly 1 where the uncertainty is unknown.
    """
    if usual <= 0.0:
        return torch.ones_like(joint_sigma)
    stiffness = (usual / joint_sigma.clamp(min=1e-6)).square().clamp(max=most)
    return torch.where(joint_sigma.isnan(), torch.ones_like(stiffness), stiffness)
