"""The files of a result that have a skeleton: `mesh.glb`, `motion.bvh`, and the variant without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.export import (
    JointMotion,
    MotionRecord,
    Rig,
    Shot,
    Skeleton,
    closest_rest,
    skinned_verts,
    write_bvh,
    write_glb,
    write_rigged_glb,
    write_usdz,
)
from hfb.files.images import read_exposure_time
from hfb.motion import subframe_times
from hfb.refine.result import Refinement
from hfb.report.motion_record import moving_mesh
from hfb.report.settings import ReportSettings
from hfb.report.uniform_motion import upright_joints
from hfb.structures import BlurSample, BodyParams

MM_PER_M = 1000.0
MAX_MORPHS = 120
"""A file of morph targets grows by 80 kB a pose: of a longer clip it holds evenly spread ones."""
MAX_COMPARED = 24
"""Evenly spread poses that the skin is made for, and in which it is compared with the body."""


@dataclass(frozen=True)
class Animated:
    """A body with its motion over the exposures, as files of animation programs hold it.

    Attributes:
        rig: the body.
        motion: in the camera frame, from the first opening of the shutter to the last closing.
        posed: the vertices of the body model itself, m, at `compared`.
        compared: numbers of the poses of `motion` that `posed` holds.
    """

    rig: Rig
    motion: JointMotion
    posed: Float[Tensor, "M V 3"]
    compared: list[int]

    def largest_difference_mm(self) -> float:
        """How far the skin of the file is from that of the body model, at the worst vertex."""
        rows = self.compared
        motion = self.motion
        chosen = JointMotion(motion.times[rows], motion.pose_rotmat[rows], motion.root[rows])
        apart = skinned_verts(self.rig, chosen) - self.posed
        return MM_PER_M * float(torch.linalg.vector_norm(apart, dim=-1).max())


@torch.no_grad()
def animated_body(
    refinements: Sequence[Refinement], exposure: Float[Tensor, "T 2"], body: SmplBody
) -> Animated:
    """The body with skeleton and skin, and its motion at the sub-frames and at both ends.

    Files hold four joints a vertex and no blend shapes that depend on the pose: the rest pose is
    the one whose skin comes closest to the body in at most `MAX_COMPARED` poses of the motion.

    Args:
        refinements: one a photo, in the order of time.
        exposure: opening and closing of each shutter, s.
        body: the body model.
    """
    betas = refinements[0].betas
    times, poses, places = _keys(refinements, exposure.double())
    rig = rig_of(body, betas, refinements[-1].texture)
    motion = JointMotion(times, poses, places + rig.skeleton.rest_joints[0])
    count = min(len(times), MAX_COMPARED)
    compared = torch.linspace(0, len(times) - 1, count).round().long().tolist()
    posed = body(BodyParams(betas, poses[compared], places[compared])).verts
    chosen = JointMotion(times[compared], poses[compared], motion.root[compared])
    return Animated(closest_rest(rig, chosen, posed), motion, posed, compared)


def rig_of(body: SmplBody, betas: Float[Tensor, " K"], texture: Float[Tensor, "3 TH TW"]) -> Rig:
    """A body in its rest pose with all its skinning weights, without blend shapes.

    Args:
        body: the body model.
        betas: shape.
        texture: sRGB in [0, 1].
    """
    verts, joints = body.shape(betas)
    return Rig(
        skeleton=Skeleton(body.joint_names, body.parents, joints),
        rest_verts=verts,
        weights=body.weights,
        faces=body.faces,
        uv=body.uv,
        faces_uv=body.faces_uv,
        texture=texture,
    )


def _keys(
    refinements: Sequence[Refinement], exposure: Tensor
) -> tuple[Float[Tensor, " K"], Float[Tensor, "K J 3 3"], Float[Tensor, "K 3"]]:
    """Times, s, rotations and translations: the sub-frames and the two ends of the whole."""
    times, poses, places = [], [], []
    for number, refinement in enumerate(refinements):
        shares = subframe_times(refinement.num_subframes)
        if number == 0:
            shares = torch.cat([torch.zeros(1), shares])
        if number + 1 == len(refinements):
            shares = torch.cat([shares, torch.ones(1)])
        opening, closing = exposure[number]
        pose, place = refinement.poses(shares)
        times.append(opening + shares.double() * (closing - opening))
        poses.append(pose)
        places.append(place)
    return torch.cat(times), torch.cat(poses), torch.cat(places)


def write_body_files(
    folder: Path,
    refinements: Sequence[Refinement],
    record: MotionRecord,
    sample: BlurSample,
    body: SmplBody,
    settings: ReportSettings,
) -> None:
    """Write `mesh.glb`, `motion.bvh` and, where they are wanted, `mesh.usdz` and `mesh_morph.glb`.

    Args:
        folder: exists.
        refinements: one a photo, in the order of time.
        record: their motion as `motion.npz` has it.
        sample: whose photos they are.
        body: the body model.
        settings: which files.
    """
    animated = animated_body(refinements, record.exposure, body)
    extras: dict[str, object] = {
        "body": body.identity.name,
        "sample_id": sample.sample_id,
        "exposure_s": record.exposure.tolist(),
        "exposure_is": exposure_note(sample),
        "largest_difference_mm": round(animated.largest_difference_mm(), 2),
    }
    camera = record.camera
    seen = {
        "focal_px": camera.focal.tolist(),
        "principal_point_px": camera.principal_point.tolist(),
        "image_size_px": [camera.width, camera.height],
    }
    shot = Shot(camera, dict(seen))
    write_rigged_glb(folder / "mesh.glb", animated.rig, animated.motion, shot, extras=extras)
    upright = upright_joints(record.uniform, refinements[0].betas, body)
    rate = record.uniform.frame_rate
    write_bvh(folder / "motion.bvh", animated.rig.skeleton, upright, 1.0 / rate)
    if settings.usd:
        write_usdz(folder / "mesh.usdz", animated.rig, animated.motion, shot)
    if settings.morph_targets:
        last = len(record.times) - 1
        chosen = torch.linspace(0, last, min(last + 1, MAX_MORPHS)).round().long()
        mesh = moving_mesh(refinements, body, chosen)
        write_glb(folder / "mesh_morph.glb", mesh, record.times[chosen], extras=extras)


def exposure_note(sample: BlurSample) -> str:
    """How it is known how long the shutter was open.

    Args:
        sample: whose photos.

    Returns:
        `known`; `found` where the fit had to find it; `assumed` where nothing tells: times of such
        a file are a guess.
    """
    if not sample.exposure_is_known:
        return "found"
    photo = Path(sample.source)
    is_photo = len(sample.blurry) == 1 and sample.part is None and photo.is_file()
    return "assumed" if is_photo and read_exposure_time(photo) is None else "known"
