"""How well photos of a run's samples meet, directions of their joints, and unknown gaps found.

    python benchmarks/bench_sequences.py --data DATA/test --run OUT

reads what `run_hfb.py test` wrote for samples of several photos. Where gaps were estimated
(`--model.refine.gap estimated`) a line a sample compares them with the exposures of the data, and
with what the true motions tell: limbs that turn back within an exposure mislead there, too.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from datamodules.blur_folder import read_sample
from hfb.body import SmplBody, load_body
from hfb.export import read_motion
from hfb.motion import PolynomialMotion
from hfb.refine.sequence.boundaries import Gap, Sequences, boundary_states, boundary_times
from hfb.refine.sequence.gap_likelihood import gaps_of_joints

MM_PER_M = 1000.0
FAST = 0.7
"""Blur rate above which directions are also counted apart."""
NEAR = 0.1
"""Share of the frame time within which a gap counts as found."""


@dataclass(frozen=True)
class Meetings:
    """The boundaries of one sample.

    Attributes:
        jump: distance of each joint between the two motions, mm.
        change: change of the joints' velocities as a share of their speed, mean over joints.
    """

    jump: Tensor
    change: Tensor


def meetings(path: Path, body: SmplBody, share: float) -> Meetings:
    """Jumps where the motions of a `motion.npz` meet."""
    record = read_motion(path)
    part = record.polynomial
    assert part is not None, "only refinements are asked for"
    motion = PolynomialMotion(
        part.coeffs,
        part.base_rotmat,
        part.base_transl,
        part.time_origin,
        "paper" if part.parameterization == "paper" else "tangent",
    )
    count = len(part.coeffs)
    exposure = record.exposure.to(part.coeffs)
    sequences = Sequences(torch.zeros(count, dtype=torch.long), exposure)
    betas = record.betas[: body.num_betas].expand(count, -1)
    times = boundary_times(sequences, share)
    end, start = boundary_states(motion, betas, sequences, times, body)
    jump = torch.linalg.vector_norm(end.joints - start.joints, dim=-1) * MM_PER_M
    change, one, two = (
        torch.linalg.vector_norm(v, dim=-1).mean(-1)
        for v in (end.velocity - start.velocity, end.velocity, start.velocity)
    )
    return Meetings(jump, 2.0 * change / (one + two))


def right_joints(metrics: list[dict]) -> str:
    """Joints that move in the right direction, of those that move over 5 cm."""
    moving = sum(f["moving_joints"] for f in metrics)
    right = sum((f["joint_direction_accuracy"] or 0.0) * f["moving_joints"] for f in metrics)
    return f"{100 * right / max(moving, 1):.1f} % of {moving}"


def spread(values: Tensor) -> str:
    """Median and largest."""
    return f"median {float(values.median()):.2f}, largest {float(values.max()):.2f}"


@dataclass(frozen=True)
class SampleGap:
    """Shut part of a sample's frame time.

    Attributes:
        name: of the sample.
        true: by the exposures of the data.
        found: by the fits.
        by_truth: what the same reckoning finds with the true joints.
    """

    name: str
    true: float
    found: Gap
    by_truth: Gap

    def __str__(self) -> str:
        found, by_truth = (f"{g.share:.2f} ± {g.sigma:.2f}" for g in (self.found, self.by_truth))
        return f"{self.name}: gap {self.true:.2f}, found {found}, with the true motion {by_truth}"


def gap_of(folder: Path, found: Gap) -> SampleGap:
    """A found gap beside the data's.

    Args:
        folder: of the sample in the data.
        found: by the fits.
    """
    sample = read_sample(folder)
    exposure, target = sample.exposure.double(), sample.target
    assert target is not None, "generated samples come with their truth"
    (opening, closing), (following, _) = exposure[:2].tolist()
    length = (exposure[:, 1] - exposure[:, 0])[:, None]
    times = (target.times.double() - exposure[:, :1]) / length
    joints = quadratic_joints(target.joints.double(), times)
    sequences = Sequences(torch.zeros(len(joints), dtype=torch.long), exposure, is_timed=False)
    [by_truth] = gaps_of_joints(joints, sequences)
    return SampleGap(folder.name, (following - closing) / (following - opening), found, by_truth)


def quadratic_joints(joints: Tensor, times: Tensor) -> Tensor:
    """Joints at opening, mid-exposure and closing of the parabolas nearest to their paths.

    Args:
        joints: (T, S, J, 3) of each photo.
        times: (T, S) of them, in exposures from its opening.
    """
    powers = torch.arange(3)
    at = torch.tensor([0.0, 0.5, 1.0], dtype=times.dtype)[:, None] ** powers
    coeffs = torch.linalg.lstsq(times[..., None] ** powers, joints.flatten(2)).solution
    return (at @ coeffs).unflatten(-1, joints.shape[2:])


def gap_lines(gaps: list[SampleGap]) -> list[str]:
    """One line a sample, then how near they are, and whether it is known which are."""
    lines = [str(gap) for gap in gaps]
    kinds = ("found", [g.found for g in gaps]), ("with true motions", [g.by_truth for g in gaps])
    true = torch.tensor([gap.true for gap in gaps])
    for name, values in kinds:
        errors = (torch.tensor([gap.share for gap in values]) - true).abs()
        sigma = torch.tensor([gap.sigma for gap in values])
        near, sure = errors <= NEAR, sigma <= NEAR
        lines.append(f"{name}: within {NEAR} of the frame time in {near.sum()} of {len(gaps)}")
        lines.append(f"  error: {spread(errors)}, mean {float(errors.mean()):.3f}")
        lines.append(
            f"  of those with a deviation up to {NEAR}: {near[sure].sum()} of {sure.sum()}"
        )
        squares = (errors / sigma).square()
        lines.append(f"  error, root mean square, deviations: {squares.mean().sqrt():.2f}")
    return lines


@torch.no_grad()
def main() -> None:
    """Print a line a sample with an unknown gap, then a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--gap-fraction", type=float, default=0.5)
    options = parser.parse_args()
    console, body = Console(highlight=False), load_body()
    records = [json.loads(p.read_text()) for p in sorted(options.run.glob("samples/*/result.json"))]
    metrics = [record["methods"]["hfb"] for record in records]
    fast = [f for f, r in zip(metrics, records, strict=True) if r["blur_rate"] >= FAST]
    console.print(f"{len(records)} samples; joints in the right direction: {right_joints(metrics)}")
    console.print(f"  from a blur rate of {FAST} on: {right_joints(fast)}")
    names = [record["sample_id"] for record in records]
    found = [
        meetings(options.run / "samples" / name / "motion.npz", body, options.gap_fraction)
        for name in names
    ]
    jump = torch.cat([own.jump for own in found])
    console.print(f"jump, mean over joints, mm: {spread(jump.mean(1))}")
    console.print(f"jump of the worst joint, mm: {spread(jump.amax(1))}")
    change = torch.cat([own.change for own in found])
    console.print(f"change of velocity, % of speed: {spread(100 * change)}")
    gaps = [
        gap_of(options.data / name, Gap(own["gap"], own["gap_sigma"]))
        for name, own in zip(names, metrics, strict=True)
        if own["gap"] is not None
    ]
    for line in gap_lines(gaps) if gaps else []:
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
