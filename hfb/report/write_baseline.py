"""The files of results of other methods: poses at times, and objects without joints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.evaluate.results import SampleResult
from hfb.export import write_glb, write_image, write_motion, write_video
from hfb.formation import linear_to_srgb
from hfb.motion import subframe_times
from hfb.refine.fitter import Fitter
from hfb.report.images import result_image
from hfb.report.motion_record import motion_record
from hfb.report.rig_files import write_body_files
from hfb.report.settings import ReportSettings
from hfb.report.write_frame import VIDEO_FPS, VIDEO_SUBFRAMES, write_slow_motion
from hfb.structures import Mesh
from hfb.viz import panel_sheet


@torch.no_grad()
def fill_pose_sequence_folder(
    folder: Path, result: SampleResult, fitter: Fitter, settings: ReportSettings
) -> None:
    """Write the files of a result given as poses.

    Args:
        folder: exists and is empty.
        result: its refinements are `PoseSequence`.
        fitter: the tools of the run.
        settings: which files.
    """
    photos, sample, body = result.photos or (result,), result.item.sample, fitter.body
    refinements = [photo.refinement for photo in photos]
    record = motion_record(refinements, sample.exposure, sample.fps, body)
    write_motion(folder / "motion.npz", record)
    write_body_files(folder, refinements, record, sample, body, settings)
    write_slow_motion(folder, refinements[0], sample, fitter)
    write_image(folder / "comparison.png", result_image(photos[0], fitter))
    write_image(folder / "texture.png", refinements[0].texture)


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
    subframes = object_views(estimate, times).subframes
    write_video(folder / "subframes.mp4", subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", object_image(estimate, subframes))
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


@dataclass(frozen=True)
class ObjectViews:
    """Images of the first photo of an estimate without joints, its crop, sRGB in [0, 1].

    Attributes:
        photo: the input.
        reblurred: the estimate blurred again.
        alpha: its mean silhouette.
        subframes: on the background, sharp.
    """

    photo: Float[Tensor, "3 S S"]
    reblurred: Float[Tensor, "3 S S"]
    alpha: Float[Tensor, "1 S S"]
    subframes: Float[Tensor, "N 3 S S"]


def object_views(estimate: ObjectEstimate, t: Float[Tensor, " N"]) -> ObjectViews:
    """Draw the first photo of an estimate.

    Args:
        estimate: without joints.
        t: times of the sub-frames in [0, 1].
    """
    problem, layers = estimate.problem, estimate.layers(0, t)
    behind, alpha = problem.background, layers.alpha.mean(0)
    blurred = (layers.rgb * layers.alpha).mean(0) + (1.0 - alpha) * behind
    sharp = layers.alpha * layers.rgb + (1.0 - layers.alpha) * behind
    photo, reblurred, subframes = (
        shown(image, problem.is_linear) for image in (problem.image[0], blurred, sharp)
    )
    return ObjectViews(photo, reblurred, alpha, subframes)


def object_image(
    estimate: ObjectEstimate, subframes: Float[Tensor, "N 3 S S"]
) -> Float[Tensor, "3 h w"]:
    """`comparison.png`: input, explanation, sub-frames and mattes."""
    views = object_views(estimate, subframe_times(estimate.num_subframes))
    middle, last = len(subframes) // 2, len(subframes) - 1
    return panel_sheet(
        {
            "input": views.photo,
            "re-blurred": views.reblurred,
            "sharp, first": subframes[0],
            "sharp, middle": subframes[middle],
            "sharp, last": subframes[last],
            "matte, fitted": estimate.problem.alpha[0],
            "matte, model": views.alpha,
        }
    )


def shown(image: Float[Tensor, "*B"], is_linear: bool) -> Float[Tensor, "*B"]:
    """An image as sRGB in [0, 1]; the texture of these methods is not bounded."""
    image = image.clamp(0.0, 1.0)
    return linear_to_srgb(image) if is_linear else image
