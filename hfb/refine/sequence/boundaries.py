"""Consecutive photos of one person: who belongs together, and where their motions meet."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.batch import Batch
from hfb.body import SmplBody, joint_velocities
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec
from hfb.losses import BoundaryState
from hfb.motion import PolynomialMotion, evaluate_moving
from hfb.structures import BodyParams


@dataclass(frozen=True)
class Gap:
    """What the photos of a sequence tell of how long the shutter stayed shut between them.

    Attributes:
        share: of the frame time.
        sigma: how far that may be off, standard deviation; large where little moves.
    """

    share: float
    sigma: float


@dataclass(frozen=True)
class PreviousWindow(Batch):
    """What the photos refined before leave to those that follow; all of it stays as it is.

    Attributes:
        betas: shape.
        texture: sRGB in [0, 1]; the one thing that goes on being fitted.
        motion: of the last photo before, with one batch axis of length 1.
        exposure: its opening and closing, s.
        gap: between the photos, where it was estimated.
    """

    shared: ClassVar[tuple[str, ...]] = ("betas", "texture", "motion", "exposure")

    betas: Float[Tensor, " K"]
    texture: Float[Tensor, "3 TH TW"]
    motion: PolynomialMotion
    exposure: Float[Tensor, " 2"]
    gap: Gap | None = None


@dataclass(frozen=True)
class Sequences(Batch):
    """Which problems are consecutive photos of one person.

    Attributes:
        number: of the sequence that each problem belongs to, ascending from 0 without gaps;
            the problems of a sequence stand in the order of time.
        exposure: opening and closing of each problem's shutter, s.
        is_timed: False where the closings are unknown, and with them the gaps.
        before: the photo before the first one, where it has been refined already; one sequence.
    """

    shared: ClassVar[tuple[str, ...]] = ("before",)

    number: Int[Tensor, " P"]
    exposure: Float[Tensor, "P 2"]
    is_timed: bool = True
    before: PreviousWindow | None = None

    @property
    def count(self) -> int:
        """How many sequences there are."""
        return int(self.number[-1]) + 1

    @property
    def pairs(self) -> Int[Tensor, "M 2"]:
        """Neighbours in time as numbers of problems; -1 stands for the photo before the first."""
        numbers = self.number.tolist()
        found = [(k, k + 1) for k, (one, two) in enumerate(pairwise(numbers)) if one == two]
        if self.before is not None:
            found.insert(0, (-1, 0))
        return torch.tensor(found, dtype=torch.long, device=self.number.device).reshape(-1, 2)

    @property
    def is_alone(self) -> Tensor:
        """True for problems without a neighbour in time."""
        alone = torch.ones(len(self.number), dtype=torch.bool, device=self.number.device)
        pairs = self.pairs.flatten()
        alone[pairs[pairs >= 0]] = False
        return alone


@dataclass(frozen=True)
class BoundaryTimes:
    """Where the motions of neighbouring photos meet, in the time of each.

    Attributes:
        end: of the earlier one, in its exposures from its opening.
        start: of the later one, likewise.
        end_rate: what turns a rate per exposure of the earlier one into one per mean exposure.
        start_rate: the same for the later one.
    """

    end: Float[Tensor, " M"]
    start: Float[Tensor, " M"]
    end_rate: Float[Tensor, " M"]
    start_rate: Float[Tensor, " M"]


def check_exposures(name: str, exposure: Float[Tensor, "T 2"]) -> None:
    """Raise unless the photos of a sequence were exposed one after the other.

    Args:
        name: of the sample, for the error.
        exposure: opening and closing of each shutter, s.

    Raises:
        InputError: if an exposure has no length, or one begins before the last has ended.
    """
    for k, (opening, closing) in enumerate(exposure.double().tolist()):
        if not closing > opening:
            raise InputError(
                f"{name}: the exposure of frame {k} ends at {closing:g} s, not after its beginning "
                f"at {opening:g} s"
            )
    gaps = (exposure[1:, 0] - exposure[:-1, 1]).double()
    # A hundredth of an exposure is rounding of the times in a file.
    slack = 0.01 * (exposure[1:, 1] - exposure[1:, 0]).double()
    for k in range(len(gaps)):
        if float(gaps[k]) < -float(slack[k]):
            raise InputError(
                f"{name}: the gap between the exposures of frames {k} and {k + 1} is negative "
                f"({1000 * float(gaps[k]):.1f} ms): exposures must follow one another"
            )


def shutter_times(exposure: Float[Tensor, "T 2"], gaps: list[Gap | None]) -> Float[Tensor, "T 2"]:
    """When each shutter opened and closed, as given or as estimated.

    Args:
        exposure: opening and closing as given, s.
        gaps: of each photo, where it was estimated; the openings are taken as given, and the last
            frame takes as long as the one before.
    """
    if len(exposure) < 2:
        return exposure
    period = exposure[1:, 0] - exposure[:-1, 0]
    period = torch.cat([period, period[-1:]])
    rows = [
        row if gap is None else torch.stack([row[0], row[0] + (1.0 - gap.share) * length])
        for row, length, gap in zip(exposure, period, gaps, strict=True)
    ]
    return torch.stack(rows)


def neighbour_velocities(
    start: BodyParams, sequences: Sequences, gap: Float[Tensor, " P"] | None = None
) -> Float[Tensor, "P K 3"]:
    """How fast translation and joints move if they pass through the neighbours' starting poses.

    A mean of the differences to the photo before and to the one after.

    Args:
        start: pose of each problem at mid-exposure.
        sequences: the photos.
        gap: shut part of each photo's frame time, where the closings are not to be looked at.

    Returns:
        Tracks as in `PolynomialMotion` (tangent), m and rad per exposure of the photo.
    """
    exposure, pairs = sequences.exposure, sequences.pairs
    first, second = pairs[pairs[:, 0] >= 0].unbind(1)
    apart = start.transl[second] - start.transl[first]
    ahead = start.pose_rotmat[first].mT @ start.pose_rotmat[second]
    # Seen from either end the turn is the same vector: it lies along its own axis.
    step = torch.cat([apart[:, None], rotmat_to_rotvec(ahead)], 1)
    if gap is None:
        middle, length = exposure.mean(1), exposure[:, 1] - exposure[:, 0]
        apart_s = middle[second] - middle[first]
        shares = length[first] / apart_s, length[second] / apart_s
    else:
        shares = 1.0 - gap[first], 1.0 - gap[second]
    total = step.new_zeros(len(exposure), *step.shape[1:])
    count = step.new_zeros(len(exposure))
    for row, share in zip((first, second), shares, strict=True):
        total = total.index_add(0, row, step * share[:, None, None])
        count = count.index_add(0, row, torch.ones_like(share))
    return total / count.clamp(min=1.0)[:, None, None]


def boundary_times(
    sequences: Sequences, share: float, gap: Float[Tensor, " Q"] | None = None
) -> BoundaryTimes:
    """Where in time the boundary restriction of section 3.2 is applied.

    The paper extends the earlier motion by the exposure gap tau to the start of the later one. Here
    a share of the gap is the earlier motion's and the rest is the later one's: two short
    extrapolations err less than a long one, and reversed photos are treated alike.

    Args:
        sequences: the photos.
        share: of the gap, by which the earlier motion is extended; 1 is the paper's.
        gap: shut part of the frame time of each sequence, where it is estimated; else the given
            exposures tell it.
    """
    exposure = sequences.exposure
    if sequences.before is not None:
        exposure = torch.cat([exposure, sequences.before.exposure[None].to(exposure)])
    pairs = sequences.pairs  # the photo before is number -1, the last row now
    first, second = exposure[pairs[:, 0]], exposure[pairs[:, 1]]
    if gap is None:
        shut = (second[:, 0] - first[:, 1]).clamp(min=0.0)
        lengths = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    else:
        period = second[:, 0] - first[:, 0]
        closed = gap[sequences.number[pairs[:, 1]]]
        shut = closed * period
        lengths = (1.0 - closed) * period, (1.0 - closed) * period
    mean = 0.5 * (lengths[0] + lengths[1])
    return BoundaryTimes(
        end=1.0 + share * shut / lengths[0],
        start=-(1.0 - share) * shut / lengths[1],
        end_rate=mean / lengths[0],
        start_rate=mean / lengths[1],
    )


def boundary_states(
    motion: PolynomialMotion,
    betas: Float[Tensor, "P K"],
    sequences: Sequences,
    times: BoundaryTimes,
    body: SmplBody,
) -> tuple[BoundaryState, BoundaryState]:
    """What the motions of neighbouring photos say about the time where they meet.

    Args:
        motion: of each problem.
        betas: shape of each problem.
        sequences: the photos.
        times: from `boundary_times`.
        body: the body model.

    Returns:
        The end of the earlier and the start of the later motion, one entry a pair; rates per mean
        exposure of the two.
    """
    first, second = sequences.pairs.unbind(1)
    earlier = motion
    if sequences.before is not None:  # as the last row, where -1 finds it
        last = sequences.before.motion.to(motion.coeffs.dtype)
        earlier = PolynomialMotion.cat([motion, last])
    shape = betas[second]
    return (
        _state(earlier.index(first), times.end, times.end_rate, shape, body),
        _state(motion.index(second), times.start, times.start_rate, shape, body),
    )


def _state(
    motion: PolynomialMotion, t: Tensor, rate: Tensor, betas: Tensor, body: SmplBody
) -> BoundaryState:
    moving = evaluate_moving(motion, t)
    angular_velocity = moving.angular_velocity * rate[:, None, None]
    params = BodyParams(betas, moving.pose_rotmat, moving.transl)
    joints, velocity = joint_velocities(
        body, params, angular_velocity, moving.velocity * rate[:, None]
    )
    return BoundaryState(moving.pose_rotmat, angular_velocity, joints, velocity)
