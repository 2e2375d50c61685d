"""Whether a fit is to be preferred to its start: the guard's verdict, in numbers.

Not in the paper. What is minimised always speaks for the fit: a limb that has flown to a fold of a
skirt explains the photo better. What tells bad free fits from good ones is how much is left
unexplained; such photos are fitted once more, held to their starts (`hfb.refine.Fitter`). Of those,
how far the photo has pulled the pose all the same tells (docs/lab/held_joints.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.metrics import functional
from hfb.motion import evaluate
from hfb.refine.module import RefineModule
from hfb.structures import BodyParams

_FREE, _HELD = (-0.72, 0.61), (-3.5, 0.96)
"""Logistic regressions of "worse than its start by more than 2 %": on the logarithm of the error of
54 free fits of clips, of dressed people and of clean photos, AUROC .72; on that of the distance of
35 held fits of dressed people, mm, AUROC .72 (docs/lab/held_joints.md)."""


@dataclass(frozen=True)
class Verdict:
    """What the guard says of the fit of one photo.

    Attributes:
        unexplained: mean squared error that the free fit left, in units of
            `RefineSettings.explained_error`; of consecutive photos their mean.
        moved_mm: how far the pose at mid-exposure lies from the start's: mean over the joints,
            relative to the pelvis.
        risk: probability that the result is worse than its start.
        is_held: whether the result comes from the fit that was held to the start.
    """

    unexplained: float
    moved_mm: float
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
        Verdict(error, moved, risk_of(error, moved, is_held), is_held)
        for error, moved, is_held in zip(
            errors.tolist(), _moved_mm(module).tolist(), held, strict=True
        )
    ]


def risk_of(unexplained: float, moved_mm: float = 0.0, is_held: bool = False) -> float:
    """Probability that a result is worse than its start.

    Args:
        unexplained: error of the free fit, in units of what counts as explained; tells of those.
        moved_mm: distance from the start; tells of held fits.
        is_held: whether it was held to the start.
    """
    at_one, per_e_fold = _HELD if is_held else _FREE
    logit = at_one + per_e_fold * math.log(max(moved_mm if is_held else unexplained, 1e-9))
    return 1.0 / (1.0 + math.exp(-logit))


@torch.no_grad()
def _moved_mm(module: RefineModule) -> Float[Tensor, " P"]:
    """Mean distance of the joints at mid-exposure from those of the start, pelvis on pelvis."""
    motion, betas = module.polynomial_motion(), module.per_problem(module.betas)
    rotmat, transl = evaluate(motion, motion.coeffs.new_tensor([0.5]))
    found = module.body(BodyParams(betas, rotmat[:, 0], transl[:, 0])).joints
    start = module.body(module.problem.start).joints
    return functional.mpjpe(found.unsqueeze(1), start.unsqueeze(1))
