"""Metrics of joints: one value a sample.

Joints are compared at S times of the exposure, root-aligned unless said otherwise. A single blurry
image cannot tell a motion from its reverse, so the fixed-direction error, the error in the better
direction and the share of right directions are three metrics, never one.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.geometry import procrustes_align
from hfb.metrics.functional.checks import check_shapes

MM_PER_M = 1000.0
Root = int | tuple[int, ...] | None


def align_root(joints: Float[Tensor, "*B J 3"], root: Root = 0) -> Float[Tensor, "*B J 3"]:
    """Joints relative to the root.

    Args:
        joints: m.
        root: index of the root joint; several indices mean their centre (the two hips, where a
            joint set has no pelvis); None leaves the joints where they are.

    Returns:
        Same shape, m.
    """
    if root is None:
        return joints
    index = [root] if isinstance(root, int) else list(root)
    return joints - joints[..., index, :].mean(-2, keepdim=True)


def _joint_errors(
    preds: Float[Tensor, "*B J 3"], target: Float[Tensor, "*B J 3"], root: Root
) -> Float[Tensor, "*B J"]:
    """Distances, mm."""
    offset = align_root(preds, root) - align_root(target, root)
    return torch.linalg.vector_norm(offset, dim=-1) * MM_PER_M


def per_joint_error(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B J"]:
    """Error of each joint in mm, mean over sub-frames; the mean over the joints is `mpjpe`.

    Args:
        preds: joints, m.
        target: true joints at the same times, m.
        root: as in `align_root`.

    Returns:
        One value a sample and joint, mm.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(1, 2, 3)
        >>> preds = torch.tensor([[[0.0, 0, 0], [0, 0.03, 0.04]]])
        >>> [round(mm, 3) for mm in per_joint_error(preds, target).tolist()]
        [0.0, 50.0]
    """
    check_shapes(preds, target, "joints")
    return _joint_errors(preds, target, root).mean(-2)


def mpjpe(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B"]:
    """Mean per-joint position error in mm over sub-frames and joints, in the given time order.

    Args:
        preds: joints, m.
        target: true joints at the same times, m.
        root: as in `align_root`; None gives the error in the camera frame.

    Returns:
        One value a sample, mm.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
        >>> preds = torch.tensor([[[0.5, 0, 0], [1.5, 0.1, 0]]])
        >>> mpjpe(preds, target)
        tensor(50.)
    """
    check_shapes(preds, target, "joints")
    return _joint_errors(preds, target, root).mean((-2, -1))


def best_direction_mpjpe(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B"]:
    """MPJPE in mm of the motion or of its time reversal, whichever is closer to the truth.

    A lower bound of `mpjpe` that looks at the answer; a static prediction gains nothing from it.
    The times must lie symmetrically about mid-exposure.

    Args:
        preds: joints, m.
        target: true joints, m.
        root: as in `align_root`.

    Returns:
        One value a sample, mm.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(2, 2, 3)
        >>> target[:, 1, 0] = torch.tensor([1.0, 2.0])
        >>> best_direction_mpjpe(target.flip(0), target), mpjpe(target.flip(0), target)
        (tensor(0.), tensor(500.))
    """
    forward = mpjpe(preds, target, root)
    return torch.minimum(forward, mpjpe(preds.flip(-3), target, root))


def mid_exposure_mpjpe(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B"]:
    """MPJPE in mm at the middle of the exposure, where the direction of time does not matter.

    Args:
        preds: joints, m.
        target: true joints, m.
        root: as in `align_root`.

    Returns:
        One value a sample, mm: the error of the middle sub-frame, or the mean over the middle two.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(3, 2, 3)
        >>> preds = target.clone()
        >>> preds[1, 1, 0], preds[0, 1, 0] = 0.1, 5.0
        >>> mid_exposure_mpjpe(preds, target)
        tensor(50.)
    """
    return mid_exposure_per_joint(preds, target, root).mean(-1)


def mid_exposure_per_joint(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B J"]:
    """Error of each joint in mm at the middle of the exposure; their mean is `mid_exposure_mpjpe`.

    Args:
        preds: joints, m.
        target: true joints, m.
        root: as in `align_root`.

    Returns:
        One value a sample and joint, mm: of the middle sub-frame, or the mean over the middle two.

    Raises:
        ShapeError: if the shapes differ.
    """
    check_shapes(preds, target, "joints")
    num = preds.shape[-3]
    middle = slice((num - 1) // 2, num // 2 + 1)
    return per_joint_error(preds[..., middle, :, :], target[..., middle, :, :], root)


def pa_mpjpe(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]
) -> Float[Tensor, "*B"]:
    """MPJPE in mm after aligning each sub-frame by its best similarity transform.

    Args:
        preds: joints, m.
        target: true joints, m.

    Returns:
        One value a sample, mm.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.eye(3).unsqueeze(0)
        >>> round(float(pa_mpjpe(2 * target + 1, target)), 3)
        0.0
    """
    check_shapes(preds, target, "joints")
    return _joint_errors(procrustes_align(preds, target), target, root=None).mean((-2, -1))


def path_length(joints: Float[Tensor, "*B S J 3"], root: Root = 0) -> Float[Tensor, "*B"]:
    """How far the joints travel during the exposure, mm, mean over the joints.

    Args:
        joints: m, in temporal order.
        root: as in `align_root`; None includes the translation of the body.

    Returns:
        One value a sample, mm.

    Example:
        >>> import torch
        >>> joints = torch.zeros(3, 2, 3)
        >>> joints[:, 1, 0] = torch.tensor([0.0, 0.1, 0.0])
        >>> path_length(joints)
        tensor(100.)
    """
    steps = align_root(joints, root).diff(dim=-3)
    return torch.linalg.vector_norm(steps, dim=-1).mean(-1).sum(-1) * MM_PER_M


def direction_score(
    preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"], root: Root = 0
) -> Float[Tensor, "*B"]:
    """Cosine between the time-odd parts of two motions: 1 same direction, -1 reversed.

    Half the difference of a motion and its time reversal is what a reversal flips. The sign of the
    inner product tells whether the motion or its reverse has the smaller squared error.

    Args:
        preds: joints, m.
        target: true joints, m.
        root: as in `align_root`.

    Returns:
        In [-1, 1]; 0 where one of the two does not move or moves there and back.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(2, 2, 3)
        >>> target[:, 1, 0] = torch.tensor([1.0, 2.0])
        >>> [round(float(direction_score(p, target)), 3) for p in (target, target.flip(0))]
        [1.0, -1.0]
    """
    check_shapes(preds, target, "joints")
    odd_preds, odd_target = (
        (aligned - aligned.flip(-3)).flatten(-3)
        for aligned in (align_root(preds, root), align_root(target, root))
    )
    # A movement below a micrometre is rounding.
    norms = [torch.linalg.vector_norm(odd, dim=-1) for odd in (odd_preds, odd_target)]
    moves = (norms[0] > 1e-6) & (norms[1] > 1e-6)
    cosine = (odd_preds * odd_target).sum(-1) / (norms[0] * norms[1]).clamp(min=1e-12)
    return torch.where(moves, cosine, 0.0)


def direction_correct(
    preds: Float[Tensor, "S J 3"],
    target: Float[Tensor, "S J 3"],
    min_path_mm: float = 20.0,
    root: Root = 0,
) -> bool | None:
    """Whether one motion runs in the right direction of time.

    Args:
        preds: joints, m.
        target: true joints, m.
        min_path_mm: true paths shorter than this (mean over joints) have no direction to find.
        root: as in `align_root`.

    Returns:
        None where the truth moves too little or the prediction does not move at all.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import torch
        >>> target = torch.zeros(2, 2, 3)
        >>> target[:, 1, 0] = torch.tensor([1.0, 2.0])
        >>> direction_correct(target.flip(0), target), direction_correct(target * 0, target)
        (False, None)
    """
    score = float(direction_score(preds, target, root))
    if score == 0.0 or float(path_length(target, root)) < min_path_mm:
        return None
    return score > 0.0
