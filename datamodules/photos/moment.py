"""A moment of a clip as consecutive photos around it.

Consecutive photos tell the direction of time, which one photo does not: of a clip, a moment is
better given than one exposure.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from datamodules.files.clip_info import ClipInfo
from datamodules.photos.clip import ClipPhotos, ClipSettings
from hfb.errors import InputError
from hfb.files.sample_checks import sample_name
from hfb.structures import BlurSample

_logger = logging.getLogger("hfb")

NUM_PHOTOS = 4
"""Photos around a moment, fewer where the clip is too short."""


def around_moment(
    at: float | str, settings: ClipSettings, info: ClipInfo, video: str | Path
) -> ClipSettings:
    """The part of a clip around a moment, which is in the middle of it; moved where the clip ends.

    Args:
        at: seconds from the beginning of the clip (7.8), or the number of a frame and an f (187f).
        settings: how many frames make a photo.
        info: of the clip.
        video: for errors.

    Raises:
        InputError: if it is not understood or lies outside the clip, or the clip is too short.
    """
    frame = _frame_of(at, info, video)
    count = min(NUM_PHOTOS, info.num_frames // settings.average)
    if count < 2:
        raise InputError(
            f"{video} has {info.num_frames} frames: too few for consecutive photos of "
            f"{settings.average} frames (--data.clip.average)"
        )
    length = count * settings.average
    wanted = frame - (length - 1) // 2
    start = min(max(wanted, 0), info.num_frames - length)
    if start != wanted or count < NUM_PHOTOS:
        _logger.warning(
            "frame %d of %s is near its %s: the %d photos are made of its frames %d to %d",
            frame,
            video,
            "beginning" if start > wanted else "end",
            count,
            start,
            start + length - 1,
        )
    return replace(settings, part=f"{start}:{start + length}")


def joined_photos(clip: ClipPhotos, at: float | str) -> BlurSample:
    """All photos of a short clip as one sample, to be fitted together.

    Args:
        clip: its photos.
        at: the moment, for the name.
    """
    parts = list(clip)
    known = [part.background_known for part in parts if part.background_known is not None]
    moment = at if isinstance(at, str) else f"{at:g}s"
    first, last = clip.frames[0], clip.frames[-1]
    return replace(
        parts[0],
        sample_id=sample_name(f"{Path(clip.video).stem}_at_{moment}"),
        blurry=torch.cat([part.blurry for part in parts]),
        exposure=torch.cat([part.exposure for part in parts]),
        background_known=torch.stack(known).amin(0) if known else None,
        source=f"{parts[0].source}, frames {first}:{last + 1}",
        part=None,
    )


def _frame_of(at: float | str, info: ClipInfo, video: str | Path) -> int:
    """The frame that is shown at a moment."""
    seconds, text = float(info.times[-1]), str(at).strip()
    is_frame = text.endswith("f")
    try:
        value = float(int(text[:-1])) if is_frame else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"at {at!r} is not understood: give seconds from the beginning of the clip (7.8), or "
            "the number of a frame with an f behind it (187f)"
        )
    end = info.num_frames if is_frame else seconds
    if not 0 <= value < end:
        raise InputError(
            f"the moment {text if is_frame else f'{text} s'} (--data.at) lies outside the video "
            f"{video}, which lasts {seconds:.2f} s and has the frames 0f to {info.num_frames - 1}f"
        )
    return int(value) if is_frame else int(np.searchsorted(info.times, value, side="right")) - 1
