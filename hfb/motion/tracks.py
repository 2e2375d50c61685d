"""The tracks of a motion and how they hang together: tree, chains, mirror image.

Track 0 is the translation, track 1 the root's rotation, track k + 1 the rotation of SMPL's joint k.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.skeleton import CHAINS, NUM_JOINTS, OTHER_SIDE, SMPL_PARENTS, require_smpl

NUM_TRACKS = NUM_JOINTS + 1

CHAIN_TRACKS = {
    chain: (0, 1) if chain == "root" else tuple(joint + 1 for joint in joints)
    for chain, joints in CHAINS.items()
}
"""Tracks of each kinematic chain, the translation with the root; together they are all tracks."""


def first_order(parameterization: str) -> int:
    """Lowest order that is motion: of tangent coefficients the constant one is the pose's."""
    return 1 if parameterization == "tangent" else 0


def reversal_signs(coeffs: Float[Tensor, "*B D K C"]) -> Float[Tensor, "D 1 1"]:
    """What playing a motion backwards about mid-exposure multiplies its coefficients by.

    Args:
        coeffs: coefficients from `first_order` on; three channels mean tangent coefficients.

    Returns:
        -1 for the odd orders, 1 for the even ones.
    """
    lowest = first_order("tangent" if coeffs.shape[-1] == 3 else "paper")
    orders = torch.arange(lowest, lowest + coeffs.shape[-3], device=coeffs.device)
    return (1.0 - 2.0 * (orders % 2)).to(coeffs)[:, None, None]


def mirror_joints() -> Int[Tensor, " J"]:
    """For each joint the one on the other side of the body."""
    return torch.tensor(OTHER_SIDE)


def chain_matrix() -> Float[Tensor, "L K"]:
    """One row a chain of `CHAIN_TRACKS`: 1 where a track belongs to it."""
    matrix = torch.zeros(len(CHAIN_TRACKS), NUM_TRACKS)
    for row, tracks in enumerate(CHAIN_TRACKS.values()):
        matrix[row, list(tracks)] = 1.0
    return matrix


def ancestor_matrix() -> Float[Tensor, "K K"]:
    """1 at [k, a] where track a is track k itself or moves it.

    The translation and the root's rotation move each other's tracks: both belong to the whole body.
    """
    matrix = torch.zeros(NUM_TRACKS, NUM_TRACKS)
    matrix[:, :2] = 1.0
    for joint in range(1, NUM_JOINTS):
        above = joint
        while above > 0:
            matrix[joint + 1, above + 1] = 1.0
            above = SMPL_PARENTS[above]
    return matrix


def mirror_motion(
    coeffs: Float[Tensor, "*B D1 K C"],
    base_rotmat: Float[Tensor, "*B J 3 3"],
    base_transl: Float[Tensor, "*B 3"],
) -> tuple[Float[Tensor, "*B D1 K C"], Float[Tensor, "*B J 3 3"], Float[Tensor, "*B 3"]]:
    """The motion seen in a mirror whose plane is x = 0, as that of a body with sides exchanged.

    Args:
        coeffs: coefficients of either parameterisation in a frame with x to the side.
        base_rotmat: pose they are about.
        base_transl: translation they are about, m.

    Returns:
        The same three, mirrored. Twice gives the motion back.

    Raises:
        BodyModelError: if the joints are not SMPL's 24.
    """
    require_smpl("mirroring a motion", base_rotmat.shape[-3])
    order = mirror_joints().to(base_rotmat.device)
    flip = base_rotmat.new_tensor([-1.0, 1.0, 1.0])
    # A mirror turns a vector (x, y, z) into (-x, y, z) and an axis of rotation into (x, -y, -z);
    # distance and angle stay.
    extra = coeffs.new_ones(coeffs.shape[-1] - 3)
    transl = coeffs[..., :1, :] * torch.cat([flip, extra])
    turns = coeffs[..., 1:, :][..., order, :] * torch.cat([-flip, extra])
    rotmat = base_rotmat[..., order, :, :] * (flip[:, None] * flip)
    return torch.cat([transl, turns], -2), rotmat, base_transl * flip
