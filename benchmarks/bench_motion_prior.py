"""What choosing the direction by the motion prior changes in refinements of single photos.

    python -m datamodules.synthetic --output <data>/test --protocol bt_amass --mocap <mocap>
    python run_hfb.py test --data.root <data> --output outputs/no_prior \
        --model.methods '[hfb_without_amp]'
    python benchmarks/bench_motion_prior.py --data <data>/test --run outputs/no_prior

A motion and its reverse explain a photo equally well, so the prior chooses after the fit: this
reads the motions of a finished test and prints, for each range of blur rates, MPJPE as it runs, how
often the direction is right (of motions that have one to find) and MPJPE in the better direction,
without and with the prior; and how often the prior would be right about the true motion.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from datamodules.blur_folder import read_sample
from hfb.body import SmplBody, load_body
from hfb.errors import InputError
from hfb.export import read_motion
from hfb.metrics import functional as metrics
from hfb.motion import PolynomialMotion, evaluate, fit_polynomial
from hfb.prior import MotionPrior, load_motion_prior
from hfb.refine.direction import runs_backwards
from hfb.structures import BodyParams

EDGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1)


@dataclass(frozen=True)
class Case:
    """One refined photo.

    Attributes:
        blur_rate: eq. 12.
        as_found_mm: MPJPE as the fit has it.
        reversed_mm: MPJPE of the time-reversed twin.
        found_right: whether the fit runs the right way; None if the truth hardly moves.
        turned: whether the prior turns it round.
        truth_right: whether the prior is right about the true motion.
    """

    blur_rate: float
    as_found_mm: float
    reversed_mm: float
    found_right: bool | None
    turned: bool
    truth_right: bool


def read_case(sample_folder: Path, motion_file: Path, body: SmplBody, prior: MotionPrior) -> Case:
    """Measure one sample.

    Raises:
        InputError: if the sample has no truth or the file no polynomials.
    """
    sample, record = read_sample(sample_folder), read_motion(motion_file)
    target, polynomial = sample.target, record.polynomial
    if target is None or target.pose_rotmat is None or target.transl is None or polynomial is None:
        raise InputError(f"{sample_folder} has no true poses, or {motion_file} no polynomials.")
    motion = PolynomialMotion(
        polynomial.coeffs[0],
        polynomial.base_rotmat[0],
        polynomial.base_transl[0],
        polynomial.time_origin,
        "tangent" if polynomial.parameterization == "tangent" else "paper",
    )
    opening, closing = sample.exposure[0].tolist()
    times = ((target.times[0] - opening) / (closing - opening)).to(motion.coeffs)
    joints = body.joints(BodyParams(record.betas[: body.num_betas], *evaluate(motion, times)))
    true = fit_polynomial(target.pose_rotmat[0], target.transl[0], times, prior.settings.degree)
    return Case(
        blur_rate=float(sample.blur_rate or 0.0),
        as_found_mm=float(metrics.mpjpe(joints, target.joints[0])),
        reversed_mm=float(metrics.mpjpe(joints.flip(0), target.joints[0])),
        found_right=metrics.direction_correct(joints, target.joints[0]),
        turned=bool(runs_backwards(motion, prior)),
        truth_right=not bool(runs_backwards(true, prior)),
    )


def row(label: str, cases: list[Case]) -> str:
    """One line of the table."""

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else float("nan")

    moving = [case for case in cases if case.found_right is not None]
    before = mean([case.as_found_mm for case in cases])
    after = mean([case.reversed_mm if case.turned else case.as_found_mm for case in cases])
    best = mean([min(case.as_found_mm, case.reversed_mm) for case in cases])
    right = [mean([float(bool(case.found_right)) for case in moving])]
    right.append(mean([float(bool(case.found_right) != case.turned) for case in moving]))
    on_truth = mean([float(case.truth_right) for case in moving])
    return (
        f"| {label} | {len(cases)} | {before:.1f} → {after:.1f} | {100 * right[0]:.0f} % → "
        f"{100 * right[1]:.0f} % of {len(moving)} | {best:.1f} | {100 * on_truth:.0f} % |"
    )


def main(args: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the samples")
    parser.add_argument("--run", type=Path, required=True, help="output of run_hfb.py test")
    parser.add_argument("--prior", default=None, help="an amp.ckpt; the shipped one by default")
    options = parser.parse_args(args)
    torch.set_grad_enabled(False)
    body, prior = load_body(), load_motion_prior(options.prior)
    files = sorted(options.run.glob("samples/*/motion.npz"))
    if not files:
        raise SystemExit(f"no samples/*/motion.npz under {options.run}")
    cases = [read_case(options.data / file.parent.name, file, body, prior) for file in files]
    print(
        "| blur rate | n | MPJPE mm, as it runs | direction right | MPJPE mm, better direction "
        "| prior right about the true motion |\n|---|---|---|---|---|---|"
    )
    for low, high in pairwise(EDGES):
        inside = [case for case in cases if low <= case.blur_rate < high]
        if inside:
            print(row(f"{low:g} to {high:g}", inside))
    print(row("all", cases))


if __name__ == "__main__":
    main()
