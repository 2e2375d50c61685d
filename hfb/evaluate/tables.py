"""From finished samples to `metrics.json` and `table.md`, in the layout of the paper's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from hfb.evaluate.methods import TITLES
from hfb.evaluate.records import Record
from hfb.evaluate.run_metrics import RunMetrics, as_column
from hfb.evaluate.trust.sureness import FAR_MM
from hfb.formation import BLUR_RATE_BINS
from hfb.metrics.functional import bin_index
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
    rates = as_column([record["blur_rate"] for record in records])
    metrics = RunMetrics(sorted({m for r in records for m in r["methods"]}), edges, False)
    metrics.update(records)
    return {
        "table": table,
        "samples": len(records),
        "outside_bins": int((bin_index(rates, edges) < 0).sum()) if edges else 0,
        "unusable": {
            "count": len(unusable),
            **Counter(broken.kind for broken in unusable),
            "samples": {broken.sample_id: broken.reason for broken in unusable},
        },
        "warnings": {
            method: dict(sorted(counts.items()))
            for method in metrics.methods
            if (counts := _warnings(records, method))
        },
        "methods": metrics.compute(),
    }


def _warnings(records: list[Record], method: str) -> Counter[str]:
    """How many samples carry which warning."""
    own = [
        record["methods"][method].get("warnings", [])
        for record in records
        if method in record["methods"]
    ]
    return Counter(code for codes in own for code in codes)


def means_by_tag(
    methods: dict[str, Any], prefix: str, binned: Sequence[str] = ()
) -> dict[str, float]:
    """The means of all methods as a logger takes them: `<prefix>/<metric>/<method>`.

    Args:
        methods: as `RunMetrics.compute` gives them.
        prefix: first part of the tags.
        binned: metrics whose means in each bin of the blur rate are wanted, too.
    """
    values = {}
    for method, content in methods.items():
        parts = [("", content["overall"], content["overall"])]
        for part in content["bins"]:
            parts.append((f"/{part['from']:g}-{part['to']:g}", part, binned))
        for suffix, part, wanted in parts:
            for name in wanted:
                entry = part[name]
                if isinstance(entry, dict) and entry["mean"] is not None:
                    values[f"{prefix}/{name}/{method}{suffix}"] = entry["mean"]
        if content["failures"]["auroc"] is not None:
            values[f"{prefix}/failure_auroc/{method}"] = content["failures"]["auroc"]
    return values


def table_markdown(metrics: dict[str, Any]) -> str:
    """`table.md`: a row a method and metric, a column a bin, with the static start always there.

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


def _ranked(failures: dict[str, Any]) -> str:
    """How well the probability `sure` tells failures from other fits, in words."""
    text = (
        f"{failures['failed']} of {failures['n']} fits are off by {FAR_MM:.0f} mm or more "
        f"(better direction); their probabilities (column sure of per_sample.csv) let expect "
        f"{failures['expected']:.1f}"
    )
    if failures["auroc"] is None:
        return f"{text}."
    return f"{text} and rank failures with an AUROC of {failures['auroc']:.2f}."


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
    notes += [
        f"{TITLES[method]}: {_ranked(content['failures'])}"
        for method, content in metrics["methods"].items()
        if content["failures"]["n"]
    ]
    for method, counts in metrics["warnings"].items():
        codes = ", ".join(f"{count} {code}" for code, count in counts.items())
        notes.append(f"Warnings of {TITLES[method]} (column warnings of per_sample.csv): {codes}.")
    if unusable["count"]:
        notes.append(f"{unusable['count']} samples could not be used and enter no mean:")
        notes += [f"- {name}: {reason}" for name, reason in unusable["samples"].items()]
    return notes
