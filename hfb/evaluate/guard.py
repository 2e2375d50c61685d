"""Whether a fit is to be preferred to its start: the guard's verdict, in numbers.

Not in the paper. What is minimised always speaks for the fit: a limb that has flown to a fold of a
skirt explains the photo better. What tells bad fits from good ones is how much is left unexplained
(docs/lab/held_joints.md has what else was asked). Such photos are fitted once more, held to their
starts (`hfb.refine.Fitter`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hfb.refine.module import RefineModule

_AT_LIMIT, _PER_E_FOLD = -0.72, 0.61
"""Logistic regression of "worse than its start by more than 2 %" on the logarithm of the error: 54
free fits of clips, of dressed people and of clean photos, AUROC .72 (docs/lab/held_joints.md)."""


@dataclass(frozen=True)
class Verdict:
    """What the guard says of the fit of one photo.

    Attributes:
        unexplained: mean squared error that the free fit left, in units of
            `RefineSettings.explained_error`; of consecutive photos their mean.
        risk: probability that the free fit was worse than its start.
        is_held: whether the result comes from the fit that was held to the start.
    """

    unexplained: float
    risk: float
    is_held: bool


def verdicts(module: RefineModule) -> list[Verdict]:
    """The verdict on each photo of a finished fit.

    Args:
        module: finished.
    """
    errors = module.judge() if module.unexplained is None else module.unexplained
    held = [False] * len(errors) if module.held is None else module.held.tolist()
    return [
        Verdict(error, risk_of(error), is_held)
        for error, is_held in zip(errors.tolist(), held, strict=True)
    ]


def risk_of(unexplained: float) -> float:
    """Probability that a free fit is worse than its start.

    Args:
        unexplained: its error, in units of what counts as explained.
    """
    logit = _AT_LIMIT + _PER_E_FOLD * math.log(max(unexplained, 1e-9))
    return 1.0 / (1.0 + math.exp(-logit))
