"""The files of the result of a single photo: motion, mesh, video, images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hfb.evaluate.results import SampleResult
from hfb.export import write_image, write_motion, write_video
from hfb.motion import reverse
from hfb.refine.fitter import Fitter
from hfb.refine.result import Refinement, render_views
from hfb.report.images import preview_camera, preview_image, result_image
from hfb.report.motion_record import motion_record
from hfb.report.rig_files import write_body_files
from hfb.report.settings import ReportSettings
from hfb.structures import BlurSample

VIDEO_FPS = 12.0
VIDEO_SUBFRAMES = 24


def fill_frame_folder(
    folder: Path, result: SampleResult, fitter: Fitter, settings: ReportSettings
) -> None:
    """Write the files of one result.

    Args:
        folder: exists and is empty.
        result: what was found for a single photo.
        fitter: the tools of the run.
        settings: which files.
    """
    refinement, sample = result.refinement, result.item.sample
    exposure, fps, body = sample.exposure[:1], sample.fps, fitter.body
    record = motion_record([refinement], exposure, fps, body)
    write_motion(folder / "motion.npz", record)
    backwards = replace(refinement, motion=reverse(refinement.motion))
    write_motion(folder / "motion_reversed.npz", motion_record([backwards], exposure, fps, body))
    # The video takes as long as the rest, and half of that in libraries that leave the
    # interpreter alone.
    with ThreadPoolExecutor(1) as pool:
        video = pool.submit(write_slow_motion, folder, refinement, sample, fitter)
        write_body_files(folder, [refinement], record, sample, body, settings)
        write_image(folder / "comparison.png", result_image(result, fitter))
        write_image(folder / "texture.png", refinement.texture)
        video.result()


def write_slow_motion(
    folder: Path, refinement: Refinement, sample: BlurSample, fitter: Fitter
) -> None:
    """Write `subframes.mp4`: the sharp video inside one exposure.

    Args:
        folder: exists.
        refinement: of the photo.
        sample: with its background.
        fitter: the tools of the run.
    """
    camera = preview_camera(refinement.camera)
    background = preview_image(sample.background, camera)
    views = render_views(
        refinement, fitter.body, camera, background, fitter.render_settings, VIDEO_SUBFRAMES
    )
    write_video(folder / "subframes.mp4", views.subframes, fps=VIDEO_FPS)
