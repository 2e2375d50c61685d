"""What is wrong with fits: the pose at mid-exposure, or the motion about it.

    python benchmarks/bench_parts.py --root outputs/world/data/all --limit 36

fits each photo of a data set with truth and puts bodies together from parts of the start, of the
fit and of the truth: each row is measured over the exposure in its better direction of time,
against the resting start. The row with true motion is as near as a better motion alone would bring
the start; "limbs turned by the truth" has the best of the 32 ways to play the limbs of the fitted
motion forwards or backwards.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.blur_folder import list_samples, read_sample
from hfb.app.configured import configured_model
from hfb.app.pipeline import Pipeline
from hfb.body import SmplBody
from hfb.cli.display import Display
from hfb.errors import NoPersonError
from hfb.evaluate.results import SampleResult
from hfb.metrics import functional
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.tracks import chain_matrix, reversal_signs
from hfb.refine.result import Refinement
from hfb.structures import BlurSample, BodyParams

START = "start at rest"
BINS = (0.0, 0.4, 0.7, 9.0)

Joints = Float[Tensor, "S J 3"]


def with_motion(pose: Refinement, motion: PolynomialMotion) -> Refinement:
    """The pose of one at mid-exposure, moved by the coefficients of another of the same base."""
    coeffs = torch.cat([pose.motion.coeffs[:1], motion.coeffs[1:]])
    return replace(pose, motion=pose.motion.with_coeffs(coeffs))


def limbs_turned(pose: Refinement, motion: PolynomialMotion) -> Iterator[Refinement]:
    """All ways to play legs, arms and torso forwards or backwards."""
    odd = reversal_signs(motion.coeffs[1:]) < 0.0
    chains = chain_matrix()
    for signs in itertools.product((1.0, -1.0), repeat=len(chains) - 1):
        turns = (torch.tensor([*signs, 1.0]) @ chains)[:, None]
        moving = torch.where(odd, turns, 1.0) * motion.coeffs[1:]
        yield with_motion(pose, motion.with_coeffs(torch.cat([motion.coeffs[:1], moving])))


def parts_of(result: SampleResult, body: SmplBody) -> dict[str, float]:
    """Error of each body put together, mm.

    Args:
        result: a fit of a single photo with a truth that knows rotations.
        body: of the fit.
    """
    sample, start, fit = result.item.sample, result.initial, result.refinement
    target = sample.target
    assert target is not None
    assert target.pose_rotmat is not None
    times, truth = _times(sample), target.joints[0].double()

    def error(made: Refinement) -> float:
        ways = [made.posed(body, t).joints.double() for t in (times, 1.0 - times)]
        return min(float(functional.mpjpe(way, truth)) for way in ways)

    def true_motion(pose: Refinement) -> float:
        middle = len(times) // 2
        turns = target.pose_rotmat[0, middle].mT @ target.pose_rotmat[0]
        rotmat, transl = evaluate(pose.motion, times[middle : middle + 1])
        moved = BodyParams(pose.betas, rotmat @ turns, transl.expand(len(turns), 3))
        return float(functional.mpjpe(body(moved).joints.double(), truth))

    return {
        START: error(start),
        "fit": error(fit),
        "start, moved as the fit": error(with_motion(start, fit.motion)),
        "start, limbs turned by the truth": min(
            error(made) for made in limbs_turned(start, fit.motion)
        ),
        "start, moved as in truth": true_motion(start),
        "fit at rest": error(with_motion(fit, start.motion)),
        "fit, moved as in truth": true_motion(fit),
    }


def _times(sample: BlurSample) -> Float[Tensor, " S"]:
    opening, closing = sample.exposure[0].double().tolist()
    assert sample.target is not None
    return ((sample.target.times[0].double() - opening) / (closing - opening)).float()


def table(rows: list[tuple[float, dict[str, float]]]) -> str:
    """Means by blur rate, as Markdown."""
    lines = [
        "| blur rate | n | body | mm | of the start's | better than the start | "
        "more than a tenth worse |",
        "|---|---|---|---|---|---|---|",
    ]
    for low, high in [(BINS[0], BINS[-1]), *itertools.pairwise(BINS)]:
        own = [errors for blur, errors in rows if low <= blur < high]
        for name in own[0] if own else ():
            found, start = (np.array([errors[key] for errors in own]) for key in (name, START))
            lines.append(
                f"| {'all' if (low, high) == (BINS[0], BINS[-1]) else f'{low} to {high}'} "
                f"| {len(own)} | {name} | {found.mean():.1f} | {(found / start).mean():.3f} "
                f"| {100 * (found < start).mean():.0f} % "
                f"| {100 * (found > 1.1 * start).mean():.0f} % |"
            )
    return "\n".join(lines)


def rows_of(folders: list[Path], pipeline: Pipeline) -> list[tuple[float, dict[str, float]]]:
    """Blur rate and errors of each photo in which somebody is found."""
    display, rows = Display(), []
    display.begin("fitting", len(folders))
    try:
        for number, folder in enumerate(folders, 1):
            sample = read_sample(folder)
            try:
                ((result,),) = pipeline.run([pipeline.initialise(sample)])
            except NoPersonError:
                continue
            rows.append((sample.blur_rate or 0.0, parts_of(result, pipeline.body)))
            display.update(number)
    finally:
        display.close()
    return rows


def main(args: list[str] | None = None) -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="a split of samples with truth")
    parser.add_argument("--limit", type=int, help="only the first so many")
    parser.add_argument("--threads", type=int, default=1, help="of the renderer")
    arguments = parser.parse_args(args)
    model = {"render": {"num_threads": arguments.threads}}
    pipeline = configured_model({"model": model}, {"show_progress": False}).pipeline()
    print(table(rows_of(list_samples(arguments.root)[: arguments.limit], pipeline)))


if __name__ == "__main__":
    main()
