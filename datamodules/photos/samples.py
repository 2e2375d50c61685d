"""Blurry samples out of the user's own images and clips."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from datamodules.files.clip_info import ClipInfo, read_clip_info
from datamodules.files.frame_times import uneven_steps
from datamodules.files.video import average_frames, parse_frames
from datamodules.photos.plate import outside_clip, video_background
from datamodules.photos.steady import steadier_of
from hfb.background.match import Background, matched_background
from hfb.errors import InputError
from hfb.files.camera import read_camera
from hfb.files.images import (
    existing_file,
    read_exposure_time,
    read_image,
)
from hfb.files.mattes import read_matte
from hfb.files.memory import check_memory
from hfb.files.sample_checks import check_pair, sample_name
from hfb.init.detect.without_background import without_background
from hfb.structures import BlurSample

DEFAULT_EXPOSURE_S = 1 / 30
_logger = logging.getLogger("hfb")


def sample_from_image(
    image: str | Path,
    background: str | Path | None = None,
    alpha: str | Path | None = None,
    estimate: str | Path | None = None,
    camera: str | Path | None = None,
    region: tuple[int, int, int, int] | None = None,
) -> BlurSample:
    """Read a blurry photo and what belongs to it.

    Args:
        image: the photo.
        background: the same scene without the person, same camera, same size; brought to the
            photo's view and tones where it differs a little. If absent, it is made up, see
            `hfb.init.detect.without_background`.
        alpha: matte of the person, same size; estimated later if absent.
        estimate: a `*.hfbinit.npz` with starting poses; found later if absent.
        camera: JSON with the intrinsics; guessed later if absent.
        region: where the person is, if there is no background and several people.

    Returns:
        The sample of one frame; its exposure is the one in the photo's EXIF data, else 1/30 s.

    Raises:
        InputError: if a file cannot be used; see `read_image`, `read_matte`, `read_camera` and
            `check_pair`.
        NoPersonError: if there is no background, and nobody is found without one.
    """
    sample = lone_photo_of(image, alpha, estimate, camera)
    if background is None:
        return without_background(sample, str(image), region)
    return with_background(sample, image, background)


def lone_photo_of(
    image: str | Path,
    alpha: str | Path | None = None,
    estimate: str | Path | None = None,
    camera: str | Path | None = None,
) -> BlurSample:
    """Read a photo without anything behind the person: its background is the photo itself.

    Args:
        image: the photo.
        alpha: as `sample_from_image`.
        estimate: as `sample_from_image`.
        camera: as `sample_from_image`.

    Raises:
        InputError: if a file cannot be used.
    """
    blurry = read_image(image)
    exposure = read_exposure_time(image) or DEFAULT_EXPOSURE_S
    sample = BlurSample(
        sample_id=sample_name(Path(image).stem),
        blurry=blurry[None],
        background=blurry,
        exposure=torch.tensor([[0.0, exposure]]),
        fps=1.0 / exposure,
        source=str(image),
    )
    return with_options(sample, alpha, estimate, camera)


def with_background(sample: BlurSample, image: str | Path, background: str | Path) -> BlurSample:
    """A photo with the scene behind it, brought to its view and tones.

    Args:
        sample: the photo.
        image: its file, for errors.
        background: the same scene without the person.

    Raises:
        InputError: if it cannot be read or does not belong to the photo.
    """
    scene = read_image(background)
    check_pair(sample.blurry[0], scene, str(image), str(background))
    matched = matched_background(sample.blurry, Background(scene), str(image))
    return replace(sample, background=matched.scene, background_known=matched.known)


def sample_from_video(
    video: str | Path,
    frames: str,
    background: str | Path | None = None,
    background_frame: int | None = None,
    alpha: str | Path | None = None,
    estimate: str | Path | None = None,
    camera: str | Path | None = None,
) -> BlurSample:
    """Make a long exposure out of a clip of a camera that stands still, or moves a little.

    Args:
        video: the clip.
        frames: which frames to average in linear light, START:STOP, or several such slices with
            commas between them: one blurry input frame each.
        background: image of the scene without the person.
        background_frame: number of a frame of the clip without the person. With neither, the
            scene is made from frames spread over the clip, without the people in them.
        alpha: matte of the person, for a single input frame only.
        estimate: a `*.hfbinit.npz` with starting poses.
        camera: JSON with the intrinsics.

    Returns:
        The sample; exposure times in seconds from the start of the clip.

    Raises:
        InputError: if a file cannot be used, frames lie outside the clip, or options contradict
            each other.
    """
    if background is not None and background_frame is not None:
        raise InputError("give either a background image or a background_frame, not both")
    slices = parse_frames(frames)
    info = read_clip_info(video)
    tell_about(video, info)
    check_memory(info.height, info.width, len(slices), extra_bytes_per_pixel=48)
    for wanted in slices:
        if wanted[-1] >= info.num_frames:
            raise outside_clip(video, f"the frames {wanted.start}:{wanted.stop}", info.num_frames)
    plate = video_background(video, background, background_frame, info.num_frames)
    used = range(slices[0].start, slices[-1].stop)
    steady = steadier_of(video, used, slices[0][(len(slices[0]) - 1) // 2])
    blurry = torch.stack([average_frames(video, wanted, steady) for wanted in slices])
    for frame in blurry:
        check_pair(frame, plate.scene, f"frames {frames} of {video}", plate.origin)
    behind = Background(plate.scene, plate.known)
    behind = matched_background(blurry, behind, f"frames {frames} of {video}")
    if steady is not None:
        behind = behind.without(1.0 - steady.take_known())
    for wanted in slices:
        _tell_uneven(video, wanted, info.times[wanted.start : wanted.stop + 1])
    exposure = torch.tensor([[info.times[s.start], info.times[s.stop]] for s in slices])
    first_end = info.times[slices[1].start if len(slices) > 1 else slices[0].stop]
    sample = BlurSample(
        sample_id=sample_name(f"{Path(video).stem}_{frames}"),
        blurry=blurry,
        background=behind.scene,
        exposure=exposure.float(),
        fps=1.0 / float(first_end - info.times[slices[0].start]),
        source=f"{video} frames {frames}, background: {plate.origin}",
        background_known=behind.known,
    )
    return with_options(sample, alpha, estimate, camera)


def tell_about(video: str | Path, info: ClipInfo) -> None:
    """Warn of what a clip's user should know about it.

    Args:
        video: the clip.
        info: what it says about itself.
    """
    for note in info.notes:
        _logger.warning("the video %s %s", video, note)


def _tell_uneven(video: str | Path, frames: range, times: np.ndarray) -> None:
    steps = uneven_steps(times)
    if steps is not None:
        _logger.warning(
            "the frames %d:%d of %s last %s: each counts alike in their average",
            frames.start,
            frames.stop,
            video,
            steps,
        )


def only_region(sample: BlurSample, region: tuple[int, int, int, int]) -> BlurSample:
    """Take out of the photo what moves outside a rectangle: only one person moves then.

    Outside, the photo may differ from its background by the usual noise and no more, so that the
    noise can still be measured there.

    Args:
        sample: the photo.
        region: left, top, right, bottom, px, end exclusive.

    Raises:
        InputError: if the rectangle is empty or lies outside the photo.
    """
    left, top, right, bottom = region
    height, width = sample.blurry.shape[-2:]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise InputError(
            f"region {list(region)} must be left < right within 0..{width} and top < bottom within "
            f"0..{height}"
        )
    difference = sample.blurry - sample.background
    noise = 3.0 * float(difference.abs().median())
    blurry = sample.background + difference.clamp(-noise, noise)
    blurry[..., top:bottom, left:right] = sample.blurry[..., top:bottom, left:right]
    return replace(sample, blurry=blurry)


def with_options(
    sample: BlurSample,
    alpha: str | Path | None,
    estimate: str | Path | None,
    camera: str | Path | None,
) -> BlurSample:
    """Add what the user gave besides the images; None stands for nothing given.

    Args:
        sample: the photos.
        alpha: matte of the person, for a single photo only.
        estimate: a `*.hfbinit.npz` with starting poses.
        camera: JSON with the intrinsics.

    Raises:
        InputError: if a file cannot be used.
    """
    height, width = sample.blurry.shape[-2:]
    if alpha is not None:
        if len(sample.blurry) > 1:
            raise InputError(
                f"one alpha matte was given for {len(sample.blurry)} input frames; leave it out, "
                "or write the sample as a folder with a matte per frame"
            )
        sample = replace(sample, alpha=read_matte(alpha, height, width)[None])
    if estimate is not None:
        path = existing_file(estimate, "initial estimate")
        sample = replace(sample, estimate_path=str(path))
    if camera is not None:
        sample = replace(sample, camera=read_camera(camera, height, width))
    return sample
