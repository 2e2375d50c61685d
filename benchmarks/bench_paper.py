"""The paper's settings on photos with truth: does the fit end better than its start?

    python -m datamodules.synthetic --protocol bt_amass --mocap MOCAP --seed 2222 --per_bin 6 \
        --output DATA/test
    python benchmarks/bench_paper.py --data DATA/test --size 128 --output OUT.jsonl \
        --set paper: --set without:refine.weights.adversarial=0 --defaults
    python benchmarks/bench_paper.py --seeds 5 6 9 --size 96 --output OUT.jsonl
    python benchmarks/bench_paper.py --finished paper=OUT/runs/paper:hfb default=OUT/runs/ours:hfb

Fits photos from their plain registration with paper.yaml and, for each `--set`, with settings of
`model` laid over it; `--defaults` adds our own recipe, from its own lifted start. The error is the
joints', root-aligned, in the better direction of time, over that of the start. A fit is kept as
soon as it is done: the same command goes on where it was stopped. --finished fits nothing and reads
tests that are done, as tables.py leaves them. Choices are made on some photos and reported on
others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bench_world import read_setting
from paper_rows import (
    Fit,
    append_fit,
    bin_lines,
    change_line,
    common_fits,
    fits_of_test,
    read_fits,
)
from paper_rows import summary_lines as summary

from datamodules.blur_folder import list_samples, read_sample
from datamodules.synthetic.data_module import make_sample
from datamodules.synthetic.shot import SyntheticSettings
from hfb.app.configured import configured_model
from hfb.app.pipeline import Pipeline
from hfb.formation import BLUR_RATE_BINS
from hfb.metrics.functional import mpjpe
from hfb.refine.frames import InitialisedSequence
from hfb.structures import BlurSample

DEFAULTS = "default"
LOW_BLUR = 0.2


def pipeline_of(
    config: list[str], changes: dict[str, Any], options: argparse.Namespace
) -> Pipeline:
    """A configuration with some settings changed, one thread."""
    texture = options.texture or options.size // 2
    refine: dict[str, Any] = {"image_size": options.size, "texture_size": texture}
    if config and options.steps is not None:
        refine["stages"] = [{"num_steps": options.steps}]
    own = {"model": {"refine": refine, "render": {"num_threads": 1}}}
    return configured_model([*config, own, {"model": changes}], {"show_progress": False}).pipeline()


def plain_start(started: InitialisedSequence) -> InitialisedSequence:
    """The same photo from what its start was before it was lifted."""
    photos = tuple(
        replace(photo, estimate=photo.estimate.unlifted or photo.estimate)
        for photo in started.photos
    )
    return replace(started, photos=photos)


def start_error(started: InitialisedSequence, pipeline: Pipeline) -> float:
    """MPJPE of the start at rest, mm."""
    (photo,) = started.photos
    target = photo.sample.target
    assert target is not None, "synthetic photos have truth"
    start = photo.estimate.all_params().index([0])
    joints = pipeline.body.joints(start)[:, None].expand_as(target.joints)
    return float(mpjpe(joints, target.joints).mean())


def fit_of(started: InitialisedSequence, pipeline: Pipeline, recipe: str, blur_rate: float) -> Fit:
    """Fit one photo and compare it with the truth."""
    begin = time.process_time()
    ((frame,),) = pipeline.fit([started])
    metrics = frame.metrics
    best, runs = metrics.mpjpe_best_direction_mm, metrics.mpjpe_mm
    assert best is not None, "synthetic photos have truth"
    assert runs is not None
    right = metrics.direction_correct
    return Fit(
        sample=started.sample.sample_id,
        recipe=recipe,
        blur_rate=blur_rate,
        start_mm=start_error(started, pipeline),
        best_mm=best,
        mpjpe_mm=runs,
        is_right=None if right is None else bool(right),
        iou=metrics.iou_best_direction,
        seconds=time.process_time() - begin,
    )


def samples_of(options: argparse.Namespace) -> Iterator[BlurSample]:
    """Photos of a folder, or made by their seeds."""
    if options.data is None:
        for seed in options.seeds:
            yield make_sample(SyntheticSettings(), seed)
    else:
        folders = list_samples(options.data)[:: options.every]
        # All first ones of a bin before all second ones: what is stopped has some of each.
        folders.sort(key=lambda folder: folder.name.rpartition("_")[2])
        for folder in folders[: options.limit]:
            yield read_sample(folder)


def run(options: argparse.Namespace, pipelines: dict[str, Pipeline]) -> None:
    """Fit every photo with every recipe, unless that is done."""
    starter = pipeline_of([], {}, options)
    for sample in samples_of(options):
        done = {f.recipe for f in read_fits(options.output) if f.sample == sample.sample_id}
        missing = [name for name in pipelines if name not in done]
        if not missing:
            continue
        lifted = starter.initialise(sample)
        assert sample.blur_rate is not None, "synthetic photos know their blur"
        for name in missing:
            started = lifted if name == DEFAULTS else plain_start(lifted)
            fit = fit_of(started, pipelines[name], name, float(sample.blur_rate))
            append_fit(options.output, fit)
            print(f"{fit.sample} {name}: {fit.start_mm:.0f} → {fit.best_mm:.0f} mm", flush=True)


def print_tables(fits: list[Fit], recipes: list[str]) -> None:
    """What the photos say that all recipes have finished."""
    shared = common_fits(fits, recipes)
    print("\n", "\n".join(summary(shared)), sep="")
    print("\n", "\n".join(bin_lines(shared, BLUR_RATE_BINS["table1"])), sep="")
    first, *others = shared.values()
    for other in others:
        print(change_line(other, first, LOW_BLUR), change_line(other, first, 9.0), sep="\n")


def main() -> None:
    """Fit, then print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of samples; photos are made if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 9])
    parser.add_argument("--every", type=int, default=1, help="only each so many-th sample")
    parser.add_argument("--limit", type=int, help="only so many samples")
    parser.add_argument("--size", type=int, default=96, help="side of the crop, px")
    parser.add_argument(
        "--texture", type=int, help="its side, texels; half the crop's if not given"
    )
    parser.add_argument("--steps", type=int, help="Adam steps; paper.yaml's 200 if not given")
    parser.add_argument("--set", action="append", dest="sets", metavar="NAME:SETTING=VALUE,…")
    parser.add_argument("--defaults", action="store_true", help="our own recipe as well")
    parser.add_argument("--output", type=Path, help="file of the finished fits")
    parser.add_argument("--finished", nargs="+", metavar="NAME=FOLDER:METHOD", help="tests instead")
    options = parser.parse_args()
    if options.finished:
        fits = [fit for text in options.finished for fit in fits_of_test(text)]
        print_tables(fits, list(dict.fromkeys(fit.recipe for fit in fits)))
        return
    if options.output is None:
        parser.error("--output: where do finished fits go?")
    torch.set_num_threads(1)
    sets = dict(read_setting(text) for text in options.sets or ["paper:"])
    pipelines = {
        name: pipeline_of(["paper.yaml"], changes, options) for name, changes in sets.items()
    }
    if options.defaults:
        pipelines[DEFAULTS] = pipeline_of([], {}, options)
    run(options, pipelines)
    print_tables(read_fits(options.output), list(pipelines))


if __name__ == "__main__":
    main()
