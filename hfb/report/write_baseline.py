"""The files of results of other methods: poses at moments, and objects without joints."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.body import SmplBody
from hfb.evaluate.metrics_of_fit import SampleResult
from hfb.evaluate.pose_sequences import PoseSequence
from hfb.export import MotionRecord, write_glb, write_image, write_motion, write_video
from hfb.fit.fitter import Fitter
from hfb.fit.result import Refinement, render_views
from hfb.formation import linear_to_srgb
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import subframe_times
from hfb.report.images import preview_camera, preview_image, result_picture
from hfb.structures import BlurSample, Mesh
from hfb.viz import panel_sheet

VIDEO_FPS = 12.0
VIDEO_SUBFRAMES = 24


def fill_baseline_folder(folder: Path, result: SampleResult, fitter: Fitter) -> bool:
    """Write the files of a competitor's result; false where the result is none of a competitor.

    Args:
        folder: exists and is empty.
        result: of any method.
        fitter: the tools of the run.
    """
    if result.object_estimate is not None:
        fill_object_folder(folder, result)
        return True
    if isinstance(result.refinement, PoseSequence):
        fill_pose_sequence_folder(folder, result, fitter)
        return True
    return False


@torch.no_grad()
def fill_pose_sequence_folder(folder: Path, result: SampleResult, fitter: Fitter) -> None:
    """Write the files of a result given as poses.

    Args:
        folder: exists and is empty.
        result: its refinements are `PoseSequence`.
        fitter: the tools of the run.
    """
    photos, sample, body = result.photos or (result,), result.item.sample, fitter.body
    refinements = [photo.refinement for photo in photos]
    record = pose_sequence_record(refinements, sample, body)
    write_motion(folder / "motion.npz", record)
    count = refinements[0].num_subframes
    verts = torch.cat([r.posed(body, subframe_times(count)).verts for r in refinements])
    write_glb(
        folder / "mesh.glb",
        Mesh(verts, body.faces, body.uv, body.faces_uv, refinements[0].texture),
        record.times,
        extras={"body": body.identity.name, "sample_id": sample.sample_id},
    )
    camera = preview_camera(refinements[0].camera)
    views = render_views(
        refinements[0],
        body,
        camera,
        preview_image(sample.background, camera),
        fitter.render_settings,
        VIDEO_SUBFRAMES,
    )
    write_video(folder / "subframes.mp4", views.subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", result_picture(photos[0], fitter))
    write_image(folder / "texture.png", refinements[0].texture)


def pose_sequence_record(
    refinements: list[Refinement], sample: BlurSample, body: SmplBody
) -> MotionRecord:
    """The poses at the sub-frame times of all photos, as `motion.npz` wants them."""
    count = refinements[0].num_subframes
    t = subframe_times(count)
    moments = [r.poses(t) for r in refinements if isinstance(r, PoseSequence)]
    exposure = sample.exposure.double()
    times = exposure[:, :1] + t.double() * (exposure[:, 1:] - exposure[:, :1])
    number = len(refinements)
    return MotionRecord(
        pose_rotvec=rotmat_to_rotvec(torch.cat([pose for pose, _ in moments])),
        transl=torch.cat([transl for _, transl in moments]),
        betas=refinements[0].betas,
        times=times.flatten(),
        frame_index=torch.arange(number).repeat_interleave(count),
        subframe_index=torch.arange(count).repeat(number),
        exposure=sample.exposure,
        fps=sample.fps,
        camera=refinements[0].camera,
        body=body.identity,
    )


@torch.no_grad()
def fill_object_folder(folder: Path, result: SampleResult) -> None:
    """Write the files of an estimate without joints.

    Args:
        folder: exists and is empty.
        result: with its `object_estimate`.
    """
    estimate, sample = result.object_estimate, result.item.sample
    assert isinstance(estimate, ObjectEstimate), "the caller has looked"
    times = subframe_times(VIDEO_SUBFRAMES)
    subframes = sharp_subframes(estimate, times)
    write_video(folder / "subframes.mp4", subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", object_picture(estimate, subframes))
    model = estimate.parts[0].model
    texture = shown(model.texture[0], estimate.problem.is_linear)
    write_image(folder / "texture.png", texture)
    shape, count = model.prototype, estimate.num_subframes
    grid = subframe_times(count).expand(len(estimate.problem.image), count)
    opening, closing = sample.exposure[0].double()
    write_glb(
        folder / "mesh.glb",
        Mesh(model.moving_verts(grid)[0, :count], shape.faces, shape.uv, shape.faces_uv, texture),
        opening + grid[0].double() * (closing - opening),
        extras={"prototype": shape.name, "sample_id": sample.sample_id},
    )


def sharp_subframes(estimate: ObjectEstimate, t: Float[Tensor, " N"]) -> Float[Tensor, "N 3 S S"]:
    """The first photo's sub-frames on the background, sRGB."""
    problem = estimate.problem
    layers = estimate.layers(0, t)
    sharp = layers.alpha * layers.rgb + (1.0 - layers.alpha) * problem.background
    return shown(sharp, problem.is_linear)


def object_picture(
    estimate: ObjectEstimate, subframes: Float[Tensor, "N 3 S S"]
) -> Float[Tensor, "3 h w"]:
    """`comparison.png`: input, explanation, sub-frames and mattes."""
    problem = estimate.problem
    layers = estimate.layers(0, subframe_times(estimate.num_subframes))
    alpha = layers.alpha.mean(0)
    blurred = (layers.rgb * layers.alpha).mean(0) + (1.0 - alpha) * problem.background
    middle, last = len(subframes) // 2, len(subframes) - 1
    return panel_sheet(
        {
            "input": shown(problem.image[0], problem.is_linear),
            "re-blurred": shown(blurred, problem.is_linear),
            "sharp, first": subframes[0],
            "sharp, middle": subframes[middle],
            "sharp, last": subframes[last],
            "matte, fitted": problem.alpha[0],
            "matte, model": alpha,
        }
    )


def shown(image: Float[Tensor, "*B"], is_linear: bool) -> Float[Tensor, "*B"]:
    """A picture as sRGB in [0, 1]; the texture of these methods is not bounded."""
    image = image.clamp(0.0, 1.0)
    return linear_to_srgb(image) if is_linear else image
