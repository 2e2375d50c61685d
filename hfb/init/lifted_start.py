"""Lifted poses for registration: several readings of one person, one pose in the camera frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.geometry import nearest_rotation
from hfb.init.gauss_newton import BodyState, Quadratic, rotvec_and_jacobian
from hfb.init.lifting import LiftedPose, LiftingInput, LiftingNetwork, view_rotation
from hfb.init.reading import Reading
from hfb.structures import Camera

# The expected length of a vector of three normally distributed numbers is this many of their
# standard deviations: sqrt(8 / pi).
_MEAN_LENGTH = 1.5958


@dataclass(frozen=True)
class LiftedStart:
    """What K hypotheses are believed to be before their landmarks are fitted.

    Attributes:
        rotmat: pose of each, root first, camera frame.
        betas: shape.
        angle_sigma: standard deviation of each joint's rotation about each axis, rad.
        distance_sigma: the same of each joint's position relative to the root, m.
    """

    rotmat: Float[Tensor, "K J 3 3"]
    betas: Float[Tensor, "K S"]
    angle_sigma: Float[Tensor, "K J"]
    distance_sigma: Float[Tensor, "K J"]

    def __len__(self) -> int:
        return len(self.rotmat)


def lift_readings(
    readings: Sequence[Sequence[Reading]],
    registered: Float[Tensor, "K J 3 3"],
    camera: Camera,
    network: LiftingNetwork,
    body: SmplBody,
) -> LiftedStart:
    """Lift all readings of each hypothesis and take their mean.

    Args:
        readings: of each hypothesis one or several runs of the landmark network.
        registered: pose that its landmarks alone lead to, root first, camera frame.
        camera: of the image.
        network: trained on such readings.
        body: names of the joints, to know left from right.
    """
    flat = [reading for group in readings for reading in group]
    group_of = [k for k, group in enumerate(readings) for _ in group]
    before = registered[group_of].float()
    is_mirrored = torch.tensor([reading.mirrored_width > 0 for reading in flat])[
        :, None, None, None
    ]
    mirrored = mirrored_pose(before, body.joint_names)
    seen = _input_of(flat, camera, torch.where(is_mirrored, mirrored, before))
    with torch.no_grad():
        pose = network(seen)
    lifted = _in_camera(pose, seen, flat, body.joint_names)
    parts, first = [], 0
    for group in readings:
        rows = slice(first, first + len(group))
        parts.append(_mean_pose(lifted, rows))
        first += len(group)
    return LiftedStart(*(torch.stack(values) for values in zip(*parts, strict=True)))


def mirrored_pose(
    rotmat: Float[Tensor, "*B J 3 3"], names: tuple[str, ...]
) -> Float[Tensor, "*B J 3 3"]:
    """The pose in a mirrored image.

    Args:
        rotmat: root first, camera frame.
        names: of the joints.
    """
    mirror = torch.diag(rotmat.new_tensor([-1.0, 1.0, 1.0]))
    return mirror @ rotmat[..., _other_side(names), :, :] @ mirror


def _input_of(
    readings: Sequence[Reading], camera: Camera, registered: Float[Tensor, "B J 3 3"]
) -> LiftingInput:
    """Readings as tensors; a mirrored image has a mirrored camera."""
    focal, principal = camera.focal.tolist(), camera.principal_point.tolist()
    cameras = [
        [*focal, r.mirrored_width - principal[0] if r.mirrored_width else principal[0],
         principal[1]]
        for r in readings
    ]  # fmt: skip

    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values)).float()

    return LiftingInput(
        points=stacked([r.points for r in readings]),
        heat=stacked([r.heat for r in readings]),
        world=stacked([r.world for r in readings]),
        roi=torch.tensor([r.roi for r in readings], dtype=torch.float32),
        camera=torch.tensor(cameras, dtype=torch.float32),
        registered=registered,
    )


def _in_camera(
    pose: LiftedPose, seen: LiftingInput, readings: Sequence[Reading], names: tuple[str, ...]
) -> LiftedPose:
    """From each crop's own axes to the image's camera frame, mirrored ones turned back."""
    root = view_rotation(seen).mT @ pose.rotmat[:, 0]
    rotmat = torch.cat([root[:, None], pose.rotmat[:, 1:]], 1)
    other = _other_side(names)
    is_mirrored = torch.tensor([r.mirrored_width > 0 for r in readings])
    return LiftedPose(
        rotmat=torch.where(is_mirrored[:, None, None, None], mirrored_pose(rotmat, names), rotmat),
        betas=pose.betas,
        expected_angle=torch.where(
            is_mirrored[:, None], pose.expected_angle[:, other], pose.expected_angle
        ),
        expected_distance=torch.where(
            is_mirrored[:, None], pose.expected_distance[:, other], pose.expected_distance
        ),
    )


def _other_side(names: tuple[str, ...]) -> list[int]:
    swapped = {"left": "right", "right": "left"}
    others = []
    for name in names:
        side, _, rest = name.partition("_")
        other = f"{swapped[side]}_{rest}" if side in swapped else name
        others.append(names.index(other))
    return others


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


def lifted_term(state: BodyState, lifted: LiftedStart, weight: float, scale: float) -> Quadratic:
    """The pull of the lifted pose on a registration: squared angles in standard deviations.

    Args:
        state: where the registration is.
        lifted: where it is drawn to.
        weight: of the whole term.
        scale: standard deviations from which a joint is let go (Geman and McClure).
    """
    num_bodies, num_joints = state.rotmat.shape[:2]
    target = lifted.rotmat.to(state.rotmat)
    residual, by_step = rotvec_and_jacobian(target.mT @ state.rotmat)
    stiffness = 1.0 / lifted.angle_sigma.to(residual)
    residual, by_step = residual * stiffness[..., None], by_step * stiffness[..., None, None]
    squared = residual.square().sum(-1)
    ratio = scale**2 / (scale**2 + squared)
    hold = weight * ratio.square()[..., None]
    size = 3 * num_joints + state.betas.shape[1] + 3
    gradient = state.betas.new_zeros(num_bodies, size)
    hessian = state.betas.new_zeros(num_bodies, size, size)
    gradient[:, : 3 * num_joints] = torch.einsum("kjcd,kjc->kjd", by_step, hold * residual).flatten(
        1
    )
    blocks = torch.einsum("kjcd,kjce->kjde", by_step, hold[..., None] * by_step)
    for joint in range(num_joints):
        block = slice(3 * joint, 3 * joint + 3)
        hessian[:, block, block] = blocks[:, joint]
    return Quadratic(0.5 * weight * (squared * ratio).sum(-1), gradient, hessian)
