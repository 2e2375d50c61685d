"""Outcomes as a table, means and shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from real_footage.manifest import HALVES, Case
from real_footage.measures import Measures
from real_footage.runs import CaseOutcome, PhotoOutcome

GOOD_START_PCT = 5.0
"""Start below which the fit has something to lose."""

HEADER = (
    "| case | frames | mid-exposure, % | ends, % | directions | length | facing, ° | PA, mm "
    "| PSNR, dB | IoU matte | IoU sharp |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
Pairs = Sequence[PhotoOutcome]


def table(cases: Sequence[Case], outcomes: Sequence[CaseOutcome]) -> str:
    """Markdown: one row a case (means over its photos), then means; start → fit."""
    by_name = {case.name: case for case in cases}
    lines = [HEADER]
    for half in HALVES:
        own = [o for o in outcomes if by_name[o.name].clip.half == half]
        lines += [_row(o.name, _frames(by_name[o.name]), o.photos) for o in own]
        if own:
            photos = [photo for outcome in own for photo in outcome.photos]
            lines.append(_row(f"**mean of {half}**", "", photos))
    return "\n".join(lines)


def _frames(case: Case) -> str:
    counts = [len(exposure) for exposure in case.exposures]
    return str(counts[0]) if len(counts) == 1 else f"{len(counts)} × {counts[0]}"


def _row(name: str, frames: str, photos: Pairs) -> str:
    moving, right = (sum(getattr(p.fit, k) for p in photos) for k in ("moving", "right"))
    lengths = [p.fit.length_ratio for p in photos if p.fit.length_ratio is not None]
    cells = [
        name,
        frames,
        _both(photos, lambda m: m.mid_pct, 1),
        _both(photos, lambda m: m.ends_pct, 1),
        f"{right} / {moving}" if moving else "–",
        f"{np.mean(lengths):.2f}" if lengths else "–",
        _both(photos, lambda m: m.facing_deg, 0),
        _both(photos, lambda m: m.pa_mpjpe_mm, 0),
        _both(photos, lambda m: m.psnr_db, 1),
        _both(photos, lambda m: m.matte_iou, 2),
        _both(photos, lambda m: m.sharp_iou, 2),
    ]
    return "| " + " | ".join(cells) + " |"


def _both(photos: Pairs, value: Callable[[Measures], float | None], digits: int) -> str:
    pairs = [(value(p.start), value(p.fit)) for p in photos]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known:
        return "–"
    start, fit = np.mean(known, axis=0)
    return f"{start:.{digits}f} → {fit:.{digits}f}"


def summary(cases: Sequence[Case], outcomes: Sequence[CaseOutcome]) -> dict[str, Any]:
    """What a round is judged by, of each half and of all; cases count alike."""
    by_name = {case.name: case for case in cases}
    result = {}
    for half in (*HALVES, "all"):
        own = [o for o in outcomes if half == "all" or by_name[o.name].clip.half == half]
        if own:
            result[half] = _judged(own)
    return result


def _judged(outcomes: Sequence[CaseOutcome]) -> dict[str, Any]:
    mids = [_mean_pair(o.photos, lambda m: m.mid_pct) for o in outcomes]
    ends = [_mean_pair(o.photos, lambda m: m.ends_pct) for o in outcomes]
    good = [(start, fit) for start, fit in mids if start < GOOD_START_PCT]
    single = [p for o in outcomes if len(o.photos) == 1 for p in o.photos]
    several = [p for o in outcomes if len(o.photos) > 1 for p in o.photos]
    return {
        "cases": len(outcomes),
        "mid_start_pct": float(np.mean([start for start, _ in mids])),
        "mid_fit_pct": float(np.mean([fit for _, fit in mids])),
        "fit_no_worse": sum(fit <= start for start, fit in mids),
        "good_starts": len(good),
        "good_ratio": float(np.mean([fit / start for start, fit in good])) if good else None,
        "ends_better_than_rest": sum(fit < start for start, fit in ends),
        "directions_single": _directions(single),
        "directions_several": _directions(several),
    }


def _mean_pair(photos: Pairs, value: Callable[[Measures], float]) -> tuple[float, float]:
    return (
        float(np.mean([value(p.start) for p in photos])),
        float(np.mean([value(p.fit) for p in photos])),
    )


def _directions(photos: Pairs) -> list[int]:
    """Right and moving joints."""
    return [sum(p.fit.right for p in photos), sum(p.fit.moving for p in photos)]


def summary_lines(judged: dict[str, Any]) -> list[str]:
    """The same in words."""
    lines = []
    for half, values in judged.items():
        count, ratio = values["cases"], values["good_ratio"]
        lines += [
            f"{half}: {count} cases, mid-exposure {values['mid_start_pct']:.2f} → "
            f"{values['mid_fit_pct']:.2f} %",
            f"  fit no worse than its start: {values['fit_no_worse']} of {count}",
            f"  mean of fit / start where the start is below {GOOD_START_PCT:.0f} %: "
            + ("–" if ratio is None else f"{ratio:.2f} ({values['good_starts']} cases)"),
            f"  ends better than the resting start's: {values['ends_better_than_rest']} of {count}",
            "  moving joints in the right direction: "
            + ", ".join(
                f"{right} of {moving} ({name})"
                for name, (right, moving) in (
                    ("single photos", values["directions_single"]),
                    ("consecutive", values["directions_several"]),
                )
            ),
        ]
    return lines


def record(outcome: CaseOutcome) -> dict[str, Any]:
    """A case as JSON holds it."""
    return {
        "name": outcome.name,
        "seconds": outcome.seconds,
        "photos": [
            {"start": asdict(p.start), "fit": asdict(p.fit), "guard": p.guard}
            for p in outcome.photos
        ],
    }
