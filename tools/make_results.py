"""Write `docs/RESULTS.md` from the measured tables in `docs/results/*.json`.

    python tools/make_results.py

One JSON file holds one table: how its data set is made, the command that measures it, what was
measured, and the cells as text, so that no digit changes on the way to the page. Tables of the
paper come first, by number, then the others by file name.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hfb.errors import InputError

_DOCS = Path(__file__).resolve().parents[1] / "docs"
_INTRO = """\
# Results

Made by `python tools/make_results.py` from the files in [results/](results/): edit those.

Every value is the output of a command of this repository on two CPU cores without a GPU; rows *in italics* are the paper's own numbers, from other data. MPJPE and PA-MPJPE are in mm, root-aligned over the 24 joints and all sub-frames; IoU is that of the silhouettes, mean over the sub-frames. Starts and mattes are the program's own: nothing of the ground truth is used. *Plain start* is the registration of the body to landmarks at rest (it stands for the paper's METRO), *lifted start* its correction by the lifting network ([LIFTING.md](LIFTING.md)). Experiments behind the defaults, and more detailed tables: [lab/](lab/README.md). Each of the paper's tables is made by one command, photos included, which can be stopped and goes on: `python benchmarks/tables.py --table 1 --mocap MOCAP --output OUT`, 2, 4 and 5 alike, `--table 3 --clips CLIP.mp4`; without `--runs` with all methods, with `--paper-counts` with as many samples as the paper. Tables 1, 2 and 5 with more samples and an earlier lifting network: [lab/earlier-tables.md](lab/earlier-tables.md).
"""  # noqa: E501 - a paragraph of the page is one line


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: what the values belong to.
        cells: values as text, one a column.
        is_ours: the method of this repository, set in bold.
        from_paper: the paper's own numbers, set in italics.
    """

    label: str
    cells: tuple[str, ...]
    is_ours: bool = False
    from_paper: bool = False


@dataclass(frozen=True)
class ResultTable:
    """One section of the page.

    Attributes:
        title: its heading.
        paper_table: number of the paper's table that it stands for; None: it has none there.
        data: how the data set is made, and with which seeds.
        command: the one command that measures the rows.
        measured: what the cells are, over how many samples.
        columns: heads of the columns, the first one that of the labels.
        rows: at least one.
        notes: sentences on how to read it.
    """

    title: str
    paper_table: int | None
    data: str
    command: str
    measured: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def read_table(path: Path) -> ResultTable:
    """Read one file.

    Args:
        path: of the JSON file; its keys are the fields of `ResultTable`.

    Raises:
        InputError: if it is no JSON, or keys, columns and cells do not fit together.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is no JSON: {error}") from error
    _check_keys(content, ResultTable, path.name)
    for row in content["rows"]:
        _check_keys(row, Row, f"{path.name}, row {row.get('label', '?')!r}")
    columns = tuple(content["columns"])
    rows = tuple(Row(**{**row, "cells": tuple(row["cells"])}) for row in content["rows"])
    notes = tuple(content.get("notes", ()))
    table = ResultTable(**{**content, "columns": columns, "rows": rows, "notes": notes})
    _check_table(table, path.name)
    return table


def _check_keys(content: dict[str, Any], kind: type, place: str) -> None:
    known = {field.name for field in fields(kind)}
    optional = {"notes", "is_ours", "from_paper"}
    wrong = sorted((set(content) - known) | (known - optional - set(content)))
    if wrong:
        raise InputError(f"{place}: unknown or missing keys: {', '.join(wrong)}")


def _check_table(table: ResultTable, place: str) -> None:
    if not table.rows:
        raise InputError(f"{place}: no rows")
    for row in table.rows:
        if len(row.cells) != len(table.columns) - 1:
            raise InputError(
                f"{place}, row {row.label!r}: {len(row.cells)} cells for "
                f"{len(table.columns) - 1} columns of values"
            )
    texts = [table.title, table.data, table.command, table.measured, *table.columns, *table.notes]
    texts += [text for row in table.rows for text in (row.label, *row.cells)]
    if any(not isinstance(text, str) or "\n" in text or "|" in text for text in texts):
        raise InputError(f"{place}: every text is one line without a vertical bar")


def read_tables(folder: Path) -> list[ResultTable]:
    """Read all tables in the order of the page.

    Args:
        folder: with the JSON files.

    Raises:
        InputError: if there are none, or one cannot be used.
    """
    tables = [read_table(path) for path in sorted(folder.glob("*.json"))]
    if not tables:
        raise InputError(f"no tables (*.json) in {folder}")
    return sorted(tables, key=lambda table: (table.paper_table is None, table.paper_table or 0))


def results_page(tables: list[ResultTable]) -> str:
    """The page's Markdown.

    Args:
        tables: in the order in which they are shown.
    """
    return "\n".join([_INTRO, *(_section(table) for table in tables)])


def _section(table: ResultTable) -> str:
    number = "" if table.paper_table is None else f"Table {table.paper_table}: "
    lines = [
        f"## {number}{table.title}",
        "",
        f"- **Data:** {table.data}",
        f"- **Command:** `{table.command}`",
        f"- **Measured:** {' '.join([table.measured, *table.notes])}",
        "",
        _line(table.columns),
        "|" + "---|" * len(table.columns),
        *(_line(_styled(row)) for row in table.rows),
    ]
    return "\n".join(lines) + "\n"


def _styled(row: Row) -> tuple[str, ...]:
    if row.is_ours:
        return (f"**{row.label}**", *row.cells)
    if row.from_paper:
        return (f"*{row.label}*", *(f"*{cell}*" for cell in row.cells))
    return (row.label, *row.cells)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, default=_DOCS / "results")
    parser.add_argument("--output", type=Path, default=_DOCS / "RESULTS.md")
    options = parser.parse_args(args)
    options.output.write_text(results_page(read_tables(options.tables)), encoding="utf-8")
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
