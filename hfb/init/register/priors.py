"""Pose priors as the quadratics that Gauss-Newton needs.

The learned mixture of eq. 6, and anatomical stiffness with hinge limits: not in the paper, which
takes SMPLify-X's licensed prior; used where no learned prior is at hand.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.prior import MixturePosePrior
from hfb.skeleton import require_smpl

# Standard deviation of each joint's rotation vector, rad: hips and shoulders move freely, the
# spine's joints share a small bend, hands and toes hardly move against wrist and foot.
_STIFFNESS = {
    "hip": 0.7, "knee": 0.6, "ankle": 0.3, "foot": 0.1, "spine1": 0.2, "spine2": 0.15,
    "spine3": 0.15, "neck": 0.3, "head": 0.3, "collar": 0.15, "shoulder": 0.7, "elbow": 0.6,
    "wrist": 0.25, "hand": 0.1,
}  # fmt: skip

_HINGES = {
    "left_knee": (0, 1.0),
    "right_knee": (0, 1.0),
    "left_elbow": (1, -1.0),
    "right_elbow": (1, 1.0),
}
"""Axis of the rotation vector and the sign of flexion."""

_SIDEWAYS_SIGMA = 0.3
_OVEREXTENSION_SIGMA = 0.08


@runtime_checkable
class PosePrior(Protocol):
    """A cost on body poses that is a quadratic near any pose."""

    def quadratic(
        self, rotvec: Float[Tensor, "K P"]
    ) -> tuple[Float[Tensor, " K"], Float[Tensor, "K P"], Float[Tensor, "K P P"]]:
        """Cost, gradient and (approximate) Hessian at body-pose rotation vectors."""
        ...


class JointLimits:
    """Independent normal distributions, and a steep cost where knees or elbows overextend.

    Args:
        joint_names: names of all joints, root first.
    """

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        names = joint_names[1:]
        sigma = torch.full((len(names), 3), 0.5, dtype=torch.float64)
        mean = torch.zeros(len(names), 3, dtype=torch.float64)
        limits = torch.zeros(len(names), 3, dtype=torch.float64)
        for row, name in enumerate(names):
            kind = name.removeprefix("left_").removeprefix("right_")
            sigma[row] = _STIFFNESS.get(kind, 0.5)
            if kind == "shoulder":
                # People hold their arms down: the T pose is not the mean.
                mean[row, 2] = -0.9 if name.startswith("left") else 0.9
            if name in _HINGES:
                axis, sign = _HINGES[name]
                sigma[row] = _SIDEWAYS_SIGMA
                sigma[row, axis] = _STIFFNESS[kind]
                mean[row, axis] = 0.3 * sign
                limits[row, axis] = sign
        self._precision = sigma.flatten().pow(-2)
        self._mean = mean.flatten()
        self._limit = limits.flatten()

    def quadratic(
        self, rotvec: Float[Tensor, "K P"]
    ) -> tuple[Float[Tensor, " K"], Float[Tensor, "K P"], Float[Tensor, "K P P"]]:
        """Cost, gradient and Hessian at body-pose rotation vectors.

        Args:
            rotvec: all body joints, rad.
        """
        limit = self._limit.to(rotvec)
        deviation = rotvec - self._mean.to(rotvec)
        over = ((rotvec * limit < 0) & (limit != 0)).to(rotvec) / _OVEREXTENSION_SIGMA**2
        precision = self._precision.to(rotvec)
        cost = 0.5 * (precision * deviation.square() + over * rotvec.square()).sum(-1)
        gradient = precision * deviation + over * rotvec
        return cost, gradient, torch.diag_embed(precision + over)


class MixtureQuadratic:
    """The learned mixture prior (eq. 6), as the quadratic that Gauss-Newton needs at each pose.

    Cost and gradient are those of the mixture; the Hessian is the mean of its components' precision
    matrices, weighted with the probability that the pose came from each (as in EM).

    Args:
        prior: the mixture.
        stiffness: added to the diagonal of the precision, 1/rad²: directions in which the training
            poses hardly vary have no information there, but rounding must not make them indefinite.
    """

    def __init__(self, prior: MixturePosePrior, stiffness: float = 0.1) -> None:
        means = prior.means.double()
        whiteners = prior.whiteners.double().unflatten(-1, means.shape).transpose(0, 1)
        self._means = means
        self._log_weights = prior.log_weights.double()
        identity = torch.eye(means.shape[1], dtype=means.dtype, device=means.device)
        self._precision = whiteners @ whiteners.transpose(1, 2) + stiffness * identity

    def quadratic(
        self, rotvec: Float[Tensor, "K P"]
    ) -> tuple[Float[Tensor, " K"], Float[Tensor, "K P"], Float[Tensor, "K P P"]]:
        """Cost, gradient and Hessian at body-pose rotation vectors.

        Args:
            rotvec: all body joints, rad.

        Raises:
            BodyModelError: if the joints are not SMPL's.
        """
        require_smpl("the pose prior", 1 + rotvec.shape[-1] // 3)
        deviation = rotvec.unsqueeze(1) - self._means.to(rotvec)
        precision = self._precision.to(rotvec)
        force = torch.einsum("kmp,mpq->kmq", deviation, precision)
        logits = self._log_weights.to(rotvec) - 0.5 * (force * deviation).sum(-1)
        share = logits.softmax(-1)
        return (
            -logits.logsumexp(-1),
            torch.einsum("km,kmq->kq", share, force),
            torch.einsum("km,mpq->kpq", share, precision),
        )
