"""The weights of the terms and their sum (eq. 11): the only place where weights are applied."""

import logging
from dataclasses import dataclass, fields
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term in eq. (11). A weight of 0 leaves the term out.

    The paper does not publish its weights. The defaults come from our own experiments with the
    normalised image and matting losses; terms that did not help there have weight 0.

    Args:
        image: w_I of eq. (3), the reconstruction of the blurry image.
        matting: w_alpha of eq. (4), the agreement with the matte.
        texture: w_S of eq. (5), smoothness of the texture on the surface.
        pose: w_P of eq. (6), plausibility of the pose; a large one pulls to the mean pose.
        shape: w_beta of eq. (7), average body shape.
        motion: w_C of eq. (8), slow and simple motion.
        background: w_B of eq. (9), a texture unlike the background.
        adversarial: w_A of eq. (10), realistic motion; single images only, needs the motion prior.
        pose_anchor: not in the paper; keeps the initial pose.
        boundary: section 3.2, consecutive photos only: motions that meet smoothly.
    """

    image: float = 3.0
    matting: float = 1.0
    texture: float = 0.0
    pose: float = 0.05
    shape: float = 0.001
    motion: float = 0.002
    background: float = 0.0
    adversarial: float = 0.0
    pose_anchor: float = 0.03
    boundary: float = 1.0

    def __post_init__(self) -> None:
        for name, value in self.as_dict().items():
            if not 0.0 <= value < float("inf"):
                raise InputError(f"weights.{name}={value}: must be finite and not negative.")

    def as_dict(self) -> dict[str, float]:
        """Weight of each term by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def is_active(self, name: str) -> bool:
        """Whether a term counts, so that terms of weight 0 need not be computed.

        Raises:
            InputError: if there is no term of this name.
        """
        _check_names({name}, self)
        return self.as_dict()[name] > 0.0


def weighted_sum(
    terms: dict[str, Float[Tensor, "*B"]], weights: LossWeights
) -> Float[Tensor, "*B"]:
    """The joint loss of each sample: eq. (11).

    Args:
        terms: unweighted values by the names of `LossWeights`. Terms of weight 0 may be missing;
            those that are there are left out of the sum and named once in the log.
        weights: the weights.

    Returns:
        One value a sample.

    Raises:
        InputError: if a name is not known, or a term of positive weight is missing.
    """
    _check_names(set(terms), weights)
    total: Tensor | None = None
    for name, weight in weights.as_dict().items():
        if weight == 0.0:
            _log_skipped(name)
        elif name not in terms:
            raise InputError(
                f"weights.{name}={weight}, but the term was not computed: set the weight to 0 or "
                f"supply the term (there are: {', '.join(sorted(terms)) or 'none'})."
            )
        else:
            value = weight * terms[name]
            total = value if total is None else total + value
    if total is not None:
        return total
    if not terms:
        raise InputError("All weights are 0 and there are no terms: there is nothing to minimise.")
    return torch.zeros_like(next(iter(terms.values())))


def _check_names(names: set[str], weights: LossWeights) -> None:
    unknown = sorted(names - set(weights.as_dict()))
    if unknown:
        raise InputError(
            f"Unknown loss terms {', '.join(unknown)}: known are {', '.join(weights.as_dict())}."
        )


@cache
def _log_skipped(name: str) -> None:
    """Say once, not at every step, that a term is left out."""
    _logger.info("loss term %s has weight 0 and is left out", name)
