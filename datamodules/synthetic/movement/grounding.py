"""Where the pelvis is: feet on the ground, no skating, ballistic flight.

Joint angles say how a body is bent but not where it is. Standing, the lowest point of the soles
touches the ground and does not slide; flying, the pelvis follows a parabola under gravity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from hfb.skeleton import NUM_JOINTS
from hfb.structures import BodyParams, PosedBody

Array = NDArray[np.float64]

GRAVITY = 9.81
_LEFT_ANKLE, _RIGHT_ANKLE, _LEFT_FOOT, _RIGHT_FOOT = 7, 8, 10, 11
_SOLE_HEIGHT = 0.012
# A sole point shares the support when it is within about this height of the lowest one.
_CONTACT_SOFTNESS = 0.006
_GIVING_WAY_S = 0.03


@runtime_checkable
class GroundedBody(Protocol):
    """What is needed of a body: `hfb.body.SmplBody` has it."""

    parents: tuple[int, ...]

    def __call__(self, params: BodyParams) -> PosedBody:
        """Vertices and joints of a pose."""
        ...


def _global_rotations(
    rotmat: Float[Tensor, "S J 3 3"], parents: Sequence[int]
) -> Float[Tensor, "S J 3 3"]:
    chain = [rotmat[:, 0]]
    for joint in range(1, rotmat.shape[1]):
        chain.append(chain[int(parents[joint])] @ rotmat[:, joint])
    return torch.stack(chain, dim=1)


def _sole_points(rest: PosedBody) -> list[tuple[int, int, Tensor]]:
    """Side (0 left, 1 right), joint, and offsets (P, 3) of the sole vertices that move with it."""
    verts, joints = rest.verts, rest.joints
    low = verts[:, 1] < verts[:, 1].min() + _SOLE_HEIGHT
    points = []
    for side, (ankle, foot) in enumerate(((_LEFT_ANKLE, _LEFT_FOOT), (_RIGHT_ANKLE, _RIGHT_FOOT))):
        own = low & ((verts[:, 0] > 0) == (side == 0))
        front = verts[:, 2] > joints[foot, 2]
        points.append((side, ankle, verts[own & ~front] - joints[ankle]))
        points.append((side, foot, verts[own & front] - joints[foot]))
    return points


def sole_positions(
    body: GroundedBody, betas: Float[Tensor, " K"], rotmat: Float[Tensor, "S 24 3 3"]
) -> tuple[Float[Tensor, "S P 3"], list[int], Float[Tensor, " 3"]]:
    """Where the soles are.

    Returns:
        Positions of points of the soles relative to the pelvis, m; the side of each point, 0 left
        and 1 right; and the pelvis' rest position, m.
    """
    eye = torch.eye(3, dtype=rotmat.dtype, device=rotmat.device).expand(1, NUM_JOINTS, 3, 3)
    rest = body(BodyParams(betas[None], eye, betas.new_zeros(1, 3)))
    rest = PosedBody(verts=rest.verts[0], joints=rest.joints[0])
    chain = _global_rotations(rotmat, body.parents)
    offsets = {0: rotmat.new_zeros(len(rotmat), 3)}
    for joint in range(1, NUM_JOINTS):
        parent = int(body.parents[joint])
        bone = rest.joints[joint] - rest.joints[parent]
        offsets[joint] = offsets[parent] + chain[:, parent] @ bone
    soles = [
        offsets[joint][:, None] + torch.einsum("sij,pj->spi", chain[:, joint], points)
        for _, joint, points in _sole_points(rest)
    ]
    sides = [side for side, _, points in _sole_points(rest) for _ in range(len(points))]
    return torch.cat(soles, dim=1), sides, rest.joints[0]


def root_path(
    body: GroundedBody,
    betas: Float[Tensor, " K"],
    rotmat: Float[Tensor, "S 24 3 3"],
    times: Array,
    flights: Sequence[tuple[float, float]] = (),
    support: Array | None = None,
) -> Array:
    """Smplx's `transl` (S, 3) that keeps the feet on the ground y = 0 without sliding, m.

    Not in the paper: its motions come with their translation. Starts above the origin.

    Args:
        body: gives the sole points and the rest pelvis.
        betas: shape of the body.
        rotmat: root-first pose in a world with y up.
        times: of the poses, s, increasing.
        flights: (take-off, landing) times; in between the pelvis flies freely and the horizontal
            speed changes evenly from that of the take-off to that of the landing.
        support: how much the left and the right foot (S, 2) carry, in [0, 1]; both fully if None. A
            swinging foot may brush the ground but does not hold the body.
    """
    soles, sides, pelvis_rest = sole_positions(body, betas, rotmat)
    support = np.ones((len(times), 2)) if support is None else support
    soles_np = soles.double().cpu().numpy()
    heights = soles_np[..., 1]
    pelvis_y = -heights.min(axis=1)
    flying = np.zeros(len(times), dtype=bool)
    for start, end in flights:
        inside = (times > start) & (times < end)
        flying |= inside
        ends = np.interp([start, end], times, pelvis_y)
        t = times[inside]
        line = ends[0] + (ends[1] - ends[0]) * (t - start) / (end - start)
        pelvis_y[inside] = np.maximum(
            pelvis_y[inside], line + 0.5 * GRAVITY * (t - start) * (end - t)
        )
    pelvis_xz = _without_sliding(soles_np, sides, support, times, flying)
    path = np.stack([pelvis_xz[:, 0], pelvis_y, pelvis_xz[:, 1]], axis=1)
    return _smoothed(path, times) - pelvis_rest.double().cpu().numpy()


def _without_sliding(
    soles: Array, sides: list[int], support: Array, times: Array, flying: NDArray[np.bool_]
) -> Array:
    """Pelvis x and z (S, 2) such that the weighted contact points stand still, m."""
    heights = soles[..., 1]
    carries = support[:, sides] + 1e-6
    # The lowest point of the feet that carry, so that a low swinging foot does not count.
    lowest = np.where(carries > 0.5, heights, np.inf).min(axis=1, keepdims=True)
    lowest = np.where(np.isfinite(lowest), lowest, heights.min(axis=1, keepdims=True))
    weight = carries * np.exp(-np.abs(heights - lowest) / _CONTACT_SOFTNESS)
    weight /= weight.sum(axis=1, keepdims=True)
    weight = 0.5 * (weight[1:] + weight[:-1])
    step = -(weight[..., None] * np.diff(soles[..., [0, 2]], axis=0)).sum(axis=1)
    velocity = step / np.diff(times)[:, None]
    air = flying[1:] | flying[:-1]
    if air.any() and not air.all():
        index = np.arange(len(air))
        for k in range(2):
            velocity[air, k] = np.interp(index[air], index[~air], velocity[~air, k])
    return np.concatenate([np.zeros((1, 2)), np.cumsum(velocity * np.diff(times)[:, None], axis=0)])


def _smoothed(path: Array, times: Array) -> Array:
    """The path (S, 3) averaged over 30 ms: joints yield where a foot lands or lifts off.

    A landing at 1 m/s is rounded by 4 mm.
    """
    width = max(1, round(_GIVING_WAY_S / float(np.median(np.diff(times)))))
    kernel = np.hanning(width + 2)[1:-1]
    kernel /= kernel.sum()
    # Continue the path straight on at both ends: the mean of a line is its middle.
    ahead = np.arange(width, 0, -1)[:, None]
    before = path[:1] - ahead * (path[1:2] - path[:1])
    after = path[-1:] + ahead[::-1] * (path[-1:] - path[-2:-1])
    padded = np.concatenate([before, path, after])
    columns = [np.convolve(padded[:, k], kernel, mode="same") for k in range(path.shape[1])]
    return np.stack(columns, axis=1)[width:-width]
