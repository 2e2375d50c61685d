"""What every chain of the body does to every joint: the motion prior's view of a motion.

Turning rates in the joints' own axes say little across people and poses; where they send hands and
feet says a lot. A chain's share in the velocity of a joint is linear in the chain's coefficients,
so playing a chain backwards changes the sign of its share and leaves the others alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hfb.motion.tracks import ancestor_matrix, chain_matrix
from hfb.skeleton import CHAINS, NUM_JOINTS, SMPL_PARENTS, require_smpl

# Doublings that lead from any of SMPL's joints to the root: the deepest has eight above it.
_DOUBLINGS = 4
# Added under the root of the amplitude, m^2: motions of a millimetre have no pattern.
_LEAST_SQUARE = 1e-6


class LimbMotion(NamedTuple):
    """Motion of the joints, by the chain that causes it, relative to its amplitude.

    Attributes:
        turning: odd orders, which change their sign with the chain.
        steady: even orders, of all other chains and of the root's, and the logarithm of the
            amplitude (m).
    """

    turning: Float[Tensor, "*B L F"]
    steady: Float[Tensor, "*B E"]


class LimbKinematics(nn.Module):
    """Positions and velocities of SMPL's joints, for tangent coefficients.

    Attributes:
        offsets: from each joint's parent to the joint in the resting body, m; kept in the prior's
            file. The root's is not used.
    """

    offsets: Tensor
    tree: Tensor
    moves: Tensor
    carried: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        tree, chains = ancestor_matrix()[1:, 1:], chain_matrix()
        self.register_buffer("offsets", torch.zeros(NUM_JOINTS, 3))
        self.register_buffer("moves", chains[:, None, 1:] * tree, persistent=False)
        self.register_buffer("carried", chains[:, 0].reshape(-1, 1, 1, 1), persistent=False)
        self.register_buffer("steps", _steps_up(), persistent=False)
        below_root = tree.clone()
        below_root[:, 0] = 0.0
        self.register_buffer("tree", below_root, persistent=False)

    def place(
        self, rotmat: Float[Tensor, "*B J 3 3"]
    ) -> tuple[Float[Tensor, "*B J 3 3"], Float[Tensor, "*B J 3"]]:
        """The joints' rotations in the root's frame of reference, and positions from the root, m.

        Args:
            rotmat: rotations relative to the parents.

        Raises:
            BodyModelError: if the joints are not SMPL's 24.
        """
        require_smpl("the motion prior", rotmat.shape[-3])
        identity = torch.eye(3).to(rotmat).expand(*rotmat.shape[:-3], 1, 3, 3)
        turns = torch.cat([rotmat, identity], -3)
        # Pointer jumping: a joint's rotation is put together in four products instead of eight.
        for up in self.steps:
            turns = turns[..., up, :, :] @ turns
        above = turns[..., self.steps[0, :-1], :, :]
        bones = (above @ self.offsets.unsqueeze(-1)).squeeze(-1)
        return turns[..., :-1, :, :], self.tree @ bones

    def forward(
        self,
        coeffs: Float[Tensor, "*B D K 3"],
        turns: Float[Tensor, "*B J 3 3"],
        positions: Float[Tensor, "*B J 3"],
    ) -> LimbMotion:
        """Velocities, and higher orders, that each chain gives to the joints.

        Exact at first order; at higher ones, products of turning rates are left out.

        Args:
            coeffs: tangent coefficients from the first order on, see `CanonicalMotion`.
            turns: of the joints at mid-exposure, from `place`.
            positions: of the joints at mid-exposure, m.
        """
        rates = (turns.unsqueeze(-4) @ coeffs[..., 1:, :].unsqueeze(-1)).squeeze(-1)
        moments = torch.linalg.cross(rates, positions.unsqueeze(-3).expand_as(rates))
        # Sum over the joints k of a chain that carry joint j of rate_k x (position_j - position_k).
        both = torch.einsum("ljk,...dkx->...ldjx", self.moves, torch.cat([rates, moments], -1))
        angular_velocity, shift = both.split(3, -1)
        arms = positions[..., None, None, :, :].expand_as(angular_velocity)
        velocity = torch.linalg.cross(angular_velocity, arms) - shift
        velocity = velocity + self.carried * coeffs[..., None, :, :1, :]
        amplitude = _amplitude(velocity)
        relative = velocity / amplitude[..., None, None, None, None]
        even = relative[..., 1::2, :, :].flatten(-3)
        steady = [even[..., :-1, :].sum(-2), even[..., -1, :], torch.log(amplitude).unsqueeze(-1)]
        return LimbMotion(relative[..., 0::2, :, :].flatten(-3), torch.cat(steady, -1))

    def nothing(self, coeffs: Float[Tensor, "*B D K C"]) -> LimbMotion:
        """For coefficients that are no turning rates."""
        batch = coeffs.shape[:-3]
        return LimbMotion(coeffs.new_zeros(*batch, len(CHAINS), 0), coeffs.new_zeros(*batch, 0))


def _amplitude(velocity: Float[Tensor, "*B L D J 3"]) -> Float[Tensor, "*B"]:
    """Size of a motion, m, the same whichever chains run backwards."""
    # An order moves half as far over half the exposure as the order below it.
    size = velocity[..., :2, :, :].square().sum((-4, -2, -1))
    weight = 0.25 ** torch.arange(size.shape[-1]).to(size)
    return (size @ weight / NUM_JOINTS + _LEAST_SQUARE).sqrt()


def _steps_up() -> Int[Tensor, "S J1"]:
    """For every joint the one 1, 2, 4 and 8 steps up; the last index stands above the root."""
    up = [NUM_JOINTS if parent < 0 else parent for parent in SMPL_PARENTS]
    steps = [torch.tensor([*up, NUM_JOINTS])]
    for _ in range(_DOUBLINGS - 1):
        steps.append(steps[-1][steps[-1]])
    return torch.stack(steps)
