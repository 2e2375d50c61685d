"""The files of one result: motion, mesh, video, pictures; and what is said about it."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.metrics_of_fit import SampleResult
from hfb.export import (
    MotionRecord,
    PolynomialRecord,
    write_glb,
    write_image,
    write_motion,
    write_video,
)
from hfb.fit.fitter import Fitter
from hfb.fit.result import Refinement, render_views
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import evaluate, reverse, subframe_times
from hfb.report.images import preview_camera, preview_image, result_picture
from hfb.report.write_sequence import fill_sequence_folder
from hfb.structures import BlurSample, Mesh

VIDEO_FPS = 12.0
VIDEO_SUBFRAMES = 24


def fill_folder(folder: Path, result: SampleResult, fitter: Fitter) -> Float[Tensor, "N 3 h w"]:
    """Write the files of one result into a folder; returns sharp sub-frames at preview size.

    Args:
        folder: exists and is empty.
        result: what was found for a sample.
        fitter: the tools of the run.
    """
    if result.photos:
        return fill_sequence_folder(folder, result, fitter)
    refinement, sample, body = result.refinement, result.item.sample, fitter.body
    write_motion(folder / "motion.npz", motion_record(refinement, sample, body))
    backwards = Refinement(**(vars(refinement) | {"motion": reverse(refinement.motion)}))
    write_motion(folder / "motion_reversed.npz", motion_record(backwards, sample, body))
    write_glb(
        folder / "mesh.glb",
        export_mesh(refinement, body),
        exposure_times(sample, subframe_times(refinement.num_subframes)),
        extras={"body": body.identity.name, "sample_id": sample.sample_id},
    )
    camera = preview_camera(refinement.camera)
    background = preview_image(sample.background, camera)
    views = render_views(
        refinement, body, camera, background, fitter.render_settings, VIDEO_SUBFRAMES
    )
    write_video(folder / "subframes.mp4", views.subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", result_picture(result, fitter))
    write_image(folder / "texture.png", refinement.texture)
    return views.subframes[:: max(1, VIDEO_SUBFRAMES // refinement.num_subframes)]


def motion_record(refinement: Refinement, sample: BlurSample, body: SmplBody) -> MotionRecord:
    """The motion at the sub-frame times, as `motion.npz` wants it."""
    times = subframe_times(refinement.num_subframes)
    pose_rotmat, transl = evaluate(refinement.motion, times)
    motion = refinement.motion
    return MotionRecord(
        pose_rotvec=rotmat_to_rotvec(pose_rotmat),
        transl=transl,
        betas=refinement.betas,
        times=exposure_times(sample, times),
        frame_index=torch.zeros(len(times), dtype=torch.long),
        subframe_index=torch.arange(len(times)),
        exposure=sample.exposure[:1],
        fps=sample.fps,
        camera=refinement.camera,
        body=body.identity,
        polynomial=PolynomialRecord(
            motion.coeffs[None],
            motion.base_rotmat[None],
            motion.base_transl[None],
            motion.time_origin,
            motion.parameterization,
        ),
    )


def export_mesh(refinement: Refinement, body: SmplBody) -> Mesh:
    """The moving mesh with its texture in sRGB."""
    verts = refinement.posed(body, subframe_times(refinement.num_subframes)).verts
    return Mesh(verts, body.faces, body.uv, body.faces_uv, refinement.texture)


def exposure_times(sample: BlurSample, t: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Times in [0, 1] of the first frame's exposure as seconds."""
    opening, closing = sample.exposure[0].double()
    return opening + t.double() * (closing - opening)


def result_lines(result: SampleResult) -> list[str]:
    """What a person wants to read after a run: each figure before and after."""
    after, before = result.metrics, result.initial_metrics
    lines = [f"{result.item.sample.sample_id} ({result.seconds:.1f} s)"]
    if not result.item.camera_is_known:
        focal = float(result.refinement.camera.focal[0])
        lines.append(f"  focal length not given, guessed {focal:.0f} px (--data.camera sets it)")
    wanted = {
        "mpjpe_best_direction_mm": "joint error, best direction",
        "mpjpe_mm": "joint error, as it runs",
        "pa_mpjpe_mm": "joint error after alignment",
        "iou_best_direction": "silhouette IoU",
        "matte_iou": "IoU with the matte",
        "reblur_psnr_db": "re-blur PSNR in the person's box",
    }
    for name, title in wanted.items():
        if getattr(after, name) is not None:
            unit = " mm" if name.endswith("_mm") else " dB" if name.endswith("_db") else ""
            digits = 1 if unit else 3
            lines.append(
                f"  {title:<34}{getattr(before, name):9.{digits}f} ->"
                f"{getattr(after, name):9.{digits}f}{unit}"
            )
    return lines
