"""True motions and corrupted ones beside them: what the motion prior learns from.

Everything random is drawn on the fly, so that no two epochs show the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from datamodules.mocap.windows import Windows
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.motion.tracks import NUM_TRACKS, chain_matrix, first_order, mirror_motion, reversal_signs
from hfb.ranges import SHARE, WEIGHT, Range, check_settings
from hfb.skeleton import CHAINS

KINDS = ("clean", "whole", "chains", "joints", "drift")


class MotionPairs(NamedTuple):
    """A batch of motions, true and corrupted, in the heading-free frame.

    A named tuple, because Lightning cannot move frozen dataclasses to a device.

    Attributes:
        coeffs: true coefficients, all orders, lowest first.
        corrupted: the same with a fault.
        wrong: entries (order, track) that the fault has changed.
        base_rotmat: pose that the coefficients are about.
        base_transl: translation that they are about, m.
        seen_rotmat: `base_rotmat` as an estimate from a photo might have it.
        kind: index into `KINDS` of the fault.
        seconds: duration of each window.
    """

    coeffs: Float[Tensor, "B D1 K C"]
    corrupted: Float[Tensor, "B D1 K C"]
    wrong: Bool[Tensor, "B D1 K"]
    base_rotmat: Float[Tensor, "B J 3 3"]
    base_transl: Float[Tensor, "B 3"]
    seen_rotmat: Float[Tensor, "B J 3 3"]
    kind: Int[Tensor, " B"]
    seconds: Float[Tensor, " B"]


_RANGES: dict[str, Range] = {
    **dict.fromkeys(KINDS, WEIGHT),
    "most_chains": (1, len(CHAINS)),
    "drift_size": (0.0, 1000.0),
    "noise": SHARE,
    "noise_size": (0.0, 1000.0),
    "least_kept": SHARE,
    "pose_noise_rad": (0.0, 4.0),
    "tilt_deg": (0.0, 180.0),
    "lower_degree": SHARE,
    "mirror": SHARE,
}


@dataclass(frozen=True)
class CorruptionSettings:
    """How often which fault is put in, and how the windows are varied.

    Attributes:
        clean: share of motions without a fault (shares are relative to each other).
        whole: of motions played backwards.
        chains: of motions with kinematic chains played backwards.
        most_chains: how many of the chains at most.
        joints: of motions with one to four joints played backwards.
        drift: of motions with a constant velocity added to the root or one joint.
        drift_size: standard deviation of the added velocity, in typical velocities of the track.
        noise: share of motions that also get the errors a refinement makes, faulty or not: all
            coefficients shrink, higher orders more, and get noise.
        noise_size: largest standard deviation of that noise, as a share of the coefficients'
            typical size in the same motion.
        least_kept: smallest factor that coefficients shrink by.
        pose_noise_rad: largest standard deviation of the error of the middle pose.
        tilt_deg: standard deviation of the tilt of the vertical (a camera held askew).
        lower_degree: share of motions replaced by the best one of a lower degree.
        mirror: share of motions seen in a mirror.
    """

    clean: float = 0.35
    whole: float = 0.15
    chains: float = 0.4
    most_chains: int = 3
    joints: float = 0.1
    drift: float = 0.1
    drift_size: float = 1.5
    noise: float = 0.2
    noise_size: float = 1.0
    least_kept: float = 0.2
    pose_noise_rad: float = 0.2
    tilt_deg: float = 4.0
    lower_degree: float = 0.3
    mirror: float = 0.5

    def __post_init__(self) -> None:
        check_settings(self, "corruption", _RANGES)
        if not any(getattr(self, name) for name in KINDS):
            raise InputError(f"corruption: one of the shares {', '.join(KINDS)} must be above 0")


PLAIN = CorruptionSettings(
    clean=0.0,
    whole=0.0,
    most_chains=1,
    joints=0.0,
    drift=0.0,
    noise=0.0,
    tilt_deg=0.0,
    lower_degree=0.0,
    mirror=0.0,
)
"""Validation: windows as they are, with one chain played backwards as the only fault."""


def make_pairs(
    windows: Windows,
    scale: Float[Tensor, "D1 K"],
    settings: CorruptionSettings,
    generator: torch.Generator,
) -> MotionPairs:
    """Vary true motions and put faults into them.

    Args:
        windows: the motions.
        scale: typical size of each order and track.
        settings: which faults and variations.
        generator: source of randomness.
    """
    coeffs, rotmat, transl = windows.coeffs, windows.base_rotmat, windows.base_transl
    count, lowest = len(windows), first_order("tangent" if coeffs.shape[-1] == 3 else "paper")

    def chance(share: float) -> Tensor:
        return torch.rand(count, generator=generator) < share

    is_mirrored = chance(settings.mirror)[:, None, None]
    mirrored = mirror_motion(coeffs, rotmat, transl)
    coeffs = torch.where(is_mirrored.unsqueeze(-1), mirrored[0], coeffs)
    rotmat = torch.where(is_mirrored.unsqueeze(-1), mirrored[1], rotmat)
    transl = torch.where(is_mirrored[:, :, 0], mirrored[2], transl)
    if lowest == 1:
        coeffs = lowered_degree(coeffs, chance(settings.lower_degree), generator)
        coeffs, rotmat = _tilted(coeffs, rotmat, settings.tilt_deg, generator)
    shares = torch.tensor([getattr(settings, name) for name in KINDS])
    kinds = torch.multinomial(shares, count, replacement=True, generator=generator)
    corrupted, wrong = with_faults(coeffs, scale, kinds, settings, generator)
    is_noisy = chance(settings.noise)
    corrupted = with_noise(corrupted, scale, is_noisy, lowest, settings, generator)
    size = settings.pose_noise_rad * torch.rand(count, 1, 1, generator=generator)
    turn = torch.randn(*rotmat.shape[:2], 3, generator=generator) * size * is_noisy[:, None, None]
    return MotionPairs(
        coeffs=coeffs,
        corrupted=corrupted,
        wrong=wrong,
        base_rotmat=rotmat,
        base_transl=transl,
        seen_rotmat=rotmat @ rotvec_to_rotmat(turn),
        kind=kinds,
        seconds=windows.seconds,
    )


def with_faults(
    coeffs: Float[Tensor, "B D1 K C"],
    scale: Float[Tensor, "D1 K"],
    kinds: Int[Tensor, " B"],
    settings: CorruptionSettings,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B D1 K C"], Bool[Tensor, "B D1 K"]]:
    """Coefficients with one fault a motion, and the entries that it has changed."""
    backwards = _backward_tracks(kinds, settings.most_chains, generator)
    lowest = first_order("tangent" if coeffs.shape[-1] == 3 else "paper")
    signs = coeffs.new_ones(coeffs.shape[1], 1, 1)
    signs[lowest:] = reversal_signs(coeffs[:, lowest:])
    is_odd = signs[:, 0] < 0
    corrupted = torch.where(backwards[:, None, :, None], coeffs * signs, coeffs)
    wrong = backwards[:, None] & is_odd
    # A constant velocity of the translation, the root, or one joint.
    track = torch.randint(2, NUM_TRACKS, (len(coeffs),), generator=generator)
    on_root = torch.rand(len(coeffs), generator=generator) < 0.5
    track = torch.where(on_root, track % 2, track)
    has_drift = torch.nn.functional.one_hot(track, NUM_TRACKS).bool()
    has_drift = has_drift & (kinds == KINDS.index("drift"))[:, None]
    drift = torch.randn(coeffs[:, 1].shape, generator=generator) * settings.drift_size
    drift = drift * scale[1].unsqueeze(-1) * has_drift.unsqueeze(-1)
    corrupted = torch.cat(
        [corrupted[:, :1], corrupted[:, 1:2] + drift.unsqueeze(1), corrupted[:, 2:]], 1
    )
    wrong[:, 1] |= has_drift
    return corrupted, wrong


def with_noise(
    coeffs: Float[Tensor, "B D1 K C"],
    scale: Float[Tensor, "D1 K"],
    is_noisy: Bool[Tensor, " B"],
    lowest: int,
    settings: CorruptionSettings,
    generator: torch.Generator,
) -> Float[Tensor, "B D1 K C"]:
    """Coefficients as a refinement would find them.

    Measured on refinements of 57 synthetic photos, in their better direction: first-order
    coefficients come out at two thirds of their size with errors 1.2 times as large as themselves,
    second-order ones at a third with errors of their own size. So noise is relative to the motion.
    """
    count, moving = len(coeffs), coeffs[:, lowest:]
    size = settings.noise_size * torch.rand(count, 1, 1, 1, generator=generator)
    typical = scale[lowest:].unsqueeze(-1)
    relative = (moving / typical).square().mean((2, 3), keepdim=True).sqrt()
    noise = torch.randn(moving.shape, generator=generator) * typical * size * relative
    kept = 1.0 - (1.0 - settings.least_kept) * torch.rand(count, 1, 1, 1, generator=generator)
    order = torch.arange(lowest, coeffs.shape[1])[:, None, None]
    # Half the shrinking at first order, all of it above, none of the pose.
    kept = torch.where(order > 1, kept, 0.5 + 0.5 * kept)
    kept, noise = torch.where(order > 0, kept, 1.0), torch.where(order > 0, noise, 0.0)
    noisy = torch.cat([coeffs[:, :lowest], moving * kept + noise], 1)
    return torch.where(is_noisy[:, None, None, None], noisy, coeffs)


def _backward_tracks(
    kinds: Int[Tensor, " B"], most_chains: int, generator: torch.Generator
) -> Bool[Tensor, "B K"]:
    """Tracks to be played backwards, by the kind of fault."""
    count = len(kinds)
    chains = chain_matrix().bool()

    def some(total: int, most: int) -> Tensor:
        """One to `most` of `total`, as a mask."""
        order = torch.rand(count, total, generator=generator).argsort(1)
        number = torch.randint(1, most + 1, (count, 1), generator=generator)
        return order < number

    of_chains = (some(len(chains), most_chains).unsqueeze(-1) & chains).any(1)
    of_joints = torch.cat([torch.zeros(count, 2).bool(), some(NUM_TRACKS - 2, 4)], 1)
    none = torch.zeros(count, NUM_TRACKS).bool()
    by_kind = {"whole": ~none, "chains": of_chains, "joints": of_joints}
    result = none
    for name, tracks in by_kind.items():
        result = torch.where((kinds == KINDS.index(name))[:, None], tracks, result)
    return result


def lowered_degree(
    coeffs: Float[Tensor, "B D1 K C"], chosen: Bool[Tensor, " B"], generator: torch.Generator
) -> Float[Tensor, "B D1 K C"]:
    """Replace some motions by their least-squares fit of a lower degree, never below 1.

    A refinement of degree 2 shows the prior what a quadratic makes of a motion, which is not the
    cubic without its last term. The constant coefficient, the pose, is kept.
    """
    highest = coeffs.shape[1] - 1
    if highest < 2:
        return coeffs
    u = torch.linspace(-0.5, 0.5, 33, dtype=coeffs.dtype)
    degree = torch.randint(1, highest, (len(coeffs),), generator=generator)
    result = coeffs
    for lower in range(1, highest):
        low = u[:, None] ** torch.arange(1, lower + 1)
        high = u[:, None] ** torch.arange(1, highest + 1)
        matrix = coeffs.new_zeros(highest, highest)
        matrix[:lower] = torch.linalg.pinv(low) @ high
        fitted = torch.einsum("de,bekc->bdkc", matrix, coeffs[:, 1:])
        fitted = torch.cat([coeffs[:, :1], fitted], 1)
        is_chosen = (chosen & (degree == lower))[:, None, None, None]
        result = torch.where(is_chosen, fitted, result)
    return result


def _tilted(
    coeffs: Float[Tensor, "B D1 K C"],
    rotmat: Float[Tensor, "B J 3 3"],
    tilt_deg: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B D1 K C"], Float[Tensor, "B J 3 3"]]:
    """Tilt the vertical: turns the root and the translation, nothing else."""
    axis = torch.randn(len(coeffs), 3, generator=generator)
    axis[:, 1] = 0.0  # turning about the vertical is what the frame has taken away
    turn = rotvec_to_rotmat(axis * (tilt_deg * torch.pi / 180))
    root = turn @ rotmat[:, 0]
    transl = coeffs[:, :, :1] @ turn.mT.unsqueeze(1)
    return (
        torch.cat([transl, coeffs[:, :, 1:]], 2),
        torch.cat([root.unsqueeze(1), rotmat[:, 1:]], 1),
    )
