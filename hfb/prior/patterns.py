"""Which chains of the body run backwards: every combination scored at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.errors import InputError
from hfb.motion import Parameterization
from hfb.motion.tracks import NUM_TRACKS, chain_matrix, first_order
from hfb.prior.kinematics import LimbMotion
from hfb.ranges import DROPOUT, NETWORK_WIDTH, Range, check_settings
from hfb.skeleton import CHAINS, NUM_JOINTS

_RANGES: dict[str, Range] = {
    "degree": (1, 10),
    "width": NETWORK_WIDTH,
    "num_layers": (1, 64),
    "dropout": DROPOUT,
    "num_members": (1, 64),
    "wrong_chains": (0.0, 1e9),
    "correction_threshold": (-100.0, 100.0),
    "sharpness": (0.0, 1e4),
}


@dataclass(frozen=True)
class MotionPriorSettings:
    """Size and meaning of a motion prior; stored in its checkpoint.

    Attributes:
        degree: of the polynomials it sees; lower degrees are padded with zeros.
        parameterization: of the coefficients, see `hfb.motion.PolynomialMotion`.
        width: hidden units of a layer, of the discriminator and of the generator.
        num_layers: hidden layers of each.
        dropout: share of hidden units silenced in training.
        num_members: networks whose scores of the patterns are averaged.
        wrong_chains: how often none, one, ..., all six chains of a motion that D is shown run
            backwards, relative to each other.
        correction_threshold: log odds of being wrong at which an entry is half corrected.
        sharpness: how fast the correction goes from nothing to all about there.
    """

    degree: int = 3
    parameterization: Parameterization = "tangent"
    width: int = 128
    num_layers: int = 3
    dropout: float = 0.3
    num_members: int = 3
    wrong_chains: tuple[float, ...] = (0.55, 0.13, 0.13, 0.13, 0.005, 0.005, 0.15)
    correction_threshold: float = 0.8
    sharpness: float = 4.0

    def __post_init__(self) -> None:
        check_settings(self, "prior", _RANGES)
        if len(self.wrong_chains) != len(CHAINS) + 1 or min(self.wrong_chains) <= 0.0:
            raise InputError(
                f"prior.wrong_chains={self.wrong_chains}: {len(CHAINS) + 1} positive shares are "
                "needed, for no chain to all chains running backwards."
            )

    @property
    def num_orders(self) -> int:
        """Rows of a canonical motion."""
        return self.degree + 1 - first_order(self.parameterization)

    def rows_of(self, parity: int) -> list[int]:
        """Rows of a canonical motion that hold odd orders (1), which reversal negates, or even (0).

        Args:
            parity: of the orders.
        """
        lowest = first_order(self.parameterization)
        return [row for row in range(self.num_orders) if (row + lowest) % 2 == parity]


class ChainReversalClassifier(nn.Module):
    """Scores all combinations of playing chains of the body forwards or backwards.

    Several networks do so; each is trained on its own and the scores are averaged, since each has
    memorised other things of its training subjects.

    Args:
        settings: size and meaning.
        channels: numbers a track and order.
        num_pose: features of the pose.
    """

    signs: Tensor
    chains: Tensor
    log_shares: Tensor

    def __init__(self, settings: MotionPriorSettings, channels: int, num_pose: int) -> None:
        super().__init__()
        signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * len(CHAINS))
        self.register_buffer("signs", signs, persistent=False)
        self.register_buffer("chains", chain_matrix(), persistent=False)
        self.register_buffer("log_shares", _log_shares(settings, signs), persistent=False)
        self.odd = settings.rows_of(parity=1)
        members = [PatternScorer(settings, channels, num_pose) for _ in range(settings.num_members)]
        self.members = nn.ModuleList(members)

    def forward(
        self, moving: Float[Tensor, "*B D K C"], limbs: LimbMotion, pose: Float[Tensor, "*B P"]
    ) -> Float[Tensor, "*B S"]:
        """Score of each pattern, the first being "all forwards" and the last "all backwards".

        Args:
            moving: features of the coefficients, odd in them.
            limbs: what they do to the joints.
            pose: features of the pose.
        """
        return self.each(moving, limbs, pose, self.signs).mean(0)

    def each(
        self,
        moving: Float[Tensor, "*B D K C"],
        limbs: LimbMotion,
        pose: Float[Tensor, "*B P"],
        signs: Float[Tensor, "*P S L"],
    ) -> Float[Tensor, "M *B S"]:
        """Score of each member for any patterns, -1 where a chain is reversed."""
        return torch.stack([member(moving, limbs, pose, signs) for member in self.members])

    def contrast(self, backward: Float[Tensor, "B L"], num_others: int) -> Float[Tensor, "B S L"]:
        """Patterns to tell from the true one, which comes first.

        The true pattern, its reverse, those with one more chain wrong, and some drawn at random
        from all others: as good to learn from as all 64, at a quarter of the cost.

        Args:
            backward: 1 for the chains that run backwards in what is shown.
            num_others: how many are drawn.
        """
        wrong = (self.signs < 0).sum(1)
        others = torch.nonzero((wrong > 1) & (wrong < len(CHAINS)))[:, 0]
        drawn = others[torch.randperm(len(others), device=others.device)[:num_others]]
        chosen = [self.signs[:1], self.signs[-1:], self.signs[wrong == 1], self.signs[drawn]]
        return torch.cat(chosen) * (1.0 - 2.0 * backward).unsqueeze(-2)

    def backward_logits(self, scores: Float[Tensor, "*B S"]) -> Float[Tensor, "*B K"]:
        """Logit of each track running backwards.

        By Bayes' rule: the scores say how likely a pattern makes the motion, the settings how often
        so many chains are wrong at once.
        """
        weighed = (scores + self.log_shares).unsqueeze(-2)
        is_backward = self.signs.T < 0
        backward = weighed.masked_fill(~is_backward, -math.inf).logsumexp(-1)
        forward = weighed.masked_fill(is_backward, -math.inf).logsumexp(-1)
        return (backward - forward) @ self.chains


class PatternScorer(nn.Module):
    """One network that scores patterns.

    Its first layer is linear in what playing backwards changes the sign of, the odd coefficients
    and the velocities they give to the joints, so its 64 inputs cost hardly more than one: their
    sums over the chains are added up with signs.

    Args:
        settings: size and meaning.
        channels: numbers a track and order.
        num_pose: features of the pose.
    """

    chains: Tensor

    def __init__(self, settings: MotionPriorSettings, channels: int, num_pose: int) -> None:
        super().__init__()
        width = settings.width
        self.register_buffer("chains", chain_matrix(), persistent=False)
        self.odd, self.even = settings.rows_of(parity=1), settings.rows_of(parity=0)
        num_odd, num_even = len(self.odd) * channels, len(self.even) * channels
        # Of coefficients that are no turning rates there are no velocities.
        per_order = 3 * NUM_JOINTS if settings.parameterization == "tangent" else 0
        num_turning = len(self.odd) * per_order
        num_steady = 2 * len(self.even) * per_order + (per_order > 0)
        num_common = NUM_TRACKS * num_even + num_pose + num_steady
        size = (NUM_TRACKS * num_odd + len(CHAINS) * num_turning + num_common) ** -0.5
        self.tracks = nn.Parameter(size * torch.randn(NUM_TRACKS, num_odd, width))
        self.limbs = nn.Parameter(size * torch.randn(len(CHAINS), num_turning, width))
        self.whole = nn.Parameter(size * torch.randn(num_turning, width))
        self.common = nn.Linear(num_common, width)
        sizes = [width] * (settings.num_layers - 1) + [1]
        self.rest = nn.ModuleList([nn.Linear(width, size) for size in sizes])
        self.dropout = settings.dropout

    def forward(
        self,
        moving: Float[Tensor, "*B D K C"],
        limbs: LimbMotion,
        pose: Float[Tensor, "*B P"],
        signs: Float[Tensor, "*P S L"],
    ) -> Float[Tensor, "*B S"]:
        """Score of each pattern; see `ChainReversalClassifier`."""
        odd = moving[..., self.odd, :, :].movedim(-2, -3).flatten(-2)
        even = moving[..., self.even, :, :].flatten(-3)
        by_chain = self.chains @ torch.einsum("...kf,kfh->...kh", odd, self.tracks)
        # Weights of each chain's own, and those that all share: a joint's whole velocity.
        by_chain = by_chain + torch.einsum("...lf,lfh->...lh", limbs.turning, self.limbs)
        by_chain = by_chain + limbs.turning @ self.whole
        common = self.common(torch.cat([even, limbs.steady, pose], -1)).unsqueeze(-2)
        hidden = signs @ by_chain + common
        for layer in self.rest:
            hidden = layer(self._dropped(torch.nn.functional.gelu(hidden)))
        return hidden.squeeze(-1)

    def _dropped(self, hidden: Float[Tensor, "*B S H"]) -> Float[Tensor, "*B S H"]:
        """Dropout with one mask for all patterns: they are compared with each other."""
        if not self.training:
            return hidden
        mask = torch.rand_like(hidden[..., :1, :]) >= self.dropout
        return hidden * (mask / (1.0 - self.dropout))


def _log_shares(settings: MotionPriorSettings, signs: Float[Tensor, "S L"]) -> Float[Tensor, " S"]:
    """Logarithm of how often each pattern is expected."""
    count = (signs < 0).sum(1).tolist()
    num_patterns = [math.comb(len(CHAINS), wrong) for wrong in range(len(CHAINS) + 1)]
    total = sum(settings.wrong_chains)
    shares = [settings.wrong_chains[wrong] / num_patterns[wrong] / total for wrong in count]
    return torch.tensor(shares).log()
