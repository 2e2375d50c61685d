"""Photos of a case, their plate and their truth, out of a clip; what is slow is kept in files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datamodules.files.clip_info import read_clip_info
from datamodules.files.video import median_background, read_video_frames
from datamodules.photos.plate import video_background
from datamodules.photos.samples import only_region, sample_from_video
from hfb.export import write_image
from hfb.files.images import read_image
from hfb.structures import BlurSample
from real_footage.manifest import Case, Clip
from real_footage.truth import Reader, Truth, frames_around, read_truth, truth_of, write_truth


@dataclass(frozen=True)
class Footage:
    """Where clips lie and what is kept of them.

    Attributes:
        clips: folder of the clips.
        cache: folder of what is kept.
        plate: "made", or "median": what is taken where the manifest says "made".
    """

    clips: Path
    cache: Path
    plate: str = "made"

    def path(self, clip: Clip) -> Path:
        """The clip's file."""
        return self.clips / clip.path


@dataclass(frozen=True)
class SharpFrames:
    """Sharp frames of one photo.

    Attributes:
        images: by their numbers; (H, W, 3), sRGB, uint8.
        middle: number of the one at mid-exposure.
    """

    images: dict[int, np.ndarray]
    middle: int


def case_sample(case: Case, footage: Footage) -> BlurSample:
    """The photos of a case with their plate.

    Args:
        case: which.
        footage: where its clip lies.

    Raises:
        InputError: if the clip or the plate cannot be used.
    """
    plate = plate_file(case.clip, footage)
    sample = sample_from_video(footage.path(case.clip), case.frames, plate)
    known = plate.with_suffix(".known.png")
    if known.is_file():
        sample = replace(sample, background_known=read_image(known)[:1].round())
    if not case.is_region_only:
        return sample
    left, top, right, bottom = case.window
    height, width = sample.blurry.shape[-2:]
    pad = 0.25 * max(right - left, bottom - top)
    region = (
        max(0, round(left - pad)), max(0, round(top - pad)),
        min(width, round(right + pad)), min(height, round(bottom + pad)),
    )  # fmt: skip
    return only_region(sample, region)


def plate_file(clip: Clip, footage: Footage) -> Path:
    """The image of a clip's scene without people; made once, with what of it is known beside it."""
    if isinstance(clip.plate, str) and clip.plate != "made":
        return footage.clips / clip.plate
    kind = footage.plate if clip.plate == "made" else f"frame{clip.plate}"
    path = footage.cache / "plates" / f"{clip.name}-{kind}.png"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    video = footage.path(clip)
    if kind == "median":
        scene, known = median_background(video), None
    else:
        frame = clip.plate if isinstance(clip.plate, int) else None
        plate = video_background(video, None, frame, read_clip_info(video).num_frames)
        scene, known = plate.scene, plate.known
    if known is not None:
        write_image(path.with_suffix(".known.png"), known)
    write_image(path, scene, bits=16)
    return path


def sharp_frames(case: Case, photo: int, footage: Footage) -> SharpFrames:
    """The frames of a photo, with neighbours where it is a single one.

    Args:
        case: which.
        photo: from 0.
        footage: where its clip lies.
    """
    exposure = case.exposures[photo]
    video = footage.path(case.clip)
    numbers = frames_around(exposure, read_clip_info(video).num_frames)
    images = list(read_video_frames(video, range(numbers[0], numbers[-1] + 1)))
    middle = exposure[(len(exposure) - 1) // 2]
    return SharpFrames(dict(zip(numbers, images, strict=True)), middle)


def case_truth(
    case: Case, photo: int, sharp: SharpFrames, footage: Footage, reader: Reader
) -> Truth:
    """Landmarks of a photo's sharp frames, read once.

    Args:
        case: which.
        photo: from 0.
        sharp: its frames.
        footage: where they are kept.
        reader: reads landmarks.
    """
    path = footage.cache / "truth" / f"{case.name}-{photo}.npz"
    numbers = list(sharp.images)
    kept = read_truth(path, numbers, case.window)
    if kept is not None:
        return kept
    readings = [reader(image, case.window) for image in sharp.images.values()]
    truth = truth_of(readings, numbers, case.exposures[photo], case.clip.shutter)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_truth(path, truth, case.window)
    return truth
