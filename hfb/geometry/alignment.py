"""Bodies turned and moved onto others: similarity alignment, headings, what is upright."""

import roma
import torch
from jaxtyping import Float
from torch import Tensor

MODEL_TO_CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""From SMPL's model frame (y up, the person looks along +z) to the camera frame, facing it."""


def procrustes_align(
    preds: Float[Tensor, "*B J 3"], target: Float[Tensor, "*B J 3"]
) -> Float[Tensor, "*B J 3"]:
    """Move `preds` onto `target` by the best similarity transform (rotation, translation, scale).

    Least squares, no reflection (Umeyama 1991), through `roma.rigid_points_registration`.

    Args:
        preds: points to move, m.
        target: where they should go, m.

    Returns:
        The moved points. Where all points of `preds` coincide no rotation or scale is defined and
        they move to the centre of `target`.
    """
    centre = preds.mean(-2, keepdim=True)
    target_centre = target.mean(-2, keepdim=True)
    spread = (preds - centre).square().sum((-2, -1))
    degenerate = spread <= torch.finfo(preds.dtype).tiny
    # Points that coincide would give 0/0: register the target on itself, then drop the result.
    source = torch.where(degenerate[..., None, None], target - target_centre, preds - centre)
    rotmat, _, scale = roma.rigid_points_registration(
        source, target - target_centre, compute_scaling=True
    )
    moved = scale[..., None, None] * (source @ rotmat.mT) + target_centre
    return torch.where(degenerate[..., None, None], target_centre.expand_as(moved), moved)


def heading_rotation(root_rotmat: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3 3"]:
    """The turn about the vertical that makes a person face +z: what takes its heading away.

    The heading is at right angles to the root's own left axis (x of SMPL's model frame), which
    stays horizontal when a person bends forwards, as the facing direction does not. A person lying
    on the side has no heading; then the turn is arbitrary, but a rotation.

    Args:
        root_rotmat: rotation of the root in a frame with y up.

    Returns:
        Rotation about y, to be multiplied from the left.
    """
    left = root_rotmat[..., :, 0]
    angle = torch.atan2(left[..., 2], left[..., 0])
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [cosine, zero, sine, zero, one, zero, -sine, zero, cosine]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def upright_rotation(up: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """The smallest turn that makes a camera level: it takes `up` to -y.

    Exactly the identity of a level camera; of one that stands on its head a half turn about z.

    Args:
        up: unit vector away from the ground, camera frame.
    """
    x, y, z = up.unbind(-1)
    cosine, zero = -y, torch.zeros_like(x)
    # Cross product of up and -y as a matrix.
    rows = [zero, x, zero, -x, zero, -z, zero, z, zero]
    cross = torch.stack(rows, -1).unflatten(-1, (3, 3))
    one = torch.eye(3).to(up)
    turn = one + cross + cross @ cross / (1.0 + cosine).clamp(min=1e-6)[..., None, None]
    is_on_its_head = (cosine < -0.9999)[..., None, None]
    return torch.where(is_on_its_head, one * up.new_tensor([-1.0, -1.0, 1.0]), turn)
