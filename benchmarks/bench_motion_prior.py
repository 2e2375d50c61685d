"""What the motion prior changes in refinements of single photos, photo by photo.

    python -m datamodules.synthetic --output <data>/test --protocol bt_amass --mocap <mocap>
    python run_hfb.py test --data.root <data> --output <run> \
        --model.methods '[hfb, hfb_without_amp]'
    python benchmarks/bench_motion_prior.py --run <run>

Prints, for each range of blur rates, MPJPE as the motion runs, MPJPE in the better direction, how
often the whole motion runs in the right direction (of those that have a direction to find) and how
often a moving joint does, without and with the prior; then the change with its standard error over
photos. The last lines are mean differences. With --without, the photos without prior are another
run's `hfb`.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1)


@dataclass(frozen=True)
class Fit:
    """One refined photo.

    Attributes:
        blur_rate: eq. 12.
        mpjpe_mm: as the motion runs.
        best_mm: in the better direction.
        is_right: whether the whole motion runs in the right direction; None if it hardly moves.
        right_joints: of the moving ones.
        moving_joints: joints with a direction to find.
        iou: in the better direction.
    """

    blur_rate: float
    mpjpe_mm: float
    best_mm: float
    is_right: bool | None
    right_joints: float
    moving_joints: int
    iou: float


Pair = tuple[Fit, Fit]


def read_fits(run: Path, method: str) -> dict[str, Fit]:
    """Refinements of a finished test, by photo."""
    with (run / "per_sample.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == method]
    fits = {}
    for row in rows:
        moving = int(row["moving_joints"] or 0)
        fits[row["sample_id"]] = Fit(
            blur_rate=float(row["blur_rate"]),
            mpjpe_mm=float(row["mpjpe_mm"]),
            best_mm=float(row["mpjpe_best_direction_mm"]),
            is_right=bool(int(row["direction_correct"])) if row["direction_correct"] else None,
            right_joints=float(row["joint_direction_accuracy"]) * moving if moving else 0.0,
            moving_joints=moving,
            iou=float(row["iou_best_direction"]),
        )
    return fits


def mean(values: list[float]) -> float:
    """Of an empty list not a number."""
    return sum(values) / len(values) if values else math.nan


def row(label: str, pairs: list[Pair]) -> str:
    """One line of the table."""

    def both(figure: Callable[[list[Fit]], float], form: str) -> str:
        return " → ".join(form.format(figure(list(side))) for side in zip(*pairs, strict=True))

    def right(fits: list[Fit]) -> float:
        return 100.0 * mean([float(fit.is_right) for fit in fits if fit.is_right is not None])

    def right_joints(fits: list[Fit]) -> float:
        moving = sum(fit.moving_joints for fit in fits)
        return 100.0 * sum(fit.right_joints for fit in fits) / max(moving, 1)

    moving = sum(fit.is_right is not None for fit, _ in pairs)
    cells = [
        label,
        str(len(pairs)),
        both(lambda fits: mean([fit.mpjpe_mm for fit in fits]), "{:.1f}"),
        both(lambda fits: mean([fit.best_mm for fit in fits]), "{:.1f}"),
        both(right, "{:.0f} %") + f" of {moving}",
        both(right_joints, "{:.0f} %"),
        both(lambda fits: mean([fit.iou for fit in fits]), "{:.3f}"),
        "{:+.1f} ± {:.1f} %".format(*share_changed(pairs)),
    ]
    return "| " + " | ".join(cells) + " |"


def centre_and_error(values: list[float]) -> tuple[float, float]:
    """Mean and its standard error."""
    centre = mean(values)
    square = mean([(value - centre) ** 2 for value in values])
    return centre, math.sqrt(square / max(len(values) - 1, 1))


def share_changed(pairs: list[Pair]) -> tuple[float, float]:
    """Change of the mean MPJPE as it runs, %, and its standard error."""
    centre, error = centre_and_error([after.mpjpe_mm - before.mpjpe_mm for before, after in pairs])
    unit = mean([before.mpjpe_mm for before, _ in pairs]) / 100.0
    return centre / unit, error / unit


def difference(label: str, unit: str, values: list[float]) -> str:
    """Mean and standard error."""
    centre, error = centre_and_error(values)
    return f"{label}: {centre:+.2f} ± {error:.2f} {unit} ({len(values)} photos)"


def differences(pairs: list[Pair]) -> list[str]:
    """With the prior minus without, over photos."""
    turns = [
        100.0 * (float(after.is_right) - float(before.is_right))
        for before, after in pairs
        if before.is_right is not None and after.is_right is not None
    ]
    return [
        difference("right direction", "points", turns),
        difference("MPJPE as it runs", "mm", [b.mpjpe_mm - a.mpjpe_mm for a, b in pairs]),
        difference("MPJPE, better direction", "mm", [b.best_mm - a.best_mm for a, b in pairs]),
    ]


def main(args: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="output of run_hfb.py test")
    parser.add_argument("--without", type=Path, help="another one, refined without motion prior")
    options = parser.parse_args(args)
    with_prior = read_fits(options.run, "hfb")
    if options.without:
        without = read_fits(options.without, "hfb")
    else:
        without = read_fits(options.run, "hfb_without_amp")
    pairs = [(without[name], with_prior[name]) for name in sorted(without.keys() & with_prior)]
    if not pairs:
        raise SystemExit("no photo was refined both with and without the motion prior")
    print(
        "| blur rate | n | MPJPE mm, as it runs | MPJPE mm, better direction | right direction "
        "| right joints | IoU, better direction | MPJPE as it runs, change |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for low, high in pairwise(EDGES):
        inside = [pair for pair in pairs if low <= pair[0].blur_rate < high]
        if inside:
            print(row(f"{low:g}–{high:g}", inside))
    print(row("all", pairs))
    print(*differences(pairs), sep="\n")


if __name__ == "__main__":
    main()
