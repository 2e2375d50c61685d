"""How the photos of a run's samples meet, which way their joints move, and unknown gaps found.

    python benchmarks/bench_sequences.py --data DATA/test --run OUT

reads what `run_hfb.py test` wrote for samples of several photos. Where gaps were estimated
(`--model.refine.gap estimated`) a line a sample compares them with the exposures of the data.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from hfb.body import SmplBody, load_body
from hfb.export import read_motion
from hfb.motion import PolynomialMotion
from hfb.refine.sequences import Sequences, boundary_states, meeting_of

MM_PER_M = 1000.0
FAST = 0.7
"""Blur rate above which directions are also counted apart."""


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
    meeting = meeting_of(sequences, share)
    end, start = boundary_states(motion, betas, sequences, meeting, body)
    jump = torch.linalg.vector_norm(end.joints - start.joints, dim=-1) * MM_PER_M
    change, one, two = (
        torch.linalg.vector_norm(v, dim=-1).mean(-1)
        for v in (end.velocity - start.velocity, end.velocity, start.velocity)
    )
    return Meetings(jump, 2.0 * change / (one + two))


def right_joints(figures: list[dict]) -> str:
    """Joints that run the right way, of those that move over 5 cm."""
    moving = sum(f["moving_joints"] for f in figures)
    right = sum((f["joint_direction_accuracy"] or 0.0) * f["moving_joints"] for f in figures)
    return f"{100 * right / max(moving, 1):.1f} % of {moving}"


def spread(values: Tensor) -> str:
    """Median and largest."""
    return f"median {float(values.median()):.2f}, largest {float(values.max()):.2f}"


def gap_line(name: str, data: Path, found: float) -> tuple[str, float]:
    """True and found shut part of the frame time of a sample; how far they are apart."""
    exposure = json.loads((data / name / "sample.json").read_text())["exposure"]
    (opening, closing), (following, _) = exposure[:2]
    truth = (following - closing) / (following - opening)
    return f"{name}: gap {truth:.2f}, found {found:.2f}", abs(found - truth)


@torch.no_grad()
def main() -> None:
    """Print a line a sample with an unknown gap, then a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--meeting-share", type=float, default=0.5)
    options = parser.parse_args()
    console, body = Console(highlight=False), load_body()
    records = [json.loads(p.read_text()) for p in sorted(options.run.glob("samples/*/result.json"))]
    figures = [record["methods"]["hfb"] for record in records]
    fast = [f for f, r in zip(figures, records, strict=True) if r["blur_rate"] >= FAST]
    console.print(f"{len(records)} samples; joints the right way: {right_joints(figures)}")
    console.print(f"  from a blur rate of {FAST} on: {right_joints(fast)}")
    names = [record["sample_id"] for record in records]
    found = [
        meetings(options.run / "samples" / name / "motion.npz", body, options.meeting_share)
        for name in names
    ]
    jump = torch.cat([own.jump for own in found])
    console.print(f"jump, mean over joints, mm: {spread(jump.mean(1))}")
    console.print(f"jump of the worst joint, mm: {spread(jump.amax(1))}")
    change = torch.cat([own.change for own in found])
    console.print(f"change of velocity, % of speed: {spread(100 * change)}")
    pairs = zip(names, figures, strict=True)
    lines = [gap_line(n, options.data, f["gap"]) for n, f in pairs if f["gap"] is not None]
    for line, _ in lines:
        console.print(line)
    if lines:
        errors = torch.tensor([error for _, error in lines])
        near = int((errors <= 0.1).sum())
        console.print(f"off by at most 0.1 of the frame time in {near} of {len(lines)}")
        console.print(f"error: {spread(errors)}, mean {float(errors.mean()):.2f}")


if __name__ == "__main__":
    main()
