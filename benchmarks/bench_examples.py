"""Errors before and after on the built-in examples: `python benchmarks/bench_examples.py`.

Runs `run_hfb.py predict` on ten seeds, each from the real initialiser, and prints a table with the
median and the worst ratio. Finished seeds in the output folder are not run again.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SEEDS = list(range(1, 11))
COLUMNS = ("mpjpe_best_direction_mm", "iou_best_direction", "reblur_psnr_db")


def result_of(seed: int, folder: Path, config: str | None) -> dict[str, str]:
    """The row of `per_sample.csv` of one seed, made if it is not there."""
    table = folder / "per_sample.csv"
    if not table.is_file():
        from run_hfb import main as run

        options = [f"--data.example_seed={seed}", f"--output={folder}", "--model.image_every=0"]
        config_options = [f"--config={config}"] if config else []
        run(["predict", *config_options, *options])
    with table.open(newline="") as rows:
        return next(csv.DictReader(rows))


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("outputs/examples"))
    parser.add_argument("--config", default=None, help="for example lightning_configs/paper.yaml")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    arguments = parser.parse_args()
    sys.argv = sys.argv[:1]  # Lightning warns where it sees two sets of arguments
    ratios = []
    print("| sample | blur rate | MPJPE mm, best direction | ratio | silhouette IoU | PSNR dB |")
    print("|---|---|---|---|---|---|")
    for seed in arguments.seeds:
        row = result_of(seed, arguments.output / str(seed), arguments.config)
        before, after = ([float(row[p + name]) for name in COLUMNS] for p in ("init_", ""))
        ratios.append(after[0] / before[0])
        print(
            f"| {row['sample_id']} | {float(row['blur_rate']):.2f} "
            f"| {before[0]:.0f} → {after[0]:.0f} | {ratios[-1]:.2f} "
            f"| {before[1]:.2f} → {after[1]:.2f} | {before[2]:.1f} → {after[2]:.1f} |"
        )
    print(f"\nmedian ratio {statistics.median(ratios):.3f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
