"""The paper's settings on photos with truth: does the fit end better than its start?

    python benchmarks/bench_paper.py --seeds 5 6 9 --size 96
    python benchmarks/bench_paper.py --set paper: --set black:render.rim=black

Fits synthetic photos of the free body from their plain registration with paper.yaml and, for each
`--set`, with settings of `model` laid over it. The error is the joints', root-aligned, in the
better direction of time, over that of the start. Choices are made on some seeds and reported on
others.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch
from bench_world import read_setting

from datamodules.synthetic.data_module import make_sample
from datamodules.synthetic.shot import SyntheticSettings
from hfb.app.configured import configured_model
from hfb.app.pipeline import Pipeline
from hfb.refine.frames import InitialisedSequence


def pipeline_of(changes: dict[str, Any], size: int, steps: int | None) -> Pipeline:
    """paper.yaml with some settings changed, one thread."""
    refine: dict[str, Any] = {"image_size": size}
    if steps is not None:
        refine["stages"] = [{"num_steps": steps}]
    own = {"model": {"refine": refine, "render": {"num_threads": 1}}}
    layers = ["paper.yaml", own, {"model": changes}]
    return configured_model(layers, {"show_progress": False}).pipeline()


def errors(pipeline: Pipeline, started: InitialisedSequence) -> tuple[float, float]:
    """Error of the start and of the fit, mm."""
    ((result,),) = pipeline.run([started], ["hfb"])
    start = result.initial_metrics.mpjpe_best_direction_mm
    end = result.metrics.mpjpe_best_direction_mm
    assert start is not None, "synthetic photos have truth"
    assert end is not None
    return start, end


def main() -> None:
    """Print a row a photo, then the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 9])
    parser.add_argument("--size", type=int, default=96, help="side of the crop, px")
    parser.add_argument("--steps", type=int, help="Adam steps; paper.yaml's 200 if not given")
    parser.add_argument("--set", action="append", dest="sets", metavar="NAME:SETTING=VALUE,…")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = dict(read_setting(text) for text in options.sets or ["paper:"])
    pipelines = {
        name: pipeline_of(changes, options.size, options.steps) for name, changes in sets.items()
    }
    first = next(iter(pipelines.values()))
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in sets}
    print(f"| seed | start | {' | '.join(sets)} |\n|---|---|{'---|' * len(sets)}")
    for seed in options.seeds:
        started = first.initialise(make_sample(SyntheticSettings(), seed))
        for name, pipeline in pipelines.items():
            rows[name].append(errors(pipeline, started))
        cells = [f"{own[-1][1]:.0f}" for own in rows.values()]
        start = next(iter(rows.values()))[-1][0]
        print(f"| {seed} | {start:.0f} | {' | '.join(cells)} |", flush=True)
    print("\n| setting | mean mm | mean ratio | median | worst | better than its start |")
    print("|---|---|---|---|---|---|")
    for name, own in rows.items():
        ratios = [end / start for start, end in own]
        means = f"{statistics.mean(end for _, end in own):.0f} | {statistics.mean(ratios):.2f}"
        spread = f"{statistics.median(ratios):.2f} | {max(ratios):.2f}"
        better = f"{sum(ratio < 1.0 for ratio in ratios)} of {len(ratios)}"
        print(f"| {name} | {means} | {spread} | {better} |")


if __name__ == "__main__":
    main()
