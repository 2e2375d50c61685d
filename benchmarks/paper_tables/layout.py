"""From finished runs to a table in the paper's layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from hfb.formation import BLUR_RATE_BINS
from hfb.metrics.functional import bin_index, summarize, summarize_ratio
from paper_tables.plans import Plan, Row

Record = dict[str, Any]
_RATIO = "mpjpe_best_direction_mm"
_DOCS = Path(__file__).resolve().parents[2] / "docs" / "results"


@dataclass(frozen=True)
class Columns:
    """Which samples belong to which column.

    Attributes:
        heads: names of the columns, the last one "all".
        members: names of the samples of each.
    """

    heads: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]


def records_of(run: Path) -> dict[str, Record]:
    """Finished samples of a run, by name."""
    found = [json.loads(p.read_text()) for p in sorted(run.glob("samples/*/result.json"))]
    return {record["sample_id"]: record for record in found}


def columns_of(plan: Plan, rates: dict[str, float]) -> Columns:
    """Bins of the blur rate, those of the paper's table; Table 3's by the name of the sample.

    Args:
        plan: of the table.
        rates: blur rate of each sample.
    """
    names = tuple(sorted(rates))
    if plan.number == 3:
        counts = sorted({name.rsplit("_", 1)[1] for name in names})
        groups = [tuple(n for n in names if n.endswith(f"_{count}")) for count in counts]
        return Columns((*counts, "all"), (*groups, names))
    edges = BLUR_RATE_BINS[plan.bins]
    index = bin_index(torch.tensor([rates[name] for name in names]), edges).tolist()
    groups = [
        tuple(name for name, own in zip(names, index, strict=True) if own == k)
        for k in range(len(edges) - 1)
    ]
    heads = [f"{low:g}–{high:g}".replace("0.", ".") for low, high in pairwise(edges)]
    return Columns((*heads, "all"), (*groups, names))


def metrics_of(record: Record, method: str) -> Record | None:
    """Metrics of a method; the starts stand beside every method."""
    if method == "static":
        return record.get("unlifted", record["initial"])
    if method == "lifted":
        return record["initial"] if "unlifted" in record else None
    return record["methods"].get(method)


def table_of(plan: Plan, output: Path) -> dict[str, Any]:
    """A table as `docs/results/*.json` has it: rows of ours, the paper's beside them.

    Only samples that every run has finished enter, so that all rows are of the same ones.

    Args:
        plan: which table.
        output: folder of its runs.
    """
    runs = {run.name: records_of(output / "runs" / run.name) for run in plan.runs}
    runs = {name: records for name, records in runs.items() if records}
    shared = set.intersection(*(set(records) for records in runs.values())) if runs else set()
    if not shared:
        raise SystemExit(f"no sample is finished by every run below {output / 'runs'}")
    first = next(iter(runs.values()))
    columns = columns_of(plan, {name: first[name]["blur_rate"] or 0.0 for name in shared})
    rows = [{"label": "photos", "cells": [str(len(part)) for part in columns.members]}]
    for row in plan.rows:
        if row.run in runs:
            rows.append(_row(row, plan, runs[row.run], columns))
    rows += [
        _ratio_row(row, runs[row.run], columns)
        for row in plan.rows
        if row.is_ours and row.run in runs
    ]
    return {
        "title": plan.title,
        "paper_table": plan.number,
        "columns": [_first_head(plan), *columns.heads],
        "rows": rows + _paper_rows(plan, len(columns.heads)),
    }


def _first_head(plan: Plan) -> str:
    return "frames averaged" if plan.number == 3 else "blur rate"


def _row(row: Row, plan: Plan, records: dict[str, Record], columns: Columns) -> Record:
    cells = []
    for part in columns.members:
        own = [metrics_of(records[name], row.method) for name in part]
        texts = [_mean([m and m[name] for m in own], name) for name in plan.metrics]
        cells.append(" / ".join(texts))
    return {"label": row.label, "cells": cells, "is_ours": row.is_ours}


def _mean(values: Sequence[float | None], name: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = sum(known) / len(known)
    return f"{mean:.1f}" if name.endswith("_mm") else f"{mean:.3f}".replace("0.", ".")


def _ratio_row(row: Row, records: dict[str, Record], columns: Columns) -> Record:
    cells = []
    for part in columns.members:
        pairs = [
            (metrics_of(records[name], row.method), metrics_of(records[name], "static"))
            for name in part
        ]
        known = [(a[_RATIO], b[_RATIO]) for a, b in pairs if a and b and a[_RATIO] is not None]
        if not known:
            cells.append("–")
            continue
        above, below = (torch.tensor(side) for side in zip(*known, strict=True))
        found = summarize_ratio(above, below)
        text = f"{found.mean:.2f} ({found.low:.2f}–{found.high:.2f})"
        cells.append(text.replace("0.", "."))
    return {"label": f"{row.label}: MPJPE ratio to the plain start (95 % interval)", "cells": cells}


def _paper_rows(plan: Plan, num_columns: int) -> list[Record]:
    """The paper's own rows, from other data; without a mean over all where it gives none."""
    content = json.loads((_DOCS / f"table{plan.number}.json").read_text())
    rows = [row for row in content["rows"] if row.get("from_paper")]
    for row in rows:
        row["cells"] = (row["cells"] + ["–"] * num_columns)[:num_columns]
    return rows


def interval_line(plan: Plan, output: Path) -> str:
    """Mean and interval of each row over all samples, for the page's text."""
    texts = []
    for row in plan.rows:
        records = records_of(output / "runs" / row.run)
        metrics = [metrics_of(record, row.method) for record in records.values()]
        values = [m[plan.metrics[0]] for m in metrics if m and m[plan.metrics[0]] is not None]
        if values:
            found = summarize(torch.tensor(values))
            texts.append(f"{row.label} {found.mean:.1f} ({found.low:.1f}–{found.high:.1f})")
    return "; ".join(texts)


def markdown_of(table: dict[str, Any]) -> str:
    """A table for the terminal and for `table.md`."""
    heads = table["columns"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for row in table["rows"]:
        mark = "**" if row.get("is_ours") else "*" if row.get("from_paper") else ""
        cells = [mark + row["label"] + mark, *row["cells"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
