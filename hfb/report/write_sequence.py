"""The files of a result of consecutive photos: one motion, one mesh, one video over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.results import SampleResult
from hfb.export import stream_video, write_image, write_motion
from hfb.refine.fitter import Fitter
from hfb.refine.result import Refinement, render_views
from hfb.refine.sequence.boundaries import shutter_times
from hfb.render import RenderSettings
from hfb.report.images import preview_camera, preview_image, result_image
from hfb.report.motion_record import motion_record
from hfb.report.rig_files import write_body_files
from hfb.report.settings import ReportSettings
from hfb.structures import BlurSample

SLOW_MOTION = 8.0
"""How many times slower than life the video plays."""
MAX_VIDEO_FPS = 50.0
MAX_IMAGES = 4
"""Photos in `comparison.png`."""


def fill_sequence_folder(
    folder: Path, result: SampleResult, fitter: Fitter, settings: ReportSettings
) -> None:
    """Write the files of a result of several photos.

    Args:
        folder: exists and is empty.
        result: with one result a photo.
        fitter: the tools of the run.
        settings: which files.
    """
    refinements = [photo.refinement for photo in result.photos]
    write_sequence(folder, refinements, result.item.sample, fitter, settings)
    images = [result_image(photo, fitter) for photo in result.photos[:MAX_IMAGES]]
    write_image(folder / "comparison.png", torch.cat(images, -2))


def write_sequence(
    folder: Path,
    refinements: list[Refinement],
    sample: BlurSample,
    fitter: Fitter,
    settings: ReportSettings,
) -> None:
    """Write motion, mesh, video and texture of consecutive photos.

    Args:
        folder: exists.
        refinements: one a photo, in the order of time.
        sample: background, frame rate and exposures of all photos; its images are not needed.
        fitter: the tools of the run.
        settings: which files.
    """
    body = fitter.body
    exposure = shutter_times(sample.exposure, [refinement.gap for refinement in refinements])
    record = motion_record(refinements, exposure, sample.fps, body)
    write_motion(folder / "motion.npz", record)
    write_body_files(folder, refinements, record, sample, body, settings)
    rate = 1.0 / float(record.times.diff().median()) if len(record.times) > 1 else sample.fps
    frames = _subframes(refinements, sample.background, body, fitter.render_settings)
    stream_video(folder / "subframes.mp4", frames, min(rate / SLOW_MOTION, MAX_VIDEO_FPS))
    write_image(folder / "texture.png", refinements[-1].texture)


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
