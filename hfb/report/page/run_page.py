"""`report.html`: written from what a run has left on disk, so it is the same however it got there.

The page holds everything it shows, three.js included, and its own policy forbids it the network.
Of many samples it holds the worst and the best; of the others small pictures, which link to pages
of their own; the table has all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hfb.evaluate.methods import TITLES
from hfb.evaluate.records import read_csv
from hfb.evaluate.tables import COLUMNS, NAMES, table_markdown
from hfb.export import atomic_write
from hfb.report.page.card import CARD_NAME, Card, read_card
from hfb.report.page.packing import address, deflated, thumbnail
from hfb.report.page.paper import PAPER_ERROR_MM, PAPER_IOU

PAGE_NAME = "report.html"
THUMBNAIL_NAME = "thumbnail.webp"
MOST_CARDS = 12
"""Samples that are drawn; each takes 200 to 500 kB."""
MOST_THUMBNAILS = 1000
"""Small pictures of the others, which link to pages of their own; each takes 2 kB."""
_ORDER = ("mpjpe_best_direction_mm", "iou_best_direction", "reblur_psnr_db")
"""By the first of these that a run has, samples are called better or worse."""
_COLUMNS = (
    "sample_id",
    "method",
    "blur_rate",
    "mpjpe_mm",
    "mpjpe_best_direction_mm",
    "pa_mpjpe_mm",
    "pa_mpjpe_best_direction_mm",
    "iou",
    "iou_best_direction",
    "reblur_psnr_db",
    "matte_iou",
    "risk",
    "sure",
    "seconds",
    "state",
    "warnings",
)
"""What of `per_sample.csv` the page needs: tables and plots."""
_SCRIPTS = ("dom.js", "charts.js", "body.js", "pictures.js", "stage.js", "sample.js", "run.js")
_THREE = "three.min.js"


def write_run_page(root: Path) -> Path | None:
    """Write the page of a run.

    Args:
        root: its folder, with `per_sample.csv` and, after a test, `metrics.json`.

    Returns:
        The page; None where there is nothing to show yet.

    Raises:
        InputError: if the folder cannot be written.
    """
    rows = _rows(root)
    if not rows:
        return None
    ranked = _ranked(rows)
    wanted = ranked if len(ranked) <= MOST_CARDS else _ends(ranked, MOST_CARDS)
    found = [(name, read_card(root / "samples" / name / CARD_NAME)) for name in wanted]
    cards = {name: card for name, card in found if card is not None}
    surfaces: Card = {}
    for card in cards.values():
        surfaces |= card.pop("surfaces")
    others = [name for name in ranked if name not in cards]
    run = {
        "name": root.resolve().name,
        "rows": rows,
        "ranked": ranked,
        "best": next((name for name in _ORDER if any(row.get(name) for row in rows)), None),
        "titles": TITLES,
        "evaluation": _evaluation(root),
        "unusable": _unusable(root),
        "surfaces": surfaces,
        "thumbnails": _thumbnails(root, others[:MOST_THUMBNAILS]),
        "pages": [n for n in others if (root / "samples" / n / PAGE_NAME).is_file()],
    }
    return _write(root, run, cards)


def write_sample_page(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write the page of one sample of many, and the small picture of it on the page of all.

    Args:
        folder: of the sample, below `samples/` of its run; without a card nothing is written.
        rows: of the sample in the table of its run.

    Raises:
        InputError: if the folder cannot be written.
    """
    card = read_card(folder / CARD_NAME)
    if card is None:
        return
    name = card["sample_id"]
    run = {
        "name": name,
        "rows": [_known(row) for row in rows],
        "ranked": [name],
        "best": None,
        "titles": TITLES,
        "evaluation": None,
        "unusable": [],
        "surfaces": card.pop("surfaces"),
        "thumbnails": {},
        "pages": [],
        "up": f"../../{PAGE_NAME}",
    }
    _write(folder, run, {name: card})
    with atomic_write(folder / THUMBNAIL_NAME) as part:
        part.write_bytes(thumbnail(card["photos"][0]["photo"]))


def _write(folder: Path, run: dict[str, Any], cards: dict[str, Card]) -> Path:
    with atomic_write(folder / PAGE_NAME) as part:
        part.write_text(_html(run, cards), encoding="utf-8")
    return folder / PAGE_NAME


def _thumbnails(root: Path, names: Sequence[str]) -> dict[str, str]:
    """The small pictures that there are, by sample."""
    paths = {name: root / "samples" / name / THUMBNAIL_NAME for name in names}
    return {name: address(path.read_bytes()) for name, path in paths.items() if path.is_file()}


def _rows(root: Path) -> list[dict[str, str]]:
    """The samples and methods of the run; a clip, which has no row, has one of its name."""
    table = read_csv(root / "per_sample.csv")
    rows = [_known(row) for row in table if row.get("method")]
    named = {row["sample_id"] for row in rows}
    clips = sorted(path.parent.name for path in (root / "samples").glob("[!.]*/per_photo.csv"))
    return rows + [{"sample_id": name, "method": "hfb"} for name in clips if name not in named]


def _known(row: dict[str, str]) -> dict[str, str]:
    """The cells that the page shows."""
    return {name: row[name] for name in _COLUMNS if row.get(name)}


def _ranked(rows: Sequence[dict[str, str]]) -> list[str]:
    """The samples by the first method's result, the worst first; without one they come last."""
    first = {row["sample_id"]: row for row in reversed(rows)}
    measure = next((name for name in _ORDER if any(row.get(name) for row in rows)), None)
    if measure is None:
        return sorted(first)
    sign = -1.0 if measure.endswith("_mm") else 1.0

    def badness(name: str) -> tuple[bool, float, str]:
        value = first[name].get(measure)
        return not value, sign * float(value or 0.0), name

    return sorted(first, key=badness)


def _ends(ranked: Sequence[str], count: int) -> list[str]:
    half = count // 2
    return [*ranked[:half], *ranked[half - count :]]


def _unusable(root: Path) -> list[dict[str, str]]:
    """Samples without a result, and why."""
    notes = []
    for path in sorted((root / "unusable").glob("[!.]*.json")):
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            notes.append({key: str(note[key]) for key in ("sample_id", "reason", "kind")})
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: the run says so when it evaluates the sample anew
    return notes


def _evaluation(root: Path) -> dict[str, Any] | None:
    """Tables and curves of a test; None after a prediction."""
    path = root / "metrics.json"
    if not path.is_file():
        return None
    metrics = json.loads(path.read_text(encoding="utf-8"))
    table, notes = _cells(table_markdown(metrics))
    names, number = COLUMNS[metrics["table"]], metrics["table"]
    error = next(name for name in names if name.endswith("_mm"))
    overlap = next((name for name in names if name.startswith("iou")), "iou_best_direction")
    kept = ("from", "to", error, overlap)
    return {
        "table": table,
        "notes": notes,
        "plots": [
            {"name": error, "title": NAMES[error], "paper": PAPER_ERROR_MM.get(number)},
            {"name": overlap, "title": NAMES[overlap], "paper": PAPER_IOU.get(number)},
        ],
        "curves": {
            method: [{key: part[key] for key in kept} for part in content["bins"]]
            for method, content in metrics["methods"].items()
        },
    }


def _cells(markdown: str) -> tuple[list[list[str]], list[str]]:
    """The rows of a table in Markdown without its rule, and the text below it."""
    lines = markdown.splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith("|---")]
    notes = [line for line in lines if line and not line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows], notes


def _html(run: dict[str, Any], cards: dict[str, Card]) -> str:
    """The template with everything in its place."""
    scripts = "\n".join(_asset(name) for name in _SCRIPTS)
    parts = {
        "style": _asset("report.css"),
        "licence": _asset("three.LICENSE.txt"),
        "three": deflated(_asset(_THREE)),
        "run": _json(run),
        "cards": "\n".join(
            f'<script type="application/json" class="card">{_json(card)}</script>'
            for card in cards.values()
        ),
        "script": scripts,
    }
    # In one pass: nothing that is put in is looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("report.html"))


def _json(value: object) -> str:
    """JSON that cannot end the element it stands in, whatever samples are called."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return (files("hfb.report.page") / "assets" / name).read_text(encoding="utf-8")
