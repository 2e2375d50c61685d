"""Which chains of the body run backwards: every combination scored at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.motion import Parameterization
from hfb.motion.tracks import CHAINS, NUM_TRACKS, chain_matrix, first_order

# Probabilities of a chain running backwards are kept this far from 0 and 1.
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class MotionPriorSettings:
    """Size and meaning of a motion prior; stored in its checkpoint.

    Attributes:
        degree: of the polynomials it sees; lower degrees are padded with zeros.
        parameterization: of the coefficients, see `hfb.motion.PolynomialMotion`.
        width: hidden units of a layer, of the discriminator and of the generator.
        num_layers: hidden layers of each.
        dropout: share of hidden units silenced in training.
    """

    degree: int = 3
    parameterization: Parameterization = "tangent"
    width: int = 128
    num_layers: int = 2
    dropout: float = 0.2

    @property
    def num_orders(self) -> int:
        """Rows of a sketch."""
        return self.degree + 1 - first_order(self.parameterization)


class ChainPatterns(nn.Module):
    """Scores all ways of playing chains of the body forwards or backwards.

    The first layer is linear in the odd coefficients, which is what playing backwards turns round,
    so its 64 inputs cost hardly more than one: their sums over the chains are added up with signs.

    Args:
        settings: size and meaning.
        channels: numbers a track and order.
        num_pose: features of the pose.
    """

    signs: Tensor
    chains: Tensor

    def __init__(self, settings: MotionPriorSettings, channels: int, num_pose: int) -> None:
        super().__init__()
        width = settings.width
        signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * len(CHAINS))
        self.register_buffer("signs", signs, persistent=False)
        self.register_buffer("chains", chain_matrix(), persistent=False)
        lowest = first_order(settings.parameterization)
        self.odd = [k for k in range(settings.num_orders) if (k + lowest) % 2]
        self.even = [k for k in range(settings.num_orders) if not (k + lowest) % 2]
        num_odd, num_even = len(self.odd) * channels, len(self.even) * channels
        num_inputs = NUM_TRACKS * (num_odd + num_even) + num_pose
        self.first = nn.Parameter(torch.randn(NUM_TRACKS, num_odd, width) / num_inputs**0.5)
        self.common = nn.Linear(NUM_TRACKS * num_even + num_pose, width)
        sizes = [width] * (settings.num_layers - 1) + [1]
        self.rest = nn.ModuleList([nn.Linear(width, size) for size in sizes])
        self.dropout = settings.dropout

    def forward(
        self, moving: Float[Tensor, "*B D K C"], pose: Float[Tensor, "*B P"]
    ) -> Float[Tensor, "*B S"]:
        """Score of each pattern, the first being "all forwards" and the last "all backwards"."""
        odd = moving[..., self.odd, :, :].movedim(-2, -3).flatten(-2)
        even = moving[..., self.even, :, :].flatten(-3)
        by_track = torch.einsum("...kf,kfh->...kh", odd, self.first)
        turned = (self.signs @ self.chains) @ by_track
        common = self.common(torch.cat([even, pose], -1)).unsqueeze(-2)
        hidden = turned + common
        for layer in self.rest:
            hidden = layer(self._dropped(torch.nn.functional.gelu(hidden)))
        return hidden.squeeze(-1)

    def _dropped(self, hidden: Float[Tensor, "*B S H"]) -> Float[Tensor, "*B S H"]:
        """Dropout with one mask for all patterns: they are compared with each other."""
        if not self.training:
            return hidden
        mask = torch.rand_like(hidden[..., :1, :]) >= self.dropout
        return hidden * (mask / (1.0 - self.dropout))

    def backward_logits(self, scores: Float[Tensor, "*B S"]) -> Float[Tensor, "*B K"]:
        """Logit of each track running backwards, from the patterns that turn it round."""
        backward = (self.signs < 0).to(scores)
        share = torch.softmax(scores, -1) @ backward
        return torch.logit(share, eps=_LEAST_SHARE) @ self.chains
