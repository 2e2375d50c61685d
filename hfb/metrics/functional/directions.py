"""In which direction single joints move, for consecutive photos where time has a direction."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.metrics.functional.checks import check_shapes
from hfb.metrics.functional.joints import MM_PER_M


def joint_directions(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*B S J 3"], min_move_mm: float = 50.0
) -> tuple[Bool[Tensor, "*B J"], Bool[Tensor, "*B J"]]:
    """Which joints move in the right direction, and which move far enough to have one.

    A joint's displacement is that from its first to its last position, in the camera frame.

    Args:
        preds: joints, m, in temporal order.
        target: true joints, m.
        min_move_mm: true displacements shorter than this do not count.

    Returns:
        True where the estimated displacement points along the true one rather than against it; True
        where the true one is long enough.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(2, 2, 3)
        >>> target[1, 0, 0] = 0.1
        >>> [values.tolist() for values in joint_directions(0.5 * target, target)]
        [[True, False], [True, False]]
    """
    check_shapes(preds, target, "joints")
    moved, truth = (joints[..., -1, :, :] - joints[..., 0, :, :] for joints in (preds, target))
    moves = torch.linalg.vector_norm(truth, dim=-1) * MM_PER_M > min_move_mm
    return (moved * truth).sum(-1) > 0.0, moves
