"""The boundary restriction between consecutive photos (section 3.2 of Human from Blur)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from hfb.geometry import rotmat_to_rotvec


@dataclass(frozen=True)
class BoundaryState:
    """A body at the time where two motions meet; derivatives in one common unit of time.

    Attributes:
        pose_rotmat: rotation of each joint relative to its parent, root first.
        angular_velocity: angular velocity of each joint, parent's frame, rad per unit of time.
        joints: camera frame, m.
        velocity: of the joints, m per unit of time.
    """

    pose_rotmat: Float[Tensor, "*B J 3 3"]
    angular_velocity: Float[Tensor, "*B J 3"]
    joints: Float[Tensor, "*B J 3"]
    velocity: Float[Tensor, "*B J 3"]


def boundary_loss(end: BoundaryState, start: BoundaryState) -> Float[Tensor, "*B"]:
    """How far the end of one motion is from the start of the next: section 3.2, no number.

    The L1 norms of the differences in rotation (rad), position (m) and their first derivatives,
    each a mean over the joints, so that the value does not depend on how many a body has. Zero if
    and only if the two motions meet smoothly.

    Args:
        end: the earlier motion where the two meet.
        start: the later motion there.

    Returns:
        One value a boundary.
    """
    turn = rotmat_to_rotvec(end.pose_rotmat.mT @ start.pose_rotmat)
    parts = (
        turn,
        end.angular_velocity - start.angular_velocity,
        end.joints - start.joints,
        end.velocity - start.velocity,
    )
    total = parts[0].abs().sum((-2, -1))
    for part in parts[1:]:
        total = total + part.abs().sum((-2, -1))
    return total / turn.shape[-2]
