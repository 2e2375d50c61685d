"""True and wrong matrices C beside each other: what a prior of the paper's form learns from.

As the optimisation has them: camera frame, direction and distance, axis and angle, begun at the
opening of the shutter. A wrong motion has the pose of a start, or something between it and the
truth, chains that run backwards, and the errors of a motion that is half found or not begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.mocap.pairs import KINDS, CorruptionSettings, with_faults, with_noise
from datamodules.mocap.start_errors import StartErrors
from datamodules.mocap.windows import Windows
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.polynomial import time_powers
from hfb.motion.tracks import mirror_motion
from hfb.ranges import SHARE, Range, check_settings

_NUM_SAMPLES = 9
_NO_AXIS = torch.tensor([0.0, 0.0, 1.0])
# Rad squared, summed over the samples: turns of up to about 0.08 rad leave their axis as it was.
_RIDGE = 0.05


class CoefficientPairs(NamedTuple):
    """A batch of motions, true and corrupted, in the camera frame.

    Attributes:
        coeffs: true C, signs and turns counted as those of `corrupted` are.
        corrupted: C with a wrong pose, a wrong motion, or both.
        seconds: duration of the windows that the motions are from.
    """

    coeffs: Float[Tensor, "B D1 K 4"]
    corrupted: Float[Tensor, "B D1 K 4"]
    seconds: Float[Tensor, " B"]


_RANGES: dict[str, Range] = {
    "true_pose": SHARE,
    "start_pose": SHARE,
    "at_rest": SHARE,
    "depth_error": (0.0, 10.0),
    "aside_error_m": (0.0, 10.0),
    "most_turned_rad": (0.0, 4.0),
}


@dataclass(frozen=True)
class PoseErrorSettings:
    """How wrong poses, places and motions are.

    Attributes:
        true_pose: share of motions whose pose is right.
        start_pose: share of those that have the start's; the rest has one in between.
        at_rest: share of motions that have not begun, as at the start of an optimisation.
        depth_error: standard deviation of the distance's error, share of it.
        aside_error_m: of the error across the line of sight, m.
        most_turned_rad: pairs whose start is turned further than this are left out.
    """

    true_pose: float = 0.15
    start_pose: float = 0.6
    at_rest: float = 0.25
    depth_error: float = 0.06
    aside_error_m: float = 0.02
    most_turned_rad: float = 0.8

    def __post_init__(self) -> None:
        check_settings(self, "data.pose_errors", _RANGES)


def make_coefficient_pairs(
    people: StartErrors,
    rows: Tensor,
    windows: Windows,
    scale: Float[Tensor, "D1 K"],
    degree: int,
    settings: tuple[CorruptionSettings, PoseErrorSettings],
    generator: torch.Generator,
) -> CoefficientPairs:
    """Give people motions and put faults into poses and motions.

    Args:
        people: true poses, and starts.
        rows: whom of them.
        windows: tangent motions.
        scale: typical size of each order and track of the windows.
        degree: of the paper's polynomials.
        settings: faults of motions, and of poses.
        generator: source of randomness.
    """
    of_motion, of_pose = settings
    truth, start, seconds = _motions_of(people, rows, windows, of_motion.mirror, generator)
    shares = torch.tensor([getattr(of_motion, name) for name in KINDS])
    count = len(rows)
    kinds = torch.multinomial(shares, count, replacement=True, generator=generator)
    wrong_motion, _ = with_faults(truth.coeffs, scale, kinds, of_motion, generator)
    is_noisy = torch.rand(count, generator=generator) < of_motion.noise
    wrong_motion = with_noise(wrong_motion, scale, is_noisy, 1, of_motion, generator)
    rests = torch.rand(count, generator=generator) < of_pose.at_rest
    wrong_motion = torch.where(rests[:, None, None, None], 0.0, wrong_motion)
    wrong = _misplaced(truth, start, wrong_motion, of_pose, generator)
    t = torch.linspace(0.0, 1.0, _NUM_SAMPLES)
    corrupted = papers_coeffs(*evaluate(wrong, t), t, degree)
    coeffs = papers_coeffs(*evaluate(truth, t), t, degree, corrupted)
    return CoefficientPairs(coeffs, corrupted, seconds)


def _motions_of(
    people: StartErrors, rows: Tensor, windows: Windows, mirror: float, generator: torch.Generator
) -> tuple[PolynomialMotion, Float[Tensor, "B J 3 3"], Float[Tensor, " B"]]:
    """True tangent motions in the camera frame, the starts' poses, and durations."""
    count, borrowed = len(rows), people.window[rows]
    choice = torch.randint(borrowed.shape[1], (count, 1), generator=generator)
    chosen = windows.select(borrowed.gather(1, choice)[:, 0])
    pose, start, transl = people.pose_rotmat[rows], people.start_rotmat[rows], people.transl[rows]
    # Turns are about the joints' own axes and stay; the way goes where the person now faces.
    turn = pose[:, 0] @ chosen.base_rotmat[:, 0].mT
    way = chosen.coeffs[:, :, :1] @ turn.mT.unsqueeze(1)
    coeffs = torch.cat([way, chosen.coeffs[:, :, 1:]], 2)
    # The window's middle is the pair's pose itself.
    coeffs = torch.cat([torch.zeros_like(coeffs[:, :1]), coeffs[:, 1:]], 1)
    is_mirrored = torch.rand(count, generator=generator) < mirror
    seen = mirror_motion(coeffs, pose, transl)
    seen_start = mirror_motion(coeffs, start, transl)[1]
    pick = is_mirrored[:, None, None, None]
    coeffs = torch.where(pick, seen[0], coeffs)
    pose, start = torch.where(pick, seen[1], pose), torch.where(pick, seen_start, start)
    transl = torch.where(is_mirrored[:, None], seen[2], transl)
    return PolynomialMotion(coeffs, pose, transl), start, chosen.seconds


def _misplaced(
    truth: PolynomialMotion,
    start: Float[Tensor, "B J 3 3"],
    coeffs: Float[Tensor, "B D1 K 3"],
    settings: PoseErrorSettings,
    generator: torch.Generator,
) -> PolynomialMotion:
    """Another motion about a pose between the true one and the start's, at another place."""
    count, pose, transl = len(start), truth.base_rotmat, truth.base_transl
    share = torch.rand(count, generator=generator)
    kind = torch.rand(count, generator=generator)
    share = torch.where(kind < settings.true_pose + settings.start_pose, 1.0, share)
    share = torch.where(kind < settings.true_pose, 0.0, share)
    error = rotmat_to_rotvec(pose.mT @ start) * share[:, None, None]
    errors = torch.randn(count, 3, generator=generator)
    depth = 1.0 + settings.depth_error * errors[:, :1] * share[:, None]
    aside = settings.aside_error_m * errors[:, 1:] * share[:, None]
    moved = transl * depth + torch.cat([aside, torch.zeros(count, 1)], 1)
    return PolynomialMotion(coeffs, pose @ rotvec_to_rotmat(error), moved)


def papers_coeffs(
    pose_rotmat: Float[Tensor, "B S J 3 3"],
    transl: Float[Tensor, "B S 3"],
    t: Float[Tensor, " S"],
    degree: int,
    like: Float[Tensor, "B D1 K 4"] | None = None,
) -> Float[Tensor, "B D1 K 4"]:
    """Sampled poses as the paper's coefficients, written as another motion's are.

    (a, θ), (-a, -θ) and (a, θ + 2π) are one rotation, and where an angle is small its axis may be
    anything: only differences that mean something shall count. So axes keep to the other motion's,
    or to their own of the middle, as far as the angles leave them free: weighted least squares with
    a ridge.

    Args:
        pose_rotmat: sampled poses.
        transl: sampled places.
        t: times of the samples.
        degree: of the polynomials.
        like: the other motion; None: there is none.
    """
    vectors = torch.cat([transl.unsqueeze(-2), rotmat_to_rotvec(pose_rotmat)], -2)
    if like is None:
        middle = vectors[:, len(t) // 2]
        usual = torch.linalg.vector_norm(middle, dim=-1, keepdim=True)
        # No rotation at all is written about z, as `static_motion` does.
        axis = torch.where(usual > 1e-6, middle / usual.clamp(min=1e-8), _NO_AXIS)
        prior_axes = torch.zeros(*axis.shape[:2], degree + 1, 3)
        prior_axes[:, :, 0] = axis
    else:
        powers = time_powers(t, like.shape[1] - 1, 0.0)
        tracks = (powers @ like.flatten(-2)).unflatten(-1, like.shape[-2:])
        axis, usual = tracks[..., :3].mean(1), tracks[..., 3:].mean(1)
        prior_axes = like[..., :3].movedim(1, 2)
    vectors = _unwound(vectors, axis.unsqueeze(1), usual.unsqueeze(1))
    powers = time_powers(t, degree, 0.0)
    size = torch.linalg.vector_norm(vectors, dim=-1)
    ridge = _RIDGE * torch.eye(degree + 1)
    normal = torch.einsum("bsk,sd,se->bkde", size.square(), powers, powers) + ridge
    sign = torch.where((vectors * axis.unsqueeze(1)).sum(-1) < 0, -1.0, 1.0)
    right = torch.einsum("bsk,sd,bskc->bkdc", size * sign, powers, vectors)
    axes = torch.linalg.solve(normal, right + _RIDGE * prior_axes)
    unit = torch.nn.functional.normalize(torch.einsum("sd,bkdc->bskc", powers, axes), dim=-1)
    length = (vectors * unit).sum(-1)
    sizes = torch.einsum("ds,bsk->bdk", torch.linalg.pinv(powers), length)
    return torch.cat([axes.movedim(1, 2), sizes.unsqueeze(-1)], -1)


def _unwound(
    vectors: Float[Tensor, "B S K 3"],
    axis: Float[Tensor, "B 1 K 3"],
    usual: Float[Tensor, "B 1 K 1"],
) -> Float[Tensor, "B S K 3"]:
    """Rotation vectors with the full turns that bring their angle about an axis nearest to usual.

    Track 0 is a place and has no turns.
    """
    size = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    sign = torch.where((vectors * axis).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    angle = size * sign
    turns = torch.round((usual - angle) / (2 * torch.pi))
    turns = torch.cat([torch.zeros_like(turns[:, :, :1]), turns[:, :, 1:]], 2)
    own = vectors / size.clamp(min=1e-8) * sign
    direction = torch.where(size > 1e-6, own, torch.nn.functional.normalize(axis, dim=-1))
    return direction * (angle + 2 * torch.pi * turns)
