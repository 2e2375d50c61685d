"""A finished fit against its start, by evidence that the fit did not optimise: the guard.

Not in the paper. What is minimised, colour and matte, always speaks for the fit: a limb that has
flown to a fold of a skirt explains the photo better. So both are drawn as they look at
mid-exposure, and the landmark detector reads the drawings as it reads the photo; the matte that was
found before the fit and the pose prior are asked as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import rotmat_to_rotvec
from hfb.init import Initialiser
from hfb.losses import matting_loss
from hfb.motion import static_motion
from hfb.prior import MixturePosePrior
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.landmark_target import LandmarkTarget, landmark_target
from hfb.refine.problem import RefineProblem
from hfb.refine.result import Refinement, render_views, sharp_subframes
from hfb.structures import PosedBody


@dataclass(frozen=True)
class GuardEvidence:
    """Fit minus start: what is positive speaks against the fit, but for the matte.

    Attributes:
        read: distance of the landmarks that the detector reads in the drawing from those that it
            reads in the photo, % of the person's height; NaN without a detector.
        seen: distance of the body's own landmarks at mid-exposure from those that the start was
            made from, % of the height; NaN without landmarks.
        matte: soft IoU of silhouettes and the matte that was found before the fit, %.
        prior: energy of the pose prior (eq. 6); NaN without one.
        turned: root mean square of the joints' turns since the start, in standard deviations of
            the start where they are known, else of 0.3 rad.
    """

    read: float
    seen: float
    matte: float
    prior: float
    turned: float


MOST_RISK = 1.0
"""Risk beyond which the pose goes back to the start's."""

_USUAL_TURN = 0.3
_INTERCEPT = 0.0
_SLOPES = {"read": 0.0, "seen": 0.0, "matte": 0.0, "prior": 0.0, "turned": 0.0}


def risk_of(evidence: GuardEvidence) -> float:
    """Probability that the fit is worse than its start.

    Args:
        evidence: of one photo; what is not known counts as no difference.
    """
    total = _INTERCEPT
    for one in fields(evidence):
        value = getattr(evidence, one.name)
        total += _SLOPES[one.name] * (0.0 if math.isnan(value) else value)
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))


@dataclass(frozen=True)
class Verdict:
    """What the guard says of a fit.

    Attributes:
        evidence: by which it judges.
        risk: probability that the fit is worse than its start.
        went_back: whether the pose went back to the start's; motion and texture are the fit's.
    """

    evidence: GuardEvidence
    risk: float
    went_back: bool = False


def guarded(
    fit: Refinement,
    item: InitialisedFrame,
    problem: RefineProblem,
    fitter: Fitter,
    initialiser: Initialiser | None,
) -> tuple[Refinement, Verdict]:
    """The fit of one photo, or what is left of it where the evidence speaks against it.

    Args:
        fit: of one photo.
        item: the photo.
        problem: its crop with the first matte (one problem).
        fitter: the tools of the run.
        initialiser: whose detector reads the drawings; None: no detector is asked.
    """
    start = start_of(fit, problem)
    evidence = guard_evidence(fit, start, item, problem, fitter, initialiser)
    risk = risk_of(evidence)
    if risk <= MOST_RISK:
        return fit, Verdict(evidence, risk)
    coeffs = torch.cat([start.motion.coeffs[:1], fit.motion.coeffs[1:]])
    back = replace(fit, motion=start.motion.with_coeffs(coeffs), betas=start.betas)
    return back, Verdict(evidence, risk, went_back=True)


def start_of(fit: Refinement, problem: RefineProblem) -> Refinement:
    """The starting pose at rest, dressed in the fit's texture.

    Args:
        fit: of one photo.
        problem: its crop (one problem).
    """
    start, motion = problem.start, fit.motion
    still = static_motion(
        start.pose_rotmat[:1], start.transl[:1], motion.degree, motion.parameterization,
        motion.time_origin,
    )  # fmt: skip
    return replace(fit, motion=still.index(0), betas=start.betas[0])


@torch.no_grad()
def guard_evidence(
    fit: Refinement,
    start: Refinement,
    item: InitialisedFrame,
    problem: RefineProblem,
    fitter: Fitter,
    initialiser: Initialiser | None,
) -> GuardEvidence:
    """Measure what tells whether a fit is better than its start.

    Args:
        fit: of one photo.
        start: its starting pose at rest, with a texture.
        item: the photo.
        problem: its crop with the first matte (one problem).
        fitter: the tools of the run.
        initialiser: whose detector reads the drawings; None: no detector is asked.
    """
    target = landmark_target(problem, fitter.body)
    camera, background = problem.camera.index(0), problem.background[0]
    seen, mattes, energies = [], [], []
    for one in (fit, start):
        posed = one.posed(fitter.body, torch.tensor([0.5]))
        seen.append(_seen(target, posed, problem))
        views = render_views(one, fitter.body, camera, background, fitter.render_settings)
        mattes.append(1.0 - float(matting_loss(views.alpha, problem.alpha[0], problem.valid[0])))
        energies.append(_prior_energy(one, fitter.pose_prior))
    return GuardEvidence(
        read=_read(fit, start, item, fitter, initialiser),
        seen=seen[0] - seen[1],
        matte=100.0 * (mattes[0] - mattes[1]),
        prior=energies[0] - energies[1],
        turned=_turned(fit, problem),
    )


def _seen(target: LandmarkTarget | None, posed: PosedBody, problem: RefineProblem) -> float:
    if target is None or problem.landmarks is None:
        return math.nan
    at = target.seen(posed.joints[None], posed.verts[None], problem.camera)[0, 0]
    return _distance(at, problem.landmarks.xy[0], target.trust[0], target.height[0])


def _read(
    fit: Refinement, start: Refinement, item: InitialisedFrame, fitter: Fitter,
    initialiser: Initialiser | None,
) -> float:  # fmt: skip
    near = item.estimate.landmarks
    if near is None or initialiser is None:
        return math.nan
    background, settings = item.sample.background, fitter.render_settings
    drawn = [
        sharp_subframes(one, fitter.body, torch.tensor([0.5]), background, settings)
        for one in (fit, start)
    ]
    seen = initialiser.read_again(torch.cat([item.sample.blurry[:1], *drawn]), near.index([0]))
    if seen is None:
        return math.nan
    extent = (seen.xy[0].amax(0) - seen.xy[0].amin(0)).amax()
    fitted, started = (
        _distance(seen.xy[k], seen.xy[0], seen.trust[k] * seen.trust[0], extent) for k in (1, 2)
    )
    return fitted - started


def _distance(
    one: Float[Tensor, "M 2"], other: Float[Tensor, "M 2"], trust: Float[Tensor, " M"],
    extent: Tensor,
) -> float:  # fmt: skip
    """Mean distance by trust, % of the extent."""
    apart = (one - other).norm(dim=-1)
    return float(100.0 * (trust * apart).sum() / trust.sum().clamp(min=1e-6) / extent)


def _prior_energy(one: Refinement, prior: MixturePosePrior | None) -> float:
    if prior is None:
        return math.nan
    pose, _ = one.poses(torch.tensor([0.5]))
    return float(prior(rotmat_to_rotvec(pose[:, 1:]).flatten(-2)))


def _turned(fit: Refinement, problem: RefineProblem) -> float:
    pose, _ = fit.poses(torch.tensor([0.5]))
    start = problem.start.pose_rotmat[:1]
    turn = rotmat_to_rotvec(start.mT @ pose).norm(dim=-1)
    sigma = torch.full_like(turn, _USUAL_TURN)
    if problem.joint_sigma is not None:
        known = problem.joint_sigma[:1]
        sigma = torch.where(known.isnan(), sigma, known.clamp(min=0.05))
    return float((turn / sigma).square().mean().sqrt())
