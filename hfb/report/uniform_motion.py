"""A motion as viewers of motion capture play it: equal steps in time, upright, on their body.

Players know one frame rate and no gaps between exposures; z is up to them and shapes SMPL-H's.
What the photos tell, at their times and in the frame of their camera, stands beside it in the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.pose_track import PoseTrack
from hfb.body import SmplBody
from hfb.export import JointMotion, UniformMotion
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat, upright_rotation
from hfb.refine.result import Refinement
from hfb.skeleton import rest_pelvis
from hfb.structures import BodyParams

MAX_RATE_HZ = 240.0
"""Of several photos: every player takes it, and files of long clips stay small."""
_LOOKED_AT = 100
"""Poses of a long motion in which its lowest point is looked for."""
_SMPL_NAMES = ("smpl_", "basicmodel_")
"""How the names of SMPL's own files begin, whose shapes SMPL-H shares."""
_CAMERA_TO_WORLD = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
"""From x right, y down, z forward to x right, y forward, z up, of a level camera."""
_Z_UP_TO_Y_UP = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))


def uniform_motion(
    refinements: Sequence[Refinement],
    exposure: Float[Tensor, "T 2"],
    fps: float,
    body: SmplBody,
) -> UniformMotion:
    """The motion in equal steps from the first opening of the shutter to the last closing.

    Inside an exposure it is the motion that was found, between two of them the shortest way.

    Args:
        refinements: one a photo, in the order of time.
        exposure: opening and closing of each shutter, s.
        fps: frames per second of the camera, the rate where there is a single pose.
        body: the body model.
    """
    exposure = exposure.double()
    rate = _frame_rate(refinements, exposure, fps)
    begin, duration = exposure[0, 0], float(exposure[-1, 1] - exposure[0, 0])
    # The middles of equal steps, so that the steps together last as long as the photos do.
    count = max(1, round(duration * rate))
    times = begin + (torch.arange(count, dtype=torch.float64) + 0.5) / rate
    pose, transl = _poses_at(times, refinements, exposure)
    betas = refinements[0].betas
    rest = body.shape(betas)[1][0]
    world = torch.tensor(_CAMERA_TO_WORLD) @ upright_rotation(refinements[0].camera.vertical.cpu())
    pelvis = (transl + rest) @ world.T
    pose = torch.cat([world @ pose[:, :1], pose[:, 1:]], 1)
    floor = _lowest(BodyParams(betas, pose, pelvis - rest), body)
    shift = torch.tensor([0.0, 0.0, -floor])
    return UniformMotion(
        pose_rotvec=rotmat_to_rotvec(pose),
        transl=pelvis + shift - _shown_rest(body, rest),
        betas=torch.zeros_like(betas) if _is_foreign(body) else betas,
        times=times,
        frame_rate=rate,
        world_from_camera=torch.cat([world, shift[:, None]], 1),
    )


def upright_joints(
    uniform: UniformMotion, betas: Float[Tensor, " K"], body: SmplBody
) -> JointMotion:
    """The motion in equal steps for programs whose y axis points up.

    Args:
        uniform: as `uniform_motion` made it.
        betas: shape of the body itself.
        body: the body model.

    Returns:
        In the world frame, turned: x right, y up, z towards the camera.
    """
    turn = torch.tensor(_Z_UP_TO_Y_UP)
    pose = rotvec_to_rotmat(uniform.pose_rotvec)
    pelvis = uniform.transl + _shown_rest(body, body.shape(betas)[1][0])
    return JointMotion(
        times=uniform.times,
        pose_rotmat=torch.cat([turn @ pose[:, :1], pose[:, 1:]], 1),
        root=pelvis @ turn.T,
    )


def _is_foreign(body: SmplBody) -> bool:
    """Whether viewers do not have the body: its betas would be taken for SMPL-H's."""
    return not body.identity.name.startswith(_SMPL_NAMES)


def _shown_rest(body: SmplBody, rest: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """Where the root joint of the body that viewers show rests, model frame, m."""
    if _is_foreign(body):
        return torch.tensor(rest_pelvis("smplh", body.identity.gender))
    return rest


def _lowest(params: BodyParams, body: SmplBody) -> float:
    """Height of the lowest point of the motion, world frame, m."""
    count = len(params.transl)
    chosen = torch.linspace(0, count - 1, min(count, _LOOKED_AT)).round().long()
    return float(
        body(BodyParams(params.betas, params.pose_rotmat[chosen], params.transl[chosen]))
        .verts[..., 2]
        .min()
    )


def _frame_rate(
    refinements: Sequence[Refinement], exposure: Float[Tensor, "T 2"], fps: float
) -> float:
    """Poses per second, a whole number (some players cut the rest off)."""
    count = refinements[0].num_subframes
    if count == 1 and len(refinements) == 1:
        return fps
    rate = count / float((exposure[:, 1] - exposure[:, 0]).median())
    rate = rate if len(refinements) == 1 else min(rate, MAX_RATE_HZ)
    return float(max(1, round(rate)))


def _poses_at(
    times: Float[Tensor, " M"], refinements: Sequence[Refinement], exposure: Float[Tensor, "T 2"]
) -> tuple[Float[Tensor, "M J 3 3"], Float[Tensor, "M 3"]]:
    """Rotations and translations, camera frame, at increasing times on the clock of `exposure`."""
    photo = torch.searchsorted(exposure[:, 0].contiguous(), times, right=True) - 1
    photo = photo.clamp(0, len(refinements) - 1)
    poses, places = [], []
    for number, refinement in enumerate(refinements):
        own = times[photo == number]
        if not len(own):
            continue
        opening, closing = exposure[number]
        is_open = (own <= closing) | (number + 1 == len(refinements))
        share = ((own[is_open] - opening) / (closing - opening)).float().clamp(0.0, 1.0)
        pose, transl = refinement.poses(share)
        poses.append(pose)
        places.append(transl)
        if not bool(is_open.all()):
            gap = _between(refinement, refinements[number + 1], closing, exposure[number + 1, 0])
            pose, transl = gap.at(own[~is_open])
            poses.append(pose)
            places.append(transl)
    return torch.cat(poses), torch.cat(places)


def _between(first: Refinement, second: Refinement, closing: Tensor, opening: Tensor) -> PoseTrack:
    """The shortest way from the end of one exposure to the beginning of the next."""
    ends = (first.poses(torch.ones(1)), second.poses(torch.zeros(1)))
    pose, transl = (torch.cat(parts) for parts in zip(*ends, strict=True))
    return PoseTrack(torch.stack([closing, opening]), pose, transl)
