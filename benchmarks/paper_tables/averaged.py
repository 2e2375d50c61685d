"""Table 3's photos: one, two and three blurry frames averaged, estimates on sharp ones as truth.

As the paper does it with B-AIST++, where METRO's estimates on the sharp sub-frames stand for the
truth: here ours, on frames of clips with still cameras, and on generated sharp video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from datamodules.blur_folder import write_sample
from datamodules.files.clip_info import read_clip_info
from datamodules.photos.plate import video_background
from datamodules.photos.samples import sample_from_video
from datamodules.synthetic.data_module import make_sample
from datamodules.synthetic.shot import SyntheticSettings
from hfb.app.pipeline import Pipeline
from hfb.body import SmplBody
from hfb.errors import HfbError
from hfb.export import write_image
from hfb.formation import blur_rate, linear_to_srgb, srgb_to_linear
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, Camera, InitialEstimate, Target

AVERAGED = (1, 2, 3)
"""Blurry frames a photo."""

SHARP = 4
"""Sharp frames in one blurry frame."""

_FRAMES = max(AVERAGED) * SHARP
# Exposure of a generated sharp frame, s: hardly anything moves within it.
_SHARP_S = (1 / 90, 1 / 45)


@dataclass(frozen=True)
class Stretch:
    """Sharp frames one after the other.

    Attributes:
        name: of the sample.
        frames: each as a photo of its own, with the scene.
    """

    name: str
    frames: list[BlurSample]


def clip_stretches(clips: list[Path], count: int, folder: Path) -> Iterator[Stretch]:
    """Stretches spread over clips.

    Args:
        clips: of cameras that stand still.
        count: how many of each.
        folder: gets the scenes without people.
    """
    for clip in clips:
        plate = folder / f"{clip.stem}_plate.png"
        total = read_clip_info(clip).num_frames
        if not plate.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            write_image(plate, video_background(clip, None, None, total).scene, bits=16)
        for k in range(count):
            first = round((k + 0.5) * (total - _FRAMES) / count)
            frames = [
                sample_from_video(clip, f"{n}:{n + 1}", plate)
                for n in range(first, first + _FRAMES)
            ]
            yield Stretch(f"{clip.stem}_{first:05d}", frames)


def generated_stretches(seeds: range) -> Iterator[Stretch]:
    """Generated sharp video: consecutive photos of short exposures without gaps."""
    settings = SyntheticSettings(
        num_frames=_FRAMES, exposure_s=_SHARP_S, blur_rate=(0.0, 0.15), num_truth=1
    )
    for seed in seeds:
        sample = make_sample(settings, seed)
        frames = [
            replace(
                sample,
                blurry=sample.blurry[k : k + 1],
                alpha=None,
                exposure=sample.exposure[k : k + 1],
                target=None,
            )
            for k in range(len(sample.blurry))
        ]
        yield Stretch(f"generated_{seed:05d}", frames)


def write_photos(stretch: Stretch, pipeline: Pipeline, folder: Path) -> list[Path]:
    """The photos of a stretch, all about its middle, with estimates on their sharp frames as truth.

    Args:
        stretch: sharp frames.
        pipeline: whose starts stand for the truth.
        folder: of the data set.
    """
    wanted = [folder / f"{stretch.name}_{count}" for count in AVERAGED]
    if all((path / "sample.json").is_file() for path in wanted):
        return wanted
    starts = [pipeline.initialise(frame).photos[0] for frame in stretch.frames]
    estimates = [start.estimate for start in starts]
    for count, path in zip(AVERAGED, wanted, strict=True):
        first = (_FRAMES - count * SHARP) // 2
        part = slice(first, first + count * SHARP)
        sample = averaged(stretch.frames[part], estimates[part], starts[0].camera, pipeline.body)
        write_sample(path, replace(sample, sample_id=path.name), None)
    return wanted


def averaged(
    frames: list[BlurSample], estimates: list[InitialEstimate], camera: Camera, body: SmplBody
) -> BlurSample:
    """One photo out of sharp frames, averaged in linear light.

    Args:
        frames: sharp, one after the other.
        estimates: starts on them.
        camera: of the whole image.
        body: of the estimates.
    """
    linear = torch.stack([srgb_to_linear(frame.blurry[0]) for frame in frames]).mean(0)
    params = [estimate.all_params().index([0]) for estimate in estimates]
    posed = [body(one) for one in params]
    joints = torch.cat([one.joints for one in posed])
    outlines = torch.cat([_outline(one.verts, body, camera) for one in posed])
    opening, closing = float(frames[0].exposure[0, 0]), float(frames[-1].exposure[0, 1])
    count = len(frames)
    times = opening + (torch.arange(count) + 0.5) / count * (closing - opening)
    return replace(
        frames[0],
        blurry=linear_to_srgb(linear)[None],
        exposure=torch.tensor([[opening, closing]]),
        target=Target(joints=joints[None], times=times[None]),
        blur_rate=float(blur_rate(outlines)),
    )


def _outline(
    verts: Float[Tensor, "1 V 3"], body: SmplBody, camera: Camera
) -> Bool[Tensor, "1 H W"]:
    return hard_silhouettes(verts, body.faces, camera)


def make_photos(
    clips: list[Path], per_clip: int, seeds: range, pipeline: Pipeline, folder: Path
) -> int:
    """All photos of Table 3; a stretch in which nobody is found is left out and said so.

    Args:
        clips: of cameras that stand still.
        per_clip: stretches of each.
        seeds: of the generated stretches.
        pipeline: whose starts stand for the truth.
        folder: of the data set.
    """
    total = 0
    for kind in (clip_stretches(clips, per_clip, folder.parent), generated_stretches(seeds)):
        for stretch in kind:
            try:
                total += len(write_photos(stretch, pipeline, folder))
            except HfbError as error:
                print(f"{stretch.name} is left out: {error}", flush=True)
    return total
