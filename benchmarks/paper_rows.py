"""Rows of bench_paper.py: fits and their starts in a file, and what a table says of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch

from hfb.metrics.functional import summarize, summarize_ratio


@dataclass(frozen=True)
class Fit:
    """One photo fitted by one recipe.

    Attributes:
        sample: the photo.
        recipe: name of the recipe.
        blur_rate: eq. 12.
        start_mm: MPJPE of the start that it began with.
        best_mm: MPJPE of the fit in the better direction of time.
        mpjpe_mm: as it runs.
        is_right: whether it runs in the right direction; None if it hardly moves.
        iou: of the silhouettes, in the better direction.
        seconds: of the fit.
    """

    sample: str
    recipe: str
    blur_rate: float
    start_mm: float
    best_mm: float
    mpjpe_mm: float
    is_right: bool | None
    iou: float | None
    seconds: float

    @property
    def ratio(self) -> float:
        """Error over that of the start."""
        return self.best_mm / self.start_mm


def read_fits(path: Path) -> list[Fit]:
    """Those of an earlier run; a line that was not written whole is left out."""
    fits = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            fits.append(Fit(**json.loads(line)))
        except ValueError:
            continue
    return fits


def fits_of_test(text: str) -> list[Fit]:
    """Fits of a finished test: `recipe=folder:method`.

    Args:
        text: what they are called, the folder of the test, and the method's name in its results.

    Raises:
        SystemExit: if nothing is finished there.
    """
    recipe, _, place = text.partition("=")
    folder, _, method = place.rpartition(":")
    paths = sorted(Path(folder).glob("samples/*/result.json"))
    if not paths:
        raise SystemExit(f"{text}: no finished samples below {Path(folder).absolute()}/samples")
    fits = []
    for path in paths:
        record = json.loads(path.read_text())
        found = record["methods"][method]
        right = found["direction_correct"]
        fits.append(
            Fit(
                sample=record["sample_id"],
                recipe=recipe,
                blur_rate=record["blur_rate"],
                start_mm=record["initial"]["mpjpe_mm"],
                best_mm=found["mpjpe_best_direction_mm"],
                mpjpe_mm=found["mpjpe_mm"],
                is_right=None if right is None else bool(right),
                iou=found["iou_best_direction"],
                seconds=found["seconds"],
            )
        )
    return fits


def append_fit(path: Path, fit: Fit) -> None:
    """Keep a fit at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(fit)) + "\n")


def common_fits(fits: Sequence[Fit], recipes: Sequence[str]) -> dict[str, list[Fit]]:
    """Fits by recipe, of the photos that all recipes have finished, in one order."""
    by_recipe = {name: {f.sample: f for f in fits if f.recipe == name} for name in recipes}
    samples = set.intersection(*(set(own) for own in by_recipe.values()))
    return {name: [own[sample] for sample in sorted(samples)] for name, own in by_recipe.items()}


def summary_lines(fits: dict[str, list[Fit]]) -> list[str]:
    """A row a recipe: how good, how much better than the starts, and how bad at worst."""
    lines = [
        "| recipe | n | start mm | mm (95 %) | mean of the ratios (95 %) | ratio of the means "
        "| median | worst | better than its start | right direction | mm as it runs | IoU |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, own in fits.items():
        if not own:
            continue
        ratios = [fit.ratio for fit in own]
        start, best = (torch.tensor([getattr(f, k) for f in own]) for k in ("start_mm", "best_mm"))
        cells = [
            name,
            str(len(own)),
            f"{float(start.mean()):.1f}",
            _interval(summarize(best), 1),
            _interval(summarize(torch.tensor(ratios)), 2),
            f"{summarize_ratio(best, start).mean:.2f}",
            f"{statistics.median(ratios):.2f}",
            f"{max(ratios):.2f}",
            f"{100 * sum(r < 1.0 for r in ratios) / len(ratios):.0f} %",
            _right(own),
            f"{statistics.mean(f.mpjpe_mm for f in own):.1f}",
            f"{statistics.mean(f.iou or 0.0 for f in own):.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def bin_lines(fits: dict[str, list[Fit]], edges: Sequence[float]) -> list[str]:
    """Mean error and ratio of the means in each bin of the blur rate."""
    first = next(iter(fits.values()))
    bins = [(low, high) for low, high in pairwise(edges) if _inside(first, low, high)]
    heads = [f"{low:g}–{high:g}" for low, high in bins]
    lines = [f"| blur rate | {' | '.join(heads)} |", f"|---|{'---|' * len(bins)}"]
    counts = [str(len(_inside(first, low, high))) for low, high in bins]
    lines.append(f"| n | {' | '.join(counts)} |")
    for name, own in fits.items():
        cells = []
        for low, high in bins:
            part = _inside(own, low, high)
            start = statistics.mean(fit.start_mm for fit in part)
            best = statistics.mean(fit.best_mm for fit in part)
            cells.append(f"{start:.0f} → {best:.0f} ({best / start:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def change_line(before: Sequence[Fit], after: Sequence[Fit], limit: float) -> str:
    """What changes from one recipe to another in photos below a blur rate."""
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a.blur_rate < limit]
    if not pairs:
        return f"below {limit:g}: no photos"
    for_ratio = (torch.tensor([fit.best_mm for fit in side]) for side in zip(*pairs, strict=True))
    old, new = for_ratio
    found = summarize_ratio(new, old)
    low, high = 100 * (found.low - 1), 100 * (found.high - 1)
    return (
        f"{before[0].recipe} → {after[0].recipe}, blur rate below {limit:g}, {found.n} photos: "
        f"{float(old.mean()):.1f} → {float(new.mean()):.1f} mm, {100 * (found.mean - 1):+.1f} % "
        f"({low:+.1f} to {high:+.1f})"
    )


def _inside(fits: Sequence[Fit], low: float, high: float) -> list[Fit]:
    return [fit for fit in fits if low <= fit.blur_rate < high]


def _interval(found: object, digits: int) -> str:
    mean, low, high = (getattr(found, name) for name in ("mean", "low", "high"))
    return f"{mean:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _right(fits: Sequence[Fit]) -> str:
    told = [fit.is_right for fit in fits if fit.is_right is not None]
    return f"{100 * sum(told) / len(told):.0f} % of {len(told)}" if told else "–"
