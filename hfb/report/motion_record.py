"""The motion of a result as files hold it: poses at sub-frame times, and the moving mesh."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.pose_sequences import PoseSequence
from hfb.export import MotionRecord
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import PolynomialMotion, subframe_times
from hfb.refine.result import Refinement
from hfb.report.uniform_motion import uniform_motion
from hfb.structures import Mesh


def motion_record(
    refinements: Sequence[Refinement], exposure: Float[Tensor, "T 2"], fps: float, body: SmplBody
) -> MotionRecord:
    """The motion at the sub-frame times of all photos, as `motion.npz` wants it.

    Args:
        refinements: one a photo, in the order of time.
        exposure: opening and closing of each shutter, s.
        fps: frames per second of the camera.
        body: the body model.
    """
    first, number = refinements[0], len(refinements)
    times = subframe_times(first.num_subframes)
    poses, transl = zip(*(r.poses(times) for r in refinements), strict=True)
    opening, closing = exposure.double()[:, :1], exposure.double()[:, 1:]
    is_polynomial = not any(isinstance(r, PoseSequence) for r in refinements)
    return MotionRecord(
        pose_rotvec=rotmat_to_rotvec(torch.cat(poses)),
        transl=torch.cat(transl),
        betas=first.betas,
        times=(opening + times.double() * (closing - opening)).flatten(),
        frame_index=torch.arange(number).repeat_interleave(len(times)),
        subframe_index=torch.arange(len(times)).repeat(number),
        exposure=exposure,
        fps=fps,
        camera=first.camera,
        body=body.identity,
        uniform=uniform_motion(refinements, exposure, fps, body),
        polynomial=PolynomialMotion.stack([r.motion for r in refinements])
        if is_polynomial
        else None,
    )


def moving_mesh(
    refinements: Sequence[Refinement], body: SmplBody, chosen: Int[Tensor, " M"] | None = None
) -> Mesh:
    """The moving mesh over the sub-frames of all photos, with its texture in sRGB.

    Args:
        refinements: one a photo, in the order of time.
        body: the body model.
        chosen: numbers of the sub-frames to take, counted over all photos; None: all.
    """
    count = refinements[0].num_subframes
    if chosen is None:
        chosen = torch.arange(count * len(refinements))
    times = subframe_times(count)
    verts = [
        refinement.posed(body, times[chosen[chosen // count == number] - number * count]).verts
        for number, refinement in enumerate(refinements)
        if bool((chosen // count == number).any())
    ]
    texture = refinements[-1].texture
    return Mesh(torch.cat(verts), body.faces, body.uv, body.faces_uv, texture)
