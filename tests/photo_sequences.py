"""Consecutive photos whose motions are known, without images and with them."""

from collections.abc import Callable
from dataclasses import replace

import torch
from known_problems import KnownProblem

from hfb.geometry import rotvec_to_rotmat
from hfb.motion import PolynomialMotion, static_motion
from hfb.refine import RefineProblem, RefineSettings, Stage, join_problems
from hfb.refine.sequence.boundaries import Sequences


def long_motion(generator: torch.Generator, degree: int = 2) -> PolynomialMotion:
    """One motion of a few seconds, t in s."""
    pose = rotvec_to_rotmat(0.4 * torch.randn(1, 24, 3, dtype=torch.float64, generator=generator))
    still = static_motion(pose, torch.tensor([[0.0, 0.2, 4.0]], dtype=torch.float64), degree)
    coeffs = 0.8 * torch.randn(still.coeffs.shape, dtype=torch.float64, generator=generator)
    return still.with_coeffs(coeffs)


def cut(motion: PolynomialMotion, exposure: torch.Tensor) -> PolynomialMotion:
    """The pieces of a long motion inside each exposure, as motions over [0, 1]."""
    rows = []
    for opening, closing in exposure.tolist():
        length, middle = closing - opening, opening + 0.5 * (closing - opening)
        c0, c1, c2 = motion.coeffs[0]
        u = middle - motion.time_origin
        rows.append(
            torch.stack([c0 + c1 * u + c2 * u**2, (c1 + 2 * c2 * u) * length, c2 * length**2])
        )
    count = len(rows)
    return PolynomialMotion(
        torch.stack(rows),
        motion.base_rotmat.expand(count, -1, -1, -1),
        motion.base_transl.expand(count, -1),
        0.5,
        "tangent",
    )


def exposures(count: int, gap: float, uneven: bool = False) -> torch.Tensor:
    """Exposures of a tenth of a second; `gap` is the shut part of the frame time."""
    lengths = torch.full((count,), 0.1, dtype=torch.float64)
    if uneven:
        lengths = lengths * torch.linspace(0.7, 1.3, count, dtype=torch.float64)
    opening = torch.cat([lengths.new_zeros(1), (lengths / (1 - gap)).cumsum(0)[:-1]])
    return torch.stack([opening, opening + lengths], 1)


def two_photos(make_known: Callable[..., KnownProblem]) -> RefineProblem:
    """The same photo twice, as if two: enough to look at what is shared."""
    problem = join_problems([make_known().problem, make_known(offset=0.02).problem])
    exposure = torch.tensor([[0.0, 0.1], [0.1, 0.2]])
    sequences = Sequences(torch.zeros(2, dtype=torch.long), exposure)
    return replace(problem, sequences=sequences)


def quick(settings: RefineSettings, *stages: Stage) -> RefineSettings:
    """The recipe with other stages."""
    return replace(settings, stages=list(stages))
