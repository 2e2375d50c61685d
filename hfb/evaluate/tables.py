"""From finished samples to `metrics.json` and `table.md`, in the layout of the paper's tables."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.app.result_store import Record, metric_names
from hfb.evaluate.methods import TITLES
from hfb.formation import BLUR_RATE_BINS
from hfb.metrics.functional import Summary, bin_index, summarize, summarize_ratio
from hfb.structures import BrokenSample

Table = Literal["table1", "table2", "table3", "table4", "table5"]

# What the paper shows in each table, in our names: the error as it runs and in the better
# direction, since a single photo cannot tell a motion from its reverse.
COLUMNS: dict[str, tuple[str, ...]] = {
    "table1": ("mpjpe_best_direction_mm", "mpjpe_mm", "iou_best_direction", "iou"),
    "table2": ("mpjpe_mm", "mpjpe_best_direction_mm", "iou", "iou_best_direction"),
    "table3": ("pa_mpjpe_mm", "pa_mpjpe_best_direction_mm"),
    "table4": ("pa_mpjpe_best_direction_mm", "mpjpe_best_direction_mm", "pa_mpjpe_mm", "mpjpe_mm"),
    "table5": ("pa_mpjpe_mm", "mpjpe_mm", "pa_mpjpe_best_direction_mm", "mpjpe_best_direction_mm"),
}
NAMES = {
    "mpjpe_mm": "MPJPE mm, as it runs",
    "mpjpe_best_direction_mm": "MPJPE mm, better direction",
    "pa_mpjpe_mm": "PA-MPJPE mm, as it runs",
    "pa_mpjpe_best_direction_mm": "PA-MPJPE mm, better direction",
    "iou": "IoU, as it runs",
    "iou_best_direction": "IoU, better direction",
}
RATIO = "mpjpe_best_direction_mm"
"""Whose mean is compared with the static start's."""


def summarize_run(
    records: list[Record], unusable: list[BrokenSample], table: Table
) -> dict[str, Any]:
    """The content of `metrics.json`: a function of the finished samples and nothing else.

    Args:
        records: finished samples, by name.
        unusable: samples that entered no mean, by name.
        table: whose bins.
    """
    edges = BLUR_RATE_BINS.get(table, ())
    rates = _column([record["blur_rate"] for record in records])
    place = bin_index(rates, edges) if edges else torch.full((len(records),), -1)
    static: list[Record] = [record.get("unlifted", record["initial"]) for record in records]
    estimates: dict[str, list[Record | None]] = {"static": list(static)}
    if any("unlifted" in record for record in records):
        estimates["lifted"] = [
            record["initial"] if "unlifted" in record else None for record in records
        ]
    present = {name for record in records for name in record["methods"]}
    for method in [name for name in TITLES if name in present and name != "static"]:
        estimates[method] = [record["methods"].get(method) for record in records]
    everything = torch.ones(len(records), dtype=torch.bool)
    return {
        "table": table,
        "samples": len(records),
        "outside_bins": int((place < 0).sum()) if edges else 0,
        "unusable": {
            "count": len(unusable),
            **Counter(broken.kind for broken in unusable),
            "samples": {broken.sample_id: broken.reason for broken in unusable},
        },
        "methods": {
            method: {
                "overall": _means(metrics, static, everything),
                "per_joint_mm": _joint_means(metrics),
                "bins": [
                    {"from": low, "to": high, **_means(metrics, static, place == k)}
                    for k, (low, high) in enumerate(pairwise(edges))
                ],
            }
            for method, metrics in estimates.items()
        },
    }


def _means(metrics: list[Record | None], start: list[Record], chosen: Tensor) -> dict[str, Any]:
    """Every figure's summary over the chosen samples that have it."""
    index = torch.nonzero(chosen)[:, 0].tolist()
    picked = [(metrics[k], start[k]) for k in index]
    result: dict[str, Any] = {"n": sum(1 for own, _ in picked if own is not None)}
    for name in metric_names():
        values = _column([own and own[name] for own, _ in picked])
        result[_plain(name)] = _entry(summarize(values[~values.isnan()]))
    own = _column([own and own[RATIO] for own, _ in picked])
    static = _column([first[RATIO] for _, first in picked])
    both = ~(own.isnan() | static.isnan())
    result["ratio_to_static"] = _entry(summarize_ratio(own[both], static[both]))
    return result


def _plain(name: str) -> str:
    """A mean of rights and wrongs is a share."""
    return "direction_accuracy" if name == "direction_correct" else name


def _joint_means(metrics: list[Record | None]) -> dict[str, float]:
    """Error of each joint, mm, mean over the samples that know it."""
    tables = [own["per_joint_mm"] for own in metrics if own and own["per_joint_mm"]]
    names = list(dict.fromkeys(name for table in tables for name in table))
    return {
        name: round(
            float(torch.tensor([t[name] for t in tables if name in t], dtype=torch.float64).mean()),
            4,
        )
        for name in names
    }


def _column(values: list[Any]) -> Float[Tensor, " S"]:
    """Numbers with NaN where there is none."""
    return torch.tensor(
        [torch.nan if value is None else float(value) for value in values], dtype=torch.float64
    )


def _entry(summary: Summary) -> dict[str, Any]:
    """Rounded, so that the file does not depend on a last bit; null where there is nothing."""
    if summary.n == 0:
        return {"n": 0, "mean": None, "low": None, "high": None}
    values = {name: round(getattr(summary, name), 4) for name in ("mean", "low", "high")}
    return {"n": summary.n, **values}


def table_markdown(metrics: dict[str, Any]) -> str:
    """`table.md`: a row a method and figure, a column a bin, with the static start always there.

    Args:
        metrics: from `summarize_run`.
    """
    methods = metrics["methods"]
    first = next(iter(methods.values()))
    heads = [f"{b['from']:g}-{b['to']:g}" for b in first["bins"]]
    lines = [
        f"| blur rate | {' | '.join([*heads, 'all'])} |",
        f"|---|{'---|' * (len(heads) + 1)}",
        _row("n", [str(part["n"]) for part in _parts(first)]),
    ]
    for column in COLUMNS[metrics["table"]]:
        for method, content in methods.items():
            cells = [_number(part[column], column) for part in _parts(content)]
            lines.append(_row(f"{NAMES[column]}: {TITLES[method]}", cells))
    for method, content in methods.items():
        if method != "static":
            cells = [_with_interval(part["ratio_to_static"]) for part in _parts(content)]
            lines.append(_row(f"MPJPE ratio to the start: {TITLES[method]}", cells))
            cells = [_share(part["direction_accuracy"]) for part in _parts(content)]
            lines.append(_row(f"right direction: {TITLES[method]}", cells))
    return "\n".join([*lines, "", *_notes(metrics)]) + "\n"


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [*content["bins"], content["overall"]]


def _row(title: str, cells: list[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def _number(entry: dict[str, Any], name: str) -> str:
    if entry["mean"] is None:
        return "–"
    return f"{entry['mean']:.1f}" if name.endswith("_mm") else f"{entry['mean']:.3f}"


def _share(entry: dict[str, Any]) -> str:
    return "–" if entry["mean"] is None else f"{100 * entry['mean']:.0f} % of {entry['n']}"


def _with_interval(entry: dict[str, Any]) -> str:
    if entry["mean"] is None:
        return "–"
    return f"{entry['mean']:.2f} ({entry['low']:.2f}–{entry['high']:.2f})"


def _notes(metrics: dict[str, Any]) -> list[str]:
    unusable = metrics["unusable"]
    notes = [
        f"{metrics['samples']} samples, {metrics['outside_bins']} of them outside all bins. "
        "MPJPE is root-aligned over all sub-frames; ranges are 95 % bootstrap intervals."
    ]
    if "lifted" in metrics["methods"]:
        notes.append(
            "The static start is the plain registration of landmarks; the refinement began at the "
            "lifted start. Ratios are to the static start."
        )
    if unusable["count"]:
        notes.append(f"{unusable['count']} samples could not be used and enter no mean:")
        notes += [f"- {name}: {reason}" for name, reason in unusable["samples"].items()]
    return notes
