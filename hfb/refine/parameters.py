"""The parameters of a refinement: motions of photos, shape and texture of sequences."""

from __future__ import annotations

from typing import ClassVar

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from hfb.motion import PolynomialMotion, evaluate, static_motion
from hfb.prior import CoefficientPrior, MotionPrior
from hfb.refine.initial_motion import first_velocities
from hfb.refine.problem import RefineProblem
from hfb.refine.recipe.settings import PARAMETER_GROUPS, SHARED_GROUPS, RefineSettings
from hfb.refine.sequence.boundaries import neighbour_velocities
from hfb.structures import BodyParams


class FitParameters(pl.LightningModule):
    """What Adam moves, for P photos of Q sequences; single photos are sequences of one.

    Args:
        problem: what to explain, and the starting poses.
        settings: size and kind of the motion and the texture.
        gap: shut part of the frame time of each sequence, where the exposures do not tell it.
    """

    MOTION_GROUPS: ClassVar[tuple[str, ...]] = ("transl", "root", "pose", "motion")
    """Parameters that make up the coefficients of the motion."""

    def __init__(
        self,
        problem: RefineProblem,
        settings: RefineSettings,
        gap: Float[Tensor, " Q"] | None = None,
    ) -> None:
        super().__init__()
        self.problem = problem
        self.settings = settings
        self.gap = gap
        self._base = static_motion(
            problem.start.pose_rotmat,
            problem.start.transl,
            settings.degree,
            settings.parameterization,
            settings.time_origin,
        )

    def _begin(self, motion_prior: MotionPrior | CoefficientPrior | None) -> None:
        """Make the parameters, where the start and what is expected of it put them."""
        settings, coeffs = self.settings, self._base.coeffs
        gap = None if self.gap is None else self.per_problem(self.gap)
        motion = coeffs[:, 1:].clone()
        motion[:, 0] += first_velocities(
            self.problem, settings, coeffs.shape[-1], motion_prior, gap
        )
        size = settings.texture_size
        self.transl = nn.Parameter(coeffs[:, :1, :1].clone())
        self.root = nn.Parameter(coeffs[:, :1, 1:2].clone())
        self.pose = nn.Parameter(coeffs[:, :1, 2:].clone())
        self.motion = nn.Parameter(motion)
        self.betas = nn.Parameter(self.sequence_means(self.problem.start.betas).clone())
        num_sequences = len(self.betas)
        self.texture = nn.Parameter(coeffs.new_full((num_sequences, 3, size, size), 0.5))
        before = self.problem.sequences.before if self.problem.sequences else None
        if before is not None:
            self.load_state({"betas": before.betas[None], "texture": before.texture[None]})
            self.betas.requires_grad_(False)

    def sequence_means(self, values: Float[Tensor, "P *S"]) -> Float[Tensor, "Q *S"]:
        """One value a sequence out of one a problem; single photos keep theirs."""
        sequences = self.problem.sequences
        if sequences is None:
            return values
        total = values.new_zeros(sequences.count, *values.shape[1:])
        total = total.index_add(0, sequences.number, values)
        counts = torch.bincount(sequences.number).to(values)
        return total / counts.reshape(-1, *[1] * (values.ndim - 1))

    def per_problem(self, values: Shaped[Tensor, "Q *S"]) -> Shaped[Tensor, "P *S"]:
        """What the photos of a sequence share, one entry a problem."""
        sequences = self.problem.sequences
        return values if sequences is None else values[sequences.number]

    def polynomial_motion(self) -> PolynomialMotion:
        """The motion as it stands, one a problem."""
        parts = {name: getattr(self, name) for name in self.MOTION_GROUPS}
        return self._base.with_coeffs(self.join_coeffs(parts))

    @staticmethod
    def join_coeffs(parts: dict[str, Float[Tensor, "P *S"]]) -> Float[Tensor, "P D1 K C"]:
        """Coefficients of the motion out of the parameters that make them up."""
        constant = torch.cat([parts["transl"], parts["root"], parts["pose"]], 2)
        return torch.cat([constant, parts["motion"]], 1)

    @staticmethod
    def split_coeffs(coeffs: Float[Tensor, "P D1 K C"]) -> dict[str, Float[Tensor, "P *S"]]:
        """The parameters that make up coefficients; the inverse of `join_coeffs`."""
        return {
            "transl": coeffs[:, :1, :1],
            "root": coeffs[:, :1, 1:2],
            "pose": coeffs[:, :1, 2:],
            "motion": coeffs[:, 1:],
        }

    @torch.no_grad()
    def restart_from(self, other: FitParameters) -> None:
        """Go on where another refinement of the same consecutive photos ended, but for the motion.

        What moved is forgotten: the photos start from the velocities between the poses that were
        found ("tangent" only).

        Args:
            other: with the same photos in the same sequences.
        """
        sequences = self.problem.sequences
        assert sequences is not None, "single photos do not tell each other's velocity"
        self.load_state({name: getattr(other, name) for name in PARAMETER_GROUPS})
        gap = None if self.gap is None else self.per_problem(self.gap)
        middle = torch.tensor([0.5]).to(self.motion)
        pose_rotmat, transl = evaluate(other.polynomial_motion(), middle)
        found = BodyParams(self.per_problem(self.betas), pose_rotmat[:, 0], transl[:, 0])
        self.motion.zero_()
        self.motion[:, 0] = neighbour_velocities(found, sequences, gap)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from parameters of another refinement of the same problems.

        Photos that were apart there and share betas and texture here start from their means.
        """
        with torch.no_grad():
            for name, value in state.items():
                own = getattr(self, name)
                is_shared = name in SHARED_GROUPS and len(value) != len(own)
                own.copy_(self.sequence_means(value) if is_shared else value)
