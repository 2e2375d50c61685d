"""Lifted poses for registration: detector outputs of a person to one pose in the camera frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import BodyModelError
from hfb.geometry import nearest_rotation
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.lift.encoding import LiftingInput, view_rotation
from hfb.init.lift.network import LiftedPose, LiftingNetwork
from hfb.init.lift.turn import mirrored_facing, turn_likelihood
from hfb.init.register.lifted_prior import LiftedStart
from hfb.skeleton import other_sides
from hfb.structures import Camera

# The expected length of a vector of three normally distributed numbers is this many of their
# standard deviations: sqrt(8 / pi).
_MEAN_LENGTH = 1.5958


@dataclass(frozen=True)
class Lifted:
    """Lifted guesses, and what all detector outputs together say about their turns.

    Attributes:
        start: of each guess.
        turn_likelihood: mean log-likelihood, over all outputs of all guesses, of where each guess
            faces and which way up it is.
    """

    start: LiftedStart
    turn_likelihood: Float[Tensor, " K"]


def lift_outputs(
    outputs: Sequence[Sequence[DetectorOutput]],
    registered: Float[Tensor, "K J 3 3"],
    camera: Camera,
    network: LiftingNetwork,
    body: SmplBody,
) -> Lifted:
    """Lift all detector outputs of each hypothesis and take their mean.

    Args:
        outputs: of each hypothesis one or several runs of the landmark network.
        registered: pose that its landmarks alone lead to, root first, camera frame.
        camera: of the image.
        network: trained on such outputs.
        body: names of the joints, to know left from right.

    Raises:
        BodyModelError: if the network was trained for another number of joints.
    """
    if registered.shape[1] != network.settings.num_joints:
        raise BodyModelError(
            f"the lifting network was trained for {network.settings.num_joints} joints, root "
            f"included; this body has {registered.shape[1]}"
        )
    flat = [output for group in outputs for output in group]
    group_of = [k for k, group in enumerate(outputs) for _ in group]
    before = registered[group_of].float()
    is_mirrored = torch.tensor([output.mirrored_width > 0 for output in flat])[:, None, None, None]
    mirrored = mirrored_pose(before, body.joint_names)
    seen = _input_of(flat, camera, torch.where(is_mirrored, mirrored, before))
    with torch.no_grad():
        pose = network(seen)
    lifted = _in_camera(pose, seen, flat, body.joint_names)
    parts, first = [], 0
    for group in outputs:
        rows = slice(first, first + len(group))
        parts.append(_mean_pose(lifted, rows))
        first += len(group)
    start = LiftedStart(*(torch.stack(values) for values in zip(*parts, strict=True)))
    return Lifted(start, _support(start.rotmat[:, 0], pose, seen, is_mirrored[:, 0, 0]))


def _support(
    roots: Float[Tensor, "K 3 3"],
    pose: LiftedPose,
    seen: LiftingInput,
    is_mirrored: Bool[Tensor, "B 1"],
) -> Float[Tensor, " K"]:
    """Mean log-likelihood of the roots' turns, each seen in the axes of every output."""
    mirror = torch.diag(roots.new_tensor([-1.0, 1.0, 1.0]))
    own = torch.where(is_mirrored[..., None, None], mirror @ roots @ mirror, roots)
    turned = view_rotation(seen)[:, None] @ own
    count = len(roots)
    facing, up = (
        logits[:, None].expand(-1, count, -1) for logits in (pose.facing_logits, pose.up_logits)
    )
    return turn_likelihood(turned, facing, up).mean(0)


def mirrored_pose(
    rotmat: Float[Tensor, "*B J 3 3"], names: tuple[str, ...]
) -> Float[Tensor, "*B J 3 3"]:
    """The pose in a mirrored image.

    Args:
        rotmat: root first, camera frame.
        names: of the joints.
    """
    mirror = torch.diag(rotmat.new_tensor([-1.0, 1.0, 1.0]))
    return mirror @ rotmat[..., list(other_sides(names)), :, :] @ mirror


def _input_of(
    outputs: Sequence[DetectorOutput], camera: Camera, registered: Float[Tensor, "B J 3 3"]
) -> LiftingInput:
    """Detector outputs as tensors; a mirrored image has a mirrored camera."""
    focal, principal = camera.focal.tolist(), camera.principal_point.tolist()
    cameras = [
        [*focal, output.mirrored_width - principal[0] if output.mirrored_width else principal[0],
         principal[1]]
        for output in outputs
    ]  # fmt: skip

    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values)).float()

    return LiftingInput(
        points=stacked([output.points for output in outputs]),
        heat=stacked([output.heat for output in outputs]),
        world=stacked([output.world for output in outputs]),
        roi=torch.tensor([output.roi for output in outputs], dtype=torch.float32),
        camera=torch.tensor(cameras, dtype=torch.float32),
        registered=registered,
        mask=stacked([output.mask for output in outputs]),
        matte=stacked([output.mask if output.matte is None else output.matte
                       for output in outputs]),
    )  # fmt: skip


def _in_camera(
    pose: LiftedPose, seen: LiftingInput, outputs: Sequence[DetectorOutput], names: tuple[str, ...]
) -> LiftedPose:
    """From each crop's own axes to the image's camera frame, mirrored ones turned back."""
    root = view_rotation(seen).mT @ pose.rotmat[:, 0]
    rotmat = torch.cat([root[:, None], pose.rotmat[:, 1:]], 1)
    other = list(other_sides(names))
    is_mirrored = torch.tensor([output.mirrored_width > 0 for output in outputs])
    return LiftedPose(
        rotmat=torch.where(is_mirrored[:, None, None, None], mirrored_pose(rotmat, names), rotmat),
        betas=pose.betas,
        expected_angle=torch.where(
            is_mirrored[:, None], pose.expected_angle[:, other], pose.expected_angle
        ),
        expected_distance=torch.where(
            is_mirrored[:, None], pose.expected_distance[:, other], pose.expected_distance
        ),
        facing_logits=torch.where(
            is_mirrored[:, None], mirrored_facing(pose.facing_logits), pose.facing_logits
        ),
        up_logits=pose.up_logits,
    )


def _mean_pose(pose: LiftedPose, rows: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean of the members; they err alike, so the mean is not taken to be more certain."""
    rotmat = mean_rotation(pose.rotmat[rows])
    return (
        rotmat,
        pose.betas[rows].mean(0),
        pose.expected_angle[rows].mean(0) / _MEAN_LENGTH,
        pose.expected_distance[rows].mean(0) / _MEAN_LENGTH,
    )


def mean_rotation(rotmat: Float[Tensor, "M *B 3 3"]) -> Float[Tensor, "*B 3 3"]:
    """The rotation nearest to the mean of the matrices.

    Args:
        rotmat: the members first.
    """
    return nearest_rotation(rotmat.mean(0))
