"""Signs of how wrong a finished fit may be, measured without the truth.

What is known of its start, and how far the photo has pulled it from there. Not in the paper. What
they tell is learned from fits whose truth is known (`hfb.evaluate.trust.sureness`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.metrics.functional.joints import MM_PER_M
from hfb.refine.result import Refinement
from hfb.structures import BodyParams, InitialEstimate

_SCORE_POWER = 20.0
"""How fast a guess counts less with its score, as the choice among guesses has it."""


@dataclass(frozen=True)
class Signs:
    """Of one photo and its fit; distances are root-aligned, at mid-exposure.

    Attributes:
        start_mm: how far the start's own uncertainties put its joints off, mean over the joints;
            None: the start came without.
        lifted_mm: how far lifting moved the joints of the plain start; None: it was not lifted.
        spread_mm: how far the other starting poses are from the first, weighted by their scores.
        moved_mm: how far the fit ended from its start.
        unexplained: error of the photo that the free fit left, in units of what counts as
            explained.
        matte_iou: of the fit, with the matte that it began with.
        path_mm: way of the joints within the exposure, mean.
        tilt_deg: between the trunk and the vertical.
        joint_start_mm: as `start_mm`, of each joint.
        joint_moved_mm: as `moved_mm`, of each joint.
    """

    start_mm: float | None
    lifted_mm: float | None
    spread_mm: float
    moved_mm: float
    unexplained: float
    matte_iou: float
    path_mm: float
    tilt_deg: float
    joint_start_mm: tuple[float, ...] | None
    joint_moved_mm: tuple[float, ...]


@torch.no_grad()
def signs_of(
    estimate: InitialEstimate,
    refinement: Refinement,
    body: SmplBody,
    unexplained: float,
    matte_iou: float,
) -> Signs:
    """Measure the signs of one photo.

    Args:
        estimate: its starting poses, best first.
        refinement: its fit.
        body: of both.
        unexplained: error of the free fit, in units of what counts as explained.
        matte_iou: of the fit.
    """
    guesses = _aligned(body.joints(estimate.all_params()))
    times = torch.linspace(0.0, 1.0, 9).to(refinement.betas)
    rotmat, transl = refinement.poses(times)
    joints = body.joints(BodyParams(refinement.betas, rotmat, transl))
    middle = _aligned(joints[4])
    moved = _distances(middle, guesses[0])
    start = None
    if estimate.joint_sigma is not None:
        start = offsets_mm(middle, estimate.joint_sigma[0], body.parents)
    lifted = None
    if estimate.unlifted is not None:
        plain = _aligned(body.joints(estimate.unlifted.params(0)))
        lifted = float(_distances(plain, guesses[0]).mean())
    share = (_SCORE_POWER * estimate.score).softmax(0).to(guesses)
    neck = body.joint_names.index("neck")
    cosine = torch.cosine_similarity(middle[neck], refinement.camera.vertical.to(middle), dim=0)
    steps = torch.linalg.vector_norm(joints.diff(dim=0), dim=-1)
    return Signs(
        start_mm=None if start is None else float(start.mean()),
        lifted_mm=lifted,
        spread_mm=float(share @ _distances(guesses, guesses[0]).mean(-1)),
        moved_mm=float(moved.mean()),
        unexplained=unexplained,
        matte_iou=matte_iou,
        path_mm=MM_PER_M * float(steps.sum(0).mean()),
        tilt_deg=math.degrees(math.acos(min(1.0, max(-1.0, float(cosine))))),
        joint_start_mm=None if start is None else tuple(start.tolist()),
        joint_moved_mm=tuple(moved.tolist()),
    )


def offsets_mm(
    joints: Float[Tensor, "J 3"], sigma: Float[Tensor, " J"], parents: Sequence[int]
) -> Float[Tensor, " J"]:
    """How far uncertain rotations of the joints above it put each joint off, root mean square.

    A turn by a small angle moves what is a lever's length away by their product; the turns of
    different joints are taken to be independent.

    Args:
        joints: of the posed body, m.
        sigma: uncertainty of each joint's rotation, rad.
        parents: of each joint; below 0 for the root.

    Returns:
        In mm; 0 for the root, whose place is what the others are measured from.
    """
    lever = torch.linalg.vector_norm(joints[:, None] - joints[None], dim=-1)
    above = _ancestors(parents).to(joints.device)
    return MM_PER_M * (above * (sigma.to(joints) * lever).square()).sum(-1).sqrt()


def _ancestors(parents: Sequence[int]) -> Bool[Tensor, "J J"]:
    """Row j: which joints lie between joint j and the root, the root among them."""
    above = torch.zeros(len(parents), len(parents), dtype=torch.bool)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            above[joint] = above[parent]
            above[joint, parent] = True
    return above


def _aligned(joints: Float[Tensor, "*B J 3"]) -> Float[Tensor, "*B J 3"]:
    return joints - joints[..., :1, :]


def _distances(one: Float[Tensor, "*B J 3"], other: Float[Tensor, "J 3"]) -> Float[Tensor, "*B J"]:
    return MM_PER_M * torch.linalg.vector_norm(one - other, dim=-1)
