"""Tables of `bench_trust.py`, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from trust_records import Fitted

from hfb.errors import InputError
from hfb.evaluate.trust.sureness import FAR_MM, expected_mm
from hfb.formation import BLUR_RATE_BINS
from hfb.metrics import FailureRanking, Ranking
from hfb.metrics.functional import summarize_ratio

_BINS = (0.05, 0.4, 0.7, 1.2)
_STAGES = ("plain", "lifted", "refined")
_ERROR, _IOU = "mpjpe_best_direction_mm", "iou_best_direction"


def photo_table(groups: Mapping[str, Sequence[Fitted]]) -> str:
    """How the probability ranks failures, and whether it is one; a row a group, and all."""
    lines = [
        f"| photos | n | off by {FAR_MM:.0f} mm or more | expected | AUROC | of the start's sigma "
        "alone | of the distance moved alone | Brier | expected error, mm | actual |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    every = [fit for fits in groups.values() for fit in fits]
    for name, fits in {**groups, "all": every}.items():
        if name == "all" and len(groups) == 1:
            continue
        judged = [fit.judged() for fit in fits]
        ranked = _ranking([own.sure for own in judged], fits)
        alone = [
            _auroc(_ranking(_falling([value or 0.0 for value in values]), fits).auroc)
            for values in (
                [fit.signs.start_mm for fit in fits],
                [fit.signs.moved_mm for fit in fits],
            )
        ]
        mean = np.mean([expected_mm(np.mean(list(own.joint_sigma_mm.values()))) for own in judged])
        actual = np.mean([np.mean(list(fit.joint_error_mm.values())) for fit in fits])
        lines.append(
            f"| {name} | {ranked.n} | {ranked.failed} | {ranked.expected:.1f} | "
            f"{_auroc(ranked.auroc)} | {alone[0]} | {alone[1]} | {ranked.brier:.3f} | "
            f"{mean:.0f} | {actual:.0f} |"
        )
    return "\n".join(lines) + "\n"


def joint_table(fits: Sequence[Fitted]) -> str:
    """Expected against actual distances of each joint, and how far the two go together."""
    lines = [
        "| joint | expected mm | actual mm | within the expected 68 % | rank correlation |",
        "|---|---|---|---|---|",
    ]
    names = list(fits[0].joint_error_mm)[1:]
    sigma = np.array([[fit.judged().joint_sigma_mm[n] for n in names] for fit in fits])
    actual = np.array([[fit.joint_error_mm[n] for n in names] for fit in fits])
    # Two thirds of vectors of three normally distributed numbers are shorter than this.
    inside = actual < 1.87 * sigma
    for k, name in enumerate(names):
        lines.append(
            f"| {name.replace('_', ' ')} | {expected_mm(sigma[:, k].mean()):.0f} | "
            f"{actual[:, k].mean():.0f} | {100 * inside[:, k].mean():.0f} % | "
            f"{_rank_correlation(sigma[:, k], actual[:, k]):.2f} |"
        )
    lines.append(
        f"| **all** | {expected_mm(sigma.mean()):.0f} | {actual.mean():.0f} | "
        f"{100 * inside.mean():.0f} % | {_rank_correlation(sigma.ravel(), actual.ravel()):.2f} |"
    )
    return "\n".join(lines) + "\n"


def stage_table(fits: Sequence[Fitted]) -> str:
    """Starts and fits by blur rate, and how many fits end nearer than their starts."""
    lines = [
        "| blur rate | n | plain start, mm / IoU | lifted start | refined | refined / plain (95 %) "
        "| better than its lifted start | worse by a tenth | right direction |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    edges = BLUR_RATE_BINS["table1"]
    for low, high in [*pairwise(edges), (0.0, 0.4), (0.4, np.inf), (0.0, np.inf)]:
        chosen = [fit for fit in fits if low <= fit.blur_rate < high]
        if not chosen:
            continue
        label = f"{low:g}–{high:g}" if np.isfinite(high) else (f"over {low:g}" if low else "all")
        error = {s: torch.tensor([fit.metrics[s][_ERROR] for fit in chosen]) for s in _STAGES}
        iou = {s: np.mean([fit.metrics[s][_IOU] for fit in chosen]) for s in _STAGES}
        ratio = summarize_ratio(error["refined"], error["plain"])
        directions = [fit.metrics["refined"].get("direction_correct") for fit in chosen]
        told = [bool(right) for right in directions if right is not None]
        cells = [
            label,
            str(len(chosen)),
            *(f"{error[s].mean():.1f} / {iou[s]:.3f}" for s in _STAGES),
            f"{ratio.mean:.2f} ({ratio.low:.2f}–{ratio.high:.2f})",
            _percent((error["refined"] < error["lifted"]).tolist()),
            _percent((error["refined"] > 1.1 * error["lifted"]).tolist()),
            f"{_percent(told)} of {len(told)}" if told else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(flags: Sequence[bool]) -> str:
    return f"{100 * np.mean(flags):.0f} %"


def comparison_table(groups: Mapping[str, Sequence[Fitted]]) -> str:
    """Starts and fits of the same motions by two renderers, by blur rate.

    The gain is what of the plain start's error has gone; its loss, what of the first renderer's
    gain the second has not.

    Raises:
        InputError: if no sample has a record in both groups.
    """
    by_id = {name: {fit.sample_id: fit for fit in fits} for name, fits in groups.items()}
    common = sorted(set.intersection(*(set(own) for own in by_id.values())))
    if not common:
        raise InputError(
            f"{' and '.join(groups)} have no sample in common: make both by one recipe"
        )
    lines = [
        "| blur rate | n | renderer | plain start, mm / IoU | lifted start | refined | "
        "lifted / plain | refined / plain | better than its lifted start |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    gains: dict[str, dict[str, float]] = {}
    for low, high in [*pairwise(_BINS), (0.0, np.inf)]:
        chosen = [i for i in common if low <= next(iter(by_id.values()))[i].blur_rate < high]
        label = "all" if low == 0.0 else f"{low:g}–{high:g}"
        for name, fits in by_id.items() if chosen else ():
            cells, gains[name] = _compared([fits[i] for i in chosen])
            lines.append(f"| {label} | {len(chosen)} | {name} | {cells} |")
    one, other = gains
    lines.append("")
    for stage, gain in gains[one].items():
        kept = gains[other][stage]
        lost = f"{100 * (1 - kept / gain):.0f} %" if gain > 0 else "nothing to lose"
        lines.append(
            f"Gain of the {stage} over the plain start: {one} {100 * gain:.1f} %, {other} "
            f"{100 * kept:.1f} %; lost between them: {lost}."
        )
    return "\n".join(lines) + "\n"


def _compared(fits: Sequence[Fitted]) -> tuple[str, dict[str, float]]:
    """Cells of a row, and what of the plain start's error the others have taken off, as a share."""
    error = {s: np.array([fit.metrics[s][_ERROR] for fit in fits]) for s in _STAGES}
    cells = [
        f"{error[s].mean():.1f} / {np.mean([fit.metrics[s][_IOU] for fit in fits]):.3f}"
        for s in _STAGES
    ]
    ratios = [float(error[s].mean() / error["plain"].mean()) for s in _STAGES[1:]]
    better = 100 * np.mean(error["refined"] < error["lifted"])
    cells += [*(f"{ratio:.2f}" for ratio in ratios), f"{better:.0f} %"]
    return " | ".join(cells), {"lifted start": 1 - ratios[0], "refined": 1 - ratios[1]}


def _ranking(sure: Sequence[float], fits: Sequence[Fitted]) -> Ranking:
    metric = FailureRanking(FAR_MM)
    metric.update(torch.tensor(sure), torch.tensor([fit.error_mm for fit in fits]))
    return metric.compute()


def _falling(values: Sequence[float]) -> list[float]:
    """Numbers in [0, 1] that fall as the values grow."""
    array = np.array(values)
    return [float((array > value).mean()) for value in values]


def _auroc(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    ranks = [values.argsort().argsort().astype(float) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])
