"""Whether a fit is to be believed, and to be preferred to its start: the verdict, in numbers.

Not in the paper. What is minimised always speaks for the fit: a limb that has flown to a fold of a
skirt explains the photo better. What tells bad free fits from good ones is how much is left
unexplained; such photos are fitted once more, held to their starts (`hfb.refine.Fitter`). Of those,
how far the photo has pulled the pose all the same tells (docs/lab/held_joints.md). How near the
truth the result is, whatever its start was, is learned (`hfb.evaluate.trust.sureness`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.evaluate.trust.signs import Signs
from hfb.evaluate.trust.sureness import Sureness, expected_mm, sureness_of
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
        sure: probability that the MPJPE of the result is below `FAR_MM`.
        joint_sigma_mm: standard deviation of each joint along each axis at mid-exposure, relative
            to the pelvis, by name; the expected distance from the truth is 1.6 times as much.
        signs: what both were judged by.
    """

    unexplained: float
    moved_mm: float
    risk: float
    is_held: bool
    sure: float | None = None
    joint_sigma_mm: Mapping[str, float] = field(default_factory=dict)
    signs: Signs | None = None

    def with_sureness(self, signs: Signs, joint_names: Sequence[str]) -> Verdict:
        """The same with what the signs of the fit say of how near the truth it is.

        Args:
            signs: of the fit.
            joint_names: of its body, the root first.
        """
        found: Sureness = sureness_of(signs, joint_names)
        return replace(self, sure=found.sure, joint_sigma_mm=found.joint_sigma_mm, signs=signs)


@dataclass(frozen=True)
class JointSureness:
    """How sure the photos of a result are, taken together.

    Attributes:
        sure: probability of each photo.
        joint_sigma_mm: of each joint, mean over the photos, by name.
    """

    sure: tuple[float, ...]
    joint_sigma_mm: Mapping[str, float]

    @property
    def mean_sure(self) -> float:
        """Mean over the photos."""
        return sum(self.sure) / len(self.sure)

    @property
    def expected_mm(self) -> float:
        """Expected joint error, mean over the joints, the root among them as in MPJPE."""
        return expected_mm(sum(self.joint_sigma_mm.values()) / len(self.joint_sigma_mm))

    def least_sure(self, count: int) -> list[tuple[str, float]]:
        """The joints that may be off the most, in words, with their expected errors in mm."""
        order = sorted(self.joint_sigma_mm.items(), key=lambda part: -part[1])[:count]
        return [(name.replace("_", " "), expected_mm(sigma)) for name, sigma in order]


def joint_sureness(photos: Sequence[Verdict]) -> JointSureness | None:
    """How sure photos are together; None where nothing was said of any.

    Args:
        photos: the verdict on each.
    """
    known = [photo for photo in photos if photo.sure is not None and photo.joint_sigma_mm]
    if not known:
        return None
    sigma = {
        name: sum(photo.joint_sigma_mm[name] for photo in known) / len(known)
        for name in known[0].joint_sigma_mm
    }
    return JointSureness(tuple(photo.sure or 0.0 for photo in known), sigma)


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
