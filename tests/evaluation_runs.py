"""`run_hfb.py test` in little: a data set of small samples, and what a run leaves behind."""

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from started_samples import with_start

from datamodules.blur_folder import write_sample
from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.body import load_body
from hfb.init import write_estimate
from hfb.structures import BlurSample
from run_hfb import main

QUICK = [
    "--model.refine.image_size=48",
    "--model.refine.texture_size=32",
    "--model.refine.num_subframes=2",
    '--model.refine.stages=[{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}]',
    "--model.show_progress=false",
    "--model.workers=0",  # tests change what they need in this process
    "--trainer.logger=false",
]
_SMALL = SyntheticSettings(height=96, width=80, num_subframes=8, num_truth=6, supersampling=1)


def small_samples(
    names: Iterable[str], blur_rate: tuple[float, float] = (0.1, 0.6)
) -> list[BlurSample]:
    """Samples with matte and starting pose, which need no network; seeds count from 1."""
    settings = replace(_SMALL, blur_rate=blur_rate)
    return [
        with_start(make_sample(settings, seed)).with_changes(sample_id=name)
        for seed, name in enumerate(names, 1)
    ]


def write_data_set(root: Path, samples: Iterable[BlurSample]) -> Path:
    """Write samples as a data set for `--data.root`; returns the folder."""
    for sample in samples:
        folder = root / "test" / sample.sample_id
        write_sample(folder, sample, load_body().identity, write_estimate)
    return root


def evaluate(root: Path, output: Path, *extra: str) -> None:
    """Run `test` in this process."""
    main(_arguments(root, output, extra))


def command(repo: Path, root: Path, output: Path, *extra: str) -> list[str]:
    """The same as a process of its own."""
    return [sys.executable, str(repo / "run_hfb.py"), *_arguments(root, output, extra)]


def _arguments(root: Path, output: Path, extra: Iterable[str]) -> list[str]:
    return ["test", f"--data.root={root}", f"--output={output}", *QUICK, *extra]


def read_metrics(output: Path) -> dict:
    """What a run found, as it keeps it."""
    return json.loads((output / "metrics.json").read_text())


def rows_of(output: Path) -> list[dict[str, str]]:
    """The rows of `per_sample.csv`."""
    with (output / "per_sample.csv").open(newline="") as table:
        return list(csv.DictReader(table))
