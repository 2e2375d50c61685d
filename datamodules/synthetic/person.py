"""The moving person at the sub-frame times of an exposure, and the truth about it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.clothes import Clothes
from datamodules.synthetic.shot import Shot
from hfb.body import SmplBody
from hfb.motion import subframe_times
from hfb.render import hard_silhouettes
from hfb.skeleton import NUM_JOINTS
from hfb.structures import BodyParams, Target


def pose_photo(
    body: SmplBody, betas: Float[Tensor, " K"], shot: Shot, num: int, photo: int = 0
) -> tuple[BodyParams, Float[Tensor, " S"], Float[Tensor, " S"]]:
    """Camera-frame pose at `num` sub-frames of an exposure.

    Returns:
        The pose; its times since the first opening of the shutter and since the motion's start, s.
    """
    opening = shot.openings[photo]
    times = subframe_times(num).double() * shot.window.duration + opening
    rotmat, transl = shot.source.window(body, betas, times)
    rotmat, transl = shot.placed.place_body(rotmat, transl, _pelvis_rest(body, betas))
    return BodyParams(betas[None], rotmat, transl), (times - shot.window.start).float(), times


def dressed_verts(
    body: SmplBody, params: BodyParams, times: Float[Tensor, " S"], clothes: Clothes | None
) -> Float[Tensor, "S V 3"]:
    """Vertices of the body with its clothes on."""
    verts = body(params).verts
    return verts if clothes is None else verts + clothes.offsets(body, params, times)


def true_target(
    body: SmplBody, betas: Float[Tensor, " K"], shot: Shot, clothes: Clothes | None, num: int
) -> Target:
    """Pose, joints (of the body under its clothes) and silhouettes (with them) of each photo."""
    photos = [pose_photo(body, betas, shot, num, photo) for photo in range(shot.num_frames)]
    posed = [body(params) for params, _, _ in photos]
    dressed = [dressed_verts(body, params, times, clothes) for params, _, times in photos]
    camera = shot.placed.camera
    return Target(
        joints=torch.stack([p.joints for p in posed]),
        times=torch.stack([since for _, since, _ in photos]),
        pose_rotmat=torch.stack([params.pose_rotmat for params, _, _ in photos]),
        transl=torch.stack([params.transl for params, _, _ in photos]),
        betas=betas,
        silhouettes=torch.stack([hard_silhouettes(v, body.faces, camera) for v in dressed]),
    )


def _pelvis_rest(body: SmplBody, betas: Float[Tensor, " K"]) -> Float[Tensor, " 3"]:
    eye = torch.eye(3).expand(1, NUM_JOINTS, 3, 3)
    return body.joints(BodyParams(betas[None], eye, betas.new_zeros(1, 3)))[0, 0]
