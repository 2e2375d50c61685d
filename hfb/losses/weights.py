"""The weighted sum of loss terms (eq. 11): the only place where weights are applied."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError

_logger = logging.getLogger(__name__)


def weighted_sum(
    terms: Mapping[str, Float[Tensor, "*B"]],
    weights: Mapping[str, float | Float[Tensor, "*B"]],
) -> Float[Tensor, "*B"]:
    """The joint loss of each sample: eq. (11), and the losses of trainings and baselines.

    Args:
        terms: unweighted values by name. Terms of weight 0 may be missing; those that are there are
            left out of the sum and named once in the log.
        weights: of every term that may occur, in the order in which they are added up. A tensor
            weighs each sample by itself and always counts.

    Returns:
        One value a sample.

    Raises:
        InputError: if a term has no weight, or a term of positive weight is missing.
    """
    unknown = sorted(set(terms) - set(weights))
    if unknown:
        raise InputError(f"Unknown loss terms {', '.join(unknown)}: known are {', '.join(weights)}")
    total: Tensor | None = None
    for name, weight in weights.items():
        if not isinstance(weight, Tensor) and weight == 0.0:
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


def check_weights(weights: Mapping[str, float | Iterable[float]], where: str) -> None:
    """Refuse weights that no term can have.

    Args:
        weights: one value, or several, of each term.
        where: setting that they come from, for the message.

    Raises:
        InputError: if a weight is negative or not finite.
    """
    for name, values in weights.items():
        for value in values if isinstance(values, Iterable) else (values,):
            if not 0.0 <= value < float("inf"):
                raise InputError(f"{where}.{name}={value}: must be finite and not negative.")


@cache
def _log_skipped(name: str) -> None:
    """Say once, not at every step, that a term is left out."""
    _logger.info("loss term %s has weight 0 and is left out", name)
