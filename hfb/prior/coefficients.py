"""The adversarial motion prior of eq. (10) in the paper's own form: networks on the matrix C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import PolynomialMotion
from hfb.motion.polynomial import channels_of, directed, time_powers
from hfb.motion.tracks import NUM_TRACKS
from hfb.prior.layers import perceptron
from hfb.ranges import DROPOUT, NETWORK_WIDTH, Range, check_settings

# Beginning, middle and end of the exposure: what the coefficients mean is shown at these times.
_TIMES = (0.0, 0.5, 1.0)
# Metres; a person at this distance has the input 0.
_USUAL_DISTANCE_M = 4.0

_RANGES: dict[str, Range] = {
    "degree": (1, 10),
    "width": NETWORK_WIDTH,
    "num_layers": (1, 64),
    "dropout": DROPOUT,
    "correction_threshold": (-100.0, 100.0),
    "sharpness": (0.0, 1e4),
}


@dataclass(frozen=True)
class CoefficientPriorSettings:
    """Size of a prior on the matrix C; stored in its checkpoint.

    Attributes:
        degree: of the polynomials it sees; lower degrees are padded with zeros.
        width: hidden units of a layer, of the discriminator and of the generator.
        num_layers: hidden layers of each.
        dropout: share of hidden units silenced in training.
        correction_threshold: log odds of being unrealistic at which an entry is half corrected.
        sharpness: how fast the correction goes from nothing to all about there.
    """

    degree: int = 2
    width: int = 256
    num_layers: int = 2
    dropout: float = 0.25
    correction_threshold: float = 0.5
    sharpness: float = 4.0

    def __post_init__(self) -> None:
        check_settings(self, "prior", _RANGES)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of C: powers of time, tracks, (axis, angle) or (direction, distance)."""
        return (self.degree + 1, NUM_TRACKS, channels_of("paper"))


class Judgement(NamedTuple):
    """What the prior says of coefficients.

    Attributes:
        logits: D(C), of each entry being unrealistic.
        corrected: G(D(C), C).
    """

    logits: Float[Tensor, "*B D1 K 4"]
    corrected: Float[Tensor, "*B D1 K 4"]


class CoefficientPrior(nn.Module):
    """D tells which entries of C are unrealistic, G what they should be: eq. (10) to the letter.

    C is the optimisation's own: in the camera frame, begun at the opening of the shutter, axis and
    angle or direction and distance of each track, the constant row included, so that G repairs
    poses as well as motions. Both networks are perceptrons (the paper leaves them open), which see
    C and, since an axis means nothing without its angle, the poses that it means.

    G in-paints: it returns C + I Δ with an indicator I that is nearly 1 where D is sure that an
    entry is unrealistic, and 0 where D holds it for realistic. Nearly 0 would not do: the L1 norm
    pulls at the slightest difference as hard as at the largest.

    Args:
        settings: size.
        scale: typical size of the entries of C above the constant row, of errors in it.
    """

    scale: Tensor

    def __init__(
        self, settings: CoefficientPriorSettings, scale: Float[Tensor, "D1 K 4"] | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        shape = torch.Size(settings.shape)
        self.register_buffer("scale", torch.ones(shape) if scale is None else scale.clone())
        # C itself; for each time turns of the joints, the root's matrix, and the place.
        num_inputs = shape.numel() + len(_TIMES) * (3 * (NUM_TRACKS - 2) + 9 + 4)
        size = (settings.width, settings.num_layers, settings.dropout)
        self.discriminator = perceptron(num_inputs, shape.numel(), *size)
        self.generator = perceptron(num_inputs + shape.numel(), shape.numel(), *size)

    def forward(self, coeffs: Float[Tensor, "*B D1 K 4"]) -> Judgement:
        """D and G of coefficients of the prior's own degree."""
        seen = self._seen(coeffs)
        logits = self.discriminator(seen).unflatten(-1, self.settings.shape)
        settings = self.settings
        indicator = torch.sigmoid(settings.sharpness * (logits - settings.correction_threshold))
        # While both are trained D learns from its own loss alone, as the paper has it.
        given = indicator.detach() if self.training else indicator
        change = self.generator(torch.cat([seen, given.flatten(-3)], -1))
        change = change.unflatten(-1, settings.shape) * self.scale
        if not self.training:
            given = torch.where(logits > settings.correction_threshold, given, 0.0)
        return Judgement(logits, coeffs + given * change)

    def energy(self, coeffs: Float[Tensor, "*B D1 K 4"]) -> Float[Tensor, "*B"]:
        """|G(D(C), C) - C|_1 of eq. (10).

        Its gradient leads to what G made of C: G's own is left out, since a network's output can
        be changed by imperceptible changes of its input, and the loss would look for those.
        """
        corrected = self(coeffs).corrected.detach()
        return (corrected - coeffs).abs().sum((-3, -2, -1))

    def motion_energy(
        self, motion: PolynomialMotion, up: Float[Tensor, "*B 3"] | None = None
    ) -> Float[Tensor, "*B"]:
        """Energy of a motion in the camera frame.

        Args:
            motion: the paper's, begun at 0.
            up: not used: the prior knows cameras that are about level.

        Raises:
            InputError: if its coefficients mean something else.
        """
        if motion.parameterization != "paper" or motion.time_origin != 0.0:
            raise InputError(
                "the motion prior of the paper's form judges the paper's coefficients only: say "
                "--model.refine.parameterization paper --model.refine.time_origin 0, or leave "
                "--model.motion_prior out"
            )
        missing = self.settings.degree - motion.degree
        if missing < 0:
            raise InputError(
                f"the motion has degree {motion.degree}, the motion prior was trained for at most "
                f"{self.settings.degree}: lower refine.degree or train a prior with a higher "
                "data.windows.degree"
            )
        coeffs = motion.coeffs
        zeros = coeffs.new_zeros(*coeffs.shape[:-3], missing, *coeffs.shape[-2:])
        return self.energy(torch.cat([coeffs, zeros], -3))

    def _seen(self, coeffs: Float[Tensor, "*B D1 K 4"]) -> Float[Tensor, "*B I"]:
        """Inputs of the perceptrons: C in typical sizes, and the poses at three times."""
        powers = time_powers(coeffs.new_tensor(_TIMES), self.settings.degree, 0.0)
        tracks = (powers @ coeffs.flatten(-2)).unflatten(-1, coeffs.shape[-2:])
        vectors = directed(tracks)
        place = vectors[..., 0, :]
        distance = torch.linalg.vector_norm(place, dim=-1, keepdim=True).clamp(min=1e-3)
        parts = [
            torch.asinh(coeffs / self.scale).flatten(-3),
            vectors[..., 2:, :].flatten(-3),
            # Matrices: people who face the camera are half a turn about x from its axes, where
            # vectors jump.
            rotvec_to_rotmat(vectors[..., 1, :]).flatten(-3),
            (place / distance).flatten(-2),
            (distance / _USUAL_DISTANCE_M).log().flatten(-2),
        ]
        return torch.cat(parts, -1)
