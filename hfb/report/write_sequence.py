"""The files of a result of consecutive photos: one motion, one mesh, one video over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.metrics_of_fit import SampleResult
from hfb.export import (
    MotionRecord,
    PolynomialRecord,
    stream_video,
    write_glb,
    write_image,
    write_motion,
)
from hfb.fit.fitter import Fitter
from hfb.fit.result import Refinement, render_views
from hfb.fit.sequence.boundaries import shutter_times
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import evaluate, subframe_times
from hfb.render import RenderSettings
from hfb.report.images import preview_camera, preview_image, result_picture
from hfb.structures import BlurSample, Mesh

SLOW_MOTION = 8.0
"""How many times slower than life the video plays."""
MAX_VIDEO_FPS = 50.0
MAX_MESH_POSES = 120
"""The mesh file grows by 80 kB a pose: of a longer clip it holds evenly spread ones."""
MAX_PICTURES = 4
"""Photos in `comparison.png`."""


def fill_sequence_folder(
    folder: Path, result: SampleResult, fitter: Fitter
) -> Float[Tensor, "N 3 h w"]:
    """Write the files of a result of several photos; returns sharp sub-frames of the first photo.

    Args:
        folder: exists and is empty.
        result: with one result a photo.
        fitter: the tools of the run.
    """
    refinements = [photo.refinement for photo in result.photos]
    write_sequence(folder, refinements, result.item.sample, fitter)
    pictures = [result_picture(photo, fitter) for photo in result.photos[:MAX_PICTURES]]
    write_image(folder / "comparison.png", torch.cat(pictures, -2))
    camera = preview_camera(refinements[0].camera)
    background = preview_image(result.item.sample.background, camera)
    settings = fitter.render_settings
    return render_views(refinements[0], fitter.body, camera, background, settings).subframes


def write_sequence(
    folder: Path, refinements: list[Refinement], sample: BlurSample, fitter: Fitter
) -> None:
    """Write motion, mesh, video and texture of consecutive photos.

    Args:
        folder: exists.
        refinements: one a photo, in the order of time.
        sample: background, frame rate and exposures of all photos; its pictures are not needed.
        fitter: the tools of the run.
    """
    body = fitter.body
    exposure = shutter_times(sample.exposure, [refinement.gap for refinement in refinements])
    record = sequence_record(refinements, exposure, sample.fps, body)
    write_motion(folder / "motion.npz", record)
    chosen = torch.linspace(0, len(record.times) - 1, min(len(record.times), MAX_MESH_POSES))
    chosen = chosen.round().long()
    write_glb(
        folder / "mesh.glb",
        _mesh(refinements, chosen, body),
        record.times[chosen],
        extras={"body": body.identity.name, "sample_id": sample.sample_id},
    )
    rate = 1.0 / float(record.times.diff().median()) if len(record.times) > 1 else sample.fps
    frames = _subframes(refinements, sample.background, body, fitter.render_settings)
    stream_video(folder / "subframes.mp4", frames, min(rate / SLOW_MOTION, MAX_VIDEO_FPS))
    write_image(folder / "texture.png", refinements[-1].texture)


def sequence_record(
    refinements: list[Refinement], exposure: Float[Tensor, "T 2"], fps: float, body: SmplBody
) -> MotionRecord:
    """The motion at the sub-frame times of all photos, as `motion.npz` wants it.

    Args:
        refinements: one a photo, in the order of time.
        exposure: opening and closing of each shutter, s.
        fps: frames per second of the camera.
        body: the body model.
    """
    count = refinements[0].num_subframes
    times = subframe_times(count)
    poses, places = zip(*(evaluate(r.motion, times) for r in refinements), strict=True)
    opening, closing = exposure.double()[:, :1], exposure.double()[:, 1:]
    numbers = torch.arange(len(refinements))
    motions = [refinement.motion for refinement in refinements]
    return MotionRecord(
        pose_rotvec=rotmat_to_rotvec(torch.cat(poses)),
        transl=torch.cat(places),
        betas=refinements[-1].betas,
        times=(opening + times.double() * (closing - opening)).flatten(),
        frame_index=numbers.repeat_interleave(count),
        subframe_index=torch.arange(count).repeat(len(refinements)),
        exposure=exposure,
        fps=fps,
        camera=refinements[0].camera,
        body=body.identity,
        polynomial=PolynomialRecord(
            torch.stack([motion.coeffs for motion in motions]),
            torch.stack([motion.base_rotmat for motion in motions]),
            torch.stack([motion.base_transl for motion in motions]),
            motions[0].time_origin,
            motions[0].parameterization,
        ),
    )


def _mesh(refinements: list[Refinement], chosen: Tensor, body: SmplBody) -> Mesh:
    """The moving mesh at chosen sub-frames of all photos, its texture in sRGB."""
    count = refinements[0].num_subframes
    times = subframe_times(count)
    verts = []
    for number, refinement in enumerate(refinements):
        own = chosen[chosen // count == number] - number * count
        if len(own):
            verts.append(refinement.posed(body, times[own]).verts)
    texture = refinements[-1].texture
    return Mesh(torch.cat(verts), body.faces, body.uv, body.faces_uv, texture)


def _subframes(
    refinements: list[Refinement],
    background: Float[Tensor, "3 H W"],
    body: SmplBody,
    settings: RenderSettings,
) -> Iterator[Float[Tensor, "3 h w"]]:
    """Sharp sub-frames of all photos in the order of time, one photo's in memory at a time."""
    camera = preview_camera(refinements[0].camera)
    behind = preview_image(background, camera)
    for refinement in refinements:
        yield from render_views(refinement, body, camera, behind, settings).subframes
