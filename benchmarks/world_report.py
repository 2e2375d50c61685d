"""Tables of `bench_world.py`: fits against their starts, by blur rate and by ingredient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

Row = dict[str, Any]

BINS = (0.05, 0.4, 0.7, 1.1)
"""Edges of the blur rate's ranges."""
GOOD_START_MM = 150.0
"""A start that is further off at mid-exposure looks the other way more often than not."""

_MID, _BEST = "mid_exposure_mpjpe_mm", "mpjpe_best_direction_mm"


def summary_of(rows: list[Row]) -> list[dict[str, Any]]:
    """One entry for each world, setting and range of the blur rate."""
    fitted = [row for row in rows if "fault" not in row]
    found = []
    for world, setting in _pairs(fitted):
        own = [row for row in fitted if (row["world"], row["setting"]) == (world, setting)]
        first = _pairs(fitted)[0][1]
        for label, chosen in _parts(own):
            if chosen:
                entry = {"world": world, "setting": setting, "part": label, **figures_of(chosen)}
                entry["gain_mm"] = _paired(chosen, [r for r in fitted if r["setting"] == first])
                found.append(entry)
    return found


def figures_of(rows: list[Row]) -> dict[str, Any]:
    """Means over samples; errors in mm, shares in percent, None where nothing can be said."""
    figures: dict[str, Any] = {"n": len(rows)}
    for name, key in (("mid", _MID), ("best", _BEST)):
        start, fit = (np.array([row[stage][key] for row in rows]) for stage in ("start", "fit"))
        figures |= {
            f"{name}_start": float(start.mean()),
            f"{name}_fit": float(fit.mean()),
            f"{name}_ratio": float(fit.mean() / start.mean()),
            f"{name}_better": 100.0 * float((fit < start).mean()),
        }
    for stage in ("start", "fit"):
        figures[f"iou_{stage}"] = _mean(row[stage]["iou_best_direction"] for row in rows)
        figures[f"psnr_{stage}"] = _mean(row[stage]["reblur_psnr_db"] for row in rows)
    figures["direction"] = _percent(row["fit"]["direction_correct"] for row in rows)
    moving = sum(row["fit"]["moving_joints"] or 0 for row in rows)
    right = sum(
        (row["fit"]["joint_direction_accuracy"] or 0.0) * (row["fit"]["moving_joints"] or 0)
        for row in rows
    )
    figures["joints_direction"] = 100.0 * right / moving if moving else None
    figures["seconds"] = _mean(row["seconds"] for row in rows)
    return figures


def ingredients_of(rows: list[Row]) -> list[dict[str, Any]]:
    """Each ingredient: errors of the photos that have it and of those that have it not."""
    fitted = [row for row in rows if "fault" not in row]
    names = sorted({name for row in fitted for name in row["ingredients"]})
    found = []
    for name in names:
        parts = {
            "with": [row for row in fitted if name in row["ingredients"]],
            "without": [row for row in fitted if name not in row["ingredients"]],
        }
        if all(parts.values()):
            found.append({"name": name, **{key: figures_of(own) for key, own in parts.items()}})
    return found


def markdown_of(rows: list[Row]) -> str:
    """The report as text."""
    lines = [
        "| world | setting | photos | n | mid-exposure mm | ratio | better | best direction mm | "
        "ratio | better | IoU | PSNR dB | direction | joints' direction | against the first mm |",
        "|" + "---|" * 15,
    ]
    for entry in summary_of(rows):
        lines.append(_line(entry))
    fitted = [row for row in rows if "fault" not in row]
    for world, setting in _pairs(fitted):
        own = [row for row in fitted if (row["world"], row["setting"]) == (world, setting)]
        table = ingredients_of(own)
        if table:
            lines += ["", f"Photos of {world}, {setting}, mid-exposure mm:", ""]
            lines += _ingredient_lines(table)
    faults = [row for row in rows if "fault" in row]
    if faults:
        names = ", ".join(f"{row['world']}/{row['sample']}" for row in faults)
        lines += ["", f"{len(faults)} photos without a start (nobody found): {names}"]
    return "\n".join(lines) + "\n"


def _line(entry: dict[str, Any]) -> str:
    e = entry
    cells = [
        e["world"],
        e["setting"],
        e["part"],
        e["n"],
        f"{e['mid_start']:.1f} → {e['mid_fit']:.1f}",
        f"{e['mid_ratio']:.2f}",
        f"{e['mid_better']:.0f} %",
        f"{e['best_start']:.1f} → {e['best_fit']:.1f}",
        f"{e['best_ratio']:.2f}",
        f"{e['best_better']:.0f} %",
        f"{_text(e['iou_start'], '.2f')} → {_text(e['iou_fit'], '.2f')}",
        f"{e['psnr_start']:.1f} → {e['psnr_fit']:.1f}",
        _text(e["direction"], ".0f", " %"),
        _text(e["joints_direction"], ".0f", " %"),
        "" if e["gain_mm"] is None else f"{e['gain_mm'][0]:+.1f} ± {e['gain_mm'][1]:.1f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _ingredient_lines(table: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| ingredient | n with | start → fit | ratio | better | n without | start → fit | ratio | "
        "better |",
        "|" + "---|" * 9,
    ]
    for entry in table:
        cells = [entry["name"]]
        for part in ("with", "without"):
            f = entry[part]
            cells += [
                str(f["n"]),
                f"{f['mid_start']:.1f} → {f['mid_fit']:.1f}",
                f"{f['mid_ratio']:.2f}",
                f"{f['mid_better']:.0f} %",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _pairs(rows: list[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["world"], row["setting"]) for row in rows))


def _parts(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """All rows, those of each range of the blur rate, and those that start well."""

    def between(low: float, high: float) -> Callable[[Row], bool]:
        return lambda row: low <= (row["blur_rate"] or 0.0) < high

    parts = [("all", rows)]
    for low, high in pairwise((0.0, *BINS[1:-1], np.inf)):
        label = f"blur ≥ {low:g}" if high == np.inf else f"blur {low:g} to {high:g}"
        parts.append((label, [row for row in rows if between(low, high)(row)]))
    good = [row for row in rows if row["start"][_MID] < GOOD_START_MM]
    return [*parts, (f"start < {GOOD_START_MM:.0f} mm", good)]


def _paired(rows: list[Row], reference: list[Row]) -> tuple[float, float] | None:
    """Mean change of the fit's mid-exposure error against the first setting, and its error."""
    other = {(row["world"], row["sample"]): row["fit"][_MID] for row in reference}
    changes = [
        row["fit"][_MID] - other[row["world"], row["sample"]]
        for row in rows
        if (row["world"], row["sample"]) in other
    ]
    if len(changes) < 2 or not any(changes):
        return None
    return float(np.mean(changes)), float(np.std(changes, ddof=1) / len(changes) ** 0.5)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _percent(values: Iterable[bool | float | None]) -> float | None:
    share = _mean(None if value is None else float(value) for value in values)
    return None if share is None else 100.0 * share


def _text(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"
