"""Poses at given times, as programs that know nothing of exposures give them, and between them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.structures import InitialEstimate


@dataclass(frozen=True)
class PoseTrack:
    """Poses at K times, in their order.

    Attributes:
        times: increasing, in any unit that the asker uses, too.
        pose_rotmat: root first; the root's takes the model to the camera frame.
        transl: camera frame, m.

    Raises:
        ShapeError: if there are no poses or their numbers differ.
        InputError: if the times do not increase.
    """

    times: Float[Tensor, " K"]
    pose_rotmat: Float[Tensor, "K J 3 3"]
    transl: Float[Tensor, "K 3"]

    def __post_init__(self) -> None:
        count = len(self.times)
        if count == 0 or len(self.pose_rotmat) != count or len(self.transl) != count:
            raise ShapeError(
                f"a track needs poses: got {count} times, {len(self.pose_rotmat)} poses and "
                f"{len(self.transl)} places"
            )
        if count > 1 and not bool((self.times.diff() > 0).all()):
            raise InputError(f"the times of a track must increase, got {self.times.tolist()[:8]}")

    def at(self, t: Float[Tensor, " N"]) -> tuple[Float[Tensor, "N J 3 3"], Float[Tensor, "N 3"]]:
        """Poses at other times: the shortest turn and the straight line between neighbours.

        Before the first and after the last time the body stands still: nothing is known there.
        """
        if len(self.times) == 1:
            count = len(t)
            return self.pose_rotmat.expand(count, -1, -1, -1), self.transl.expand(count, -1)
        t = t.to(self.times).clamp(self.times[0], self.times[-1])
        after = torch.searchsorted(self.times, t).clamp(1, len(self.times) - 1)
        before = after - 1
        share = (t - self.times[before]) / (self.times[after] - self.times[before])
        share = share.to(self.transl)[:, None]
        first, second = self.pose_rotmat[before], self.pose_rotmat[after]
        turn = rotmat_to_rotvec(first.transpose(-1, -2) @ second)
        pose = first @ rotvec_to_rotmat(share[..., None] * turn)
        return pose, torch.lerp(self.transl[before], self.transl[after], share)


def track_of(
    estimates: list[InitialEstimate], times: Float[Tensor, " K"]
) -> tuple[PoseTrack, Float[Tensor, " S"]]:
    """The best hypothesis at each time as a track, and one shape for all of them.

    Args:
        estimates: one a time.
        times: of the estimates, increasing.

    Returns:
        The track and the mean shape: a person does not change, and a mean is better than each.
    """
    track = PoseTrack(
        times,
        torch.stack([estimate.pose_rotmat[0] for estimate in estimates]),
        torch.stack([estimate.transl[0] for estimate in estimates]),
    )
    return track, torch.stack([estimate.betas[0] for estimate in estimates]).mean(0)
