"""How well a motion prior knows in which direction people move, on windows it has never seen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.metrics import functional
from hfb.motion import PolynomialMotion, evaluate, subframe_times
from hfb.motion.tracks import first_order
from hfb.prior import CanonicalMotion, MotionPrior
from hfb.skeleton import SMPL_PARENTS
from hfb.structures import BodyParams

LARGE_MOTION_M = 0.10
"""Direction accuracy is reported on windows whose fastest joint moves further than this."""

LARGE_CHAIN_M = 0.05
"""Chains played backwards count where their own joints move further than this."""

CORRECTION_THRESHOLDS = (0.0, 0.4, 0.8, 1.2, 1.6, 2.4)
"""Values of `MotionPriorSettings.correction_threshold` whose effect a test prints."""

_NUM_TIMES = 9
_SIZE_EDGES_M = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, float("inf"))
_LENGTH_EDGES_S = (0.0, 0.085, 0.17, 0.25, 0.335, 0.42, float("inf"))


@dataclass(frozen=True)
class WindowMetrics:
    """Raw metrics of W windows, each with one chain played backwards as the fault.

    Attributes:
        size_m: path of the fastest joint over the window.
        seconds: duration of the window.
        gap: energy of the reversed motion minus that of the true one (eq. 10).
        score: log odds of the true motion against the reversed one.
        likeness: scalar product of the true velocities and those expected from the pose alone,
            in typical sizes.
        chain_m: path of the fastest joint if only the faulty chain moved.
        faulty_mm: MPJPE of the faulty motion.
        corrected_mm: MPJPE of what the generator makes of it.
        clean_mm: MPJPE of what the generator makes of the true motion.
        wrong: entries that the fault has changed.
        logit_faulty: D of the faulty motion.
        logit_clean: D of the true motion.
    """

    size_m: Float[Tensor, " W"]
    seconds: Float[Tensor, " W"]
    gap: Float[Tensor, " W"]
    score: Float[Tensor, " W"]
    likeness: Float[Tensor, " W"]
    chain_m: Float[Tensor, " W"]
    faulty_mm: Float[Tensor, " W"]
    corrected_mm: Float[Tensor, " W"]
    clean_mm: Float[Tensor, " W"]
    wrong: Bool[Tensor, "W D K"]
    logit_faulty: Float[Tensor, "W D K"]
    logit_clean: Float[Tensor, "W D K"]


@dataclass(frozen=True)
class Summary:
    """Metrics of all windows.

    Attributes:
        scalars: by name.
        by_size: direction accuracy by motion size: from, to (m), windows, accuracy.
        by_length: the same by duration (s), of the windows with a large motion.
    """

    scalars: dict[str, float]
    by_size: list[tuple[float, float, int, float]]
    by_length: list[tuple[float, float, int, float]]

    def text(self) -> str:
        """For the terminal."""
        lines = [f"{name:<32} {value:.4g}" for name, value in self.scalars.items()]
        for title, unit, rows in (
            ("by the path of the fastest joint", "m", self.by_size),
            (f"by the window's duration, path over {LARGE_MOTION_M} m", "s", self.by_length),
        ):
            lines.append(f"direction accuracy {title}:")
            lines += [
                f"  {low:>5.3g} to {high:<5.3g} {unit}  {count:>6d} windows  {share:.3f}"
                for low, high, count, share in rows
            ]
        return "\n".join(lines)


def canonical_of(
    coeffs: Float[Tensor, "B D1 K C"], mid_rotmat: Float[Tensor, "B J 3 3"]
) -> CanonicalMotion:
    """What the prior sees of coefficients of all orders in the heading-free frame."""
    lowest = first_order("tangent" if coeffs.shape[-1] == 3 else "paper")
    return CanonicalMotion(coeffs[:, lowest:], mid_rotmat)


def all_orders(
    truth: Float[Tensor, "B D1 K C"], coeffs: Float[Tensor, "B D K C"]
) -> Float[Tensor, "B D1 K C"]:
    """Coefficients of all orders: what a canonical motion leaves out, the pose, is the truth's."""
    left_out = truth.shape[1] - coeffs.shape[1]
    return torch.cat([truth[:, :left_out], coeffs], 1)


def relative_velocity(
    prior: MotionPrior, coeffs: Float[Tensor, "B D1 K C"]
) -> Float[Tensor, "B K C"]:
    """First-order coefficients in typical sizes, each motion scaled to a mean square of 1."""
    row = 1 - first_order(prior.settings.parameterization)
    velocity = coeffs[:, 1] / prior.scale[row].unsqueeze(-1)
    size = velocity.square().mean((-2, -1), keepdim=True).sqrt()
    return velocity / size.clamp(min=1e-6)


def joints_of(
    body: SmplBody, pose_rotmat: Float[Tensor, "*B J 3 3"], transl: Float[Tensor, "*B 3"]
) -> Float[Tensor, "*B J 3"]:
    """Joints of the mean shape."""
    betas = transl.new_zeros(body.num_betas)
    return body.joints(BodyParams(betas, pose_rotmat, transl))


def bone_offsets(body: SmplBody) -> Float[Tensor, "J 3"]:
    """From each joint's parent to the joint, m, at rest; zero of the root."""
    identity = torch.eye(3).expand(len(SMPL_PARENTS), 3, 3)
    resting = joints_of(body, identity, torch.zeros(3))[: len(SMPL_PARENTS)]
    return resting - resting[[max(parent, 0) for parent in SMPL_PARENTS]]


@torch.no_grad()
def window_metrics(prior: MotionPrior, batch: Any, body: SmplBody) -> WindowMetrics:
    """Raw metrics of a batch of pairs.

    Args:
        prior: what is measured.
        batch: pairs of the data module.
        body: whose joints are compared.
    """
    num_orders = prior.settings.num_orders
    clean = canonical_of(batch.coeffs, batch.seen_rotmat)
    faulty = canonical_of(batch.corrupted, batch.seen_rotmat)
    logit_clean, corrected_clean, _ = prior(clean)
    logit_faulty, corrected, _ = prior(faulty)

    def joints(coeffs: Tensor) -> Tensor:
        return _joints_over_time(prior, batch, body, coeffs)

    wrong = batch.wrong[:, -num_orders:]
    # The chain alone: everything else stands still.
    chain = wrong.any(1)[:, None, :, None]
    still = clean.coeffs.clone()
    still[:, first_order(prior.settings.parameterization) == 0 :] = 0.0
    alone = torch.where(chain, clean.coeffs, still)
    truth, velocity = joints(clean.coeffs), relative_velocity(prior, batch.coeffs)
    return WindowMetrics(
        size_m=_longest_path(truth),
        seconds=batch.seconds,
        gap=prior.energy_gap(clean),
        score=prior.direction_score(clean),
        likeness=(prior.expected_velocity(batch.seen_rotmat) * velocity).sum((-2, -1)),
        chain_m=_longest_path(joints(alone)),
        faulty_mm=functional.mpjpe(joints(faulty.coeffs), truth, None),
        corrected_mm=functional.mpjpe(joints(corrected), truth, None),
        clean_mm=functional.mpjpe(joints(corrected_clean), truth, None),
        wrong=wrong,
        logit_faulty=logit_faulty,
        logit_clean=logit_clean,
    )


@torch.no_grad()
def corrections_by_threshold(
    prior: MotionPrior, batch: Any, body: SmplBody
) -> Float[Tensor, "Q 2 W"]:
    """MPJPE, mm, of what the generator makes of faulty and true motions, by threshold.

    Args:
        prior: what is measured.
        batch: pairs of the data module.
        body: whose joints are compared.
    """
    truth = _joints_over_time(prior, batch, body, batch.coeffs[:, -prior.settings.num_orders :])
    motions = [
        canonical_of(coeffs, batch.seen_rotmat) for coeffs in (batch.corrupted, batch.coeffs)
    ]
    logits = [prior.discriminate(canonical) for canonical in motions]
    rows = []
    for threshold in CORRECTION_THRESHOLDS:
        for canonical, logit in zip(motions, logits, strict=True):
            corrected = prior.correct(canonical, prior.indicate(logit, threshold))
            joints = _joints_over_time(prior, batch, body, corrected)
            rows.append(functional.mpjpe(joints, truth, None))
    return torch.stack(rows).unflatten(0, (-1, 2))


def threshold_text(corrections: Float[Tensor, "Q 2 W"], parts: list[WindowMetrics]) -> str:
    """The generator's two metrics by its correction threshold, for the terminal."""
    faulty = torch.cat([part.faulty_mm for part in parts])
    chain = torch.cat([part.chain_m for part in parts]) > LARGE_CHAIN_M
    lines = ["by correction threshold: MPJPE of reversed chains over uncorrected, clean change:"]
    for threshold, (corrected, clean) in zip(CORRECTION_THRESHOLDS, corrections, strict=True):
        ratio = _mean(corrected[chain]) / max(_mean(faulty[chain]), 1e-9)
        lines.append(f"  threshold {threshold:<4g} {ratio:.3f}  {_mean(clean):.2f} mm")
    return "\n".join(lines)


def _joints_over_time(
    prior: MotionPrior, batch: Any, body: SmplBody, coeffs: Float[Tensor, "W D K C"]
) -> Float[Tensor, "W S J 3"]:
    motion = PolynomialMotion(
        all_orders(batch.coeffs, coeffs),
        batch.base_rotmat,
        batch.base_transl,
        parameterization=prior.settings.parameterization,
    )
    return joints_of(body, *evaluate(motion, subframe_times(_NUM_TIMES).to(coeffs)))


def summarise(parts: list[WindowMetrics]) -> Summary:
    """Put the metrics of all batches together."""
    columns = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in fields(WindowMetrics)
    }
    size = columns["size_m"]
    large, chain = size > LARGE_MOTION_M, columns["chain_m"] > LARGE_CHAIN_M
    wrong = columns["wrong"] & chain[:, None, None]
    faulty, corrected = columns["faulty_mm"][chain], columns["corrected_mm"][chain]
    right, by_score = (columns["gap"] > 0).float(), (columns["score"] > 0).float()
    scalars = {
        "windows": float(len(size)),
        "windows_over_10cm": float(large.sum()),
        "direction_accuracy": _mean(right),
        "direction_accuracy_over_10cm": _mean(right[large]),
        "score_accuracy_over_10cm": _mean(by_score[large]),
        "pose_accuracy_over_10cm": _mean((columns["likeness"] > 0).float()[large]),
        "chains_over_5cm": float(chain.sum()),
        "auroc_chains_over_5cm": auroc(
            columns["logit_clean"][wrong], columns["logit_faulty"][wrong]
        ),
        "chain_reversed_mpjpe_mm": _mean(faulty),
        "chain_corrected_mpjpe_mm": _mean(corrected),
        "chain_mpjpe_ratio": _mean(corrected) / max(_mean(faulty), 1e-9),
        "clean_change_mm": _mean(columns["clean_mm"]),
    }
    by_size = _curve(size, right, _SIZE_EDGES_M)
    return Summary(
        scalars, by_size, _curve(columns["seconds"][large], right[large], _LENGTH_EDGES_S)
    )


def auroc(lower: Float[Tensor, " N"], higher: Float[Tensor, " M"]) -> float:
    """Share of pairs in which a member of `higher` exceeds one of `lower`; ties count half.

    Example:
        >>> import torch
        >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
        0.875
    """
    if len(lower) == 0 or len(higher) == 0:
        return float("nan")
    ordered = lower.sort().values
    below = torch.searchsorted(ordered, higher, right=False).double()
    up_to = torch.searchsorted(ordered, higher, right=True).double()
    return float((below + up_to).mean() / (2 * len(ordered)))


def _longest_path(joints: Float[Tensor, "W S J 3"]) -> Float[Tensor, " W"]:
    steps = torch.linalg.vector_norm(joints.diff(dim=1), dim=-1)
    # The times are mid-points: the ends add one more step.
    return steps.sum(1).amax(-1) * (_NUM_TIMES / (_NUM_TIMES - 1))


def _curve(
    values: Float[Tensor, " W"], right: Float[Tensor, " W"], edges: tuple[float, ...]
) -> list[tuple[float, float, int, float]]:
    rows = []
    for low, high in pairwise(edges):
        inside = (values >= low) & (values < high)
        rows.append((low, high, int(inside.sum()), _mean(right[inside])))
    return rows


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else float("nan")
