"""Frames of the user's clip, streamed: a clip never lies in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from datamodules.files.clip_info import ClipInfo, nothing_decoded, open_video, read_clip_info
from datamodules.files.shown_frame import look_of, shown_frame
from hfb.errors import InputError
from hfb.files.memory import check_memory
from hfb.formation import linear_to_srgb, srgb_to_linear

MEDIAN_FRAMES = 41  # odd, so that the median is one of the values and commutes with any curve
SEEK_FROM = 2000  # clips longer than this are sampled by seeking: decoding all takes minutes


def parse_frames(text: str) -> list[range]:
    """Read `--data.frames`.

    Args:
        text: a slice as Python writes it (40:49 means the nine frames 40 … 48), or several with
            commas between them (40:49,49:58): one blurry input frame each, in the order of time.

    Returns:
        The frame numbers of each blurry input frame.

    Raises:
        InputError: if it is no slice, empty, negative, or the exposures overlap.
    """
    exposures = []
    for part in text.split(","):
        try:
            start, stop = (int(n) for n in part.split(":"))
        except ValueError:
            start = stop = -1
        if not 0 <= start < stop:
            raise InputError(
                f"frames {text!r} is not understood: give START:STOP with 0 <= START < STOP, for "
                "example 40:49 for the frames 40 … 48"
            )
        exposures.append(range(start, stop))
    for first, second in pairwise(exposures):
        if second.start < first.stop:
            raise InputError(f"frames {text!r}: the exposures overlap or are not in order of time")
    return exposures


def read_video_frames(path: str | Path, frames: range) -> Iterator[np.ndarray]:
    """Decode some consecutive frames, one at a time.

    Args:
        path: any video that FFmpeg reads.
        frames: numbers of the frames, from 0, increasing.

    Yields:
        uint8 array (H, W, 3) sRGB, as shown: upright, with square pixels.

    Raises:
        InputError: if the file is missing or corrupt, or the clip ends before the last frame.
    """
    yield from _of_one_size(_wanted_frames(path, frames), path)


def _wanted_frames(path: str | Path, frames: range) -> Iterator[np.ndarray]:
    wanted, num_decoded = len(frames), 0
    with open_video(path) as (container, stream):
        look = look_of(stream, str(path))
        for frame in container.decode(stream):
            if num_decoded in frames:
                wanted -= 1
                yield shown_frame(frame, look)
            num_decoded += 1
            if wanted == 0:
                return
    if num_decoded == 0:
        raise nothing_decoded(path)
    raise InputError(
        f"the video {path} has {num_decoded} frames (0 … {num_decoded - 1}), but the frames "
        f"{frames.start} … {frames[-1]} were asked for"
    )


def _of_one_size(frames: Iterable[np.ndarray], path: str | Path) -> Iterator[np.ndarray]:
    """The same frames; raises where a clip changes its size midway, as joined clips do."""
    first: tuple[int, ...] | None = None
    for frame in frames:
        first = frame.shape if first is None else first
        if frame.shape != first:
            raise InputError(
                f"the video {path} changes its size from {first[1]} x {first[0]} px to "
                f"{frame.shape[1]} x {frame.shape[0]} px; cut it where it changes"
            )
        yield frame


def average_frames(
    path: str | Path,
    frames: range,
    prepare: Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]] | None = None,
) -> Float[Tensor, "3 H W"]:
    """The blurry image that a longer exposure would have taken.

    Args:
        path: any video that FFmpeg reads.
        frames: numbers of the frames, from 0.
        prepare: what is done to the frames before they are averaged.

    Returns:
        sRGB in [0, 1].

    Raises:
        InputError: as `read_video_frames`.
    """
    images = read_video_frames(path, frames)
    return mean_in_linear_light(images if prepare is None else prepare(images))


def mean_in_linear_light(frames: Iterable[np.ndarray]) -> Float[Tensor, "3 H W"]:
    """Average frames as a sensor does: it adds light, not sRGB values.

    Args:
        frames: uint8 arrays (H, W, 3) sRGB, at least one, all of one size.

    Returns:
        sRGB in [0, 1].
    """
    total: np.ndarray | None = None
    count = 0
    for frame in frames:
        light = _light_table()[frame]
        total = light if total is None else total + light
        count += 1
    assert total is not None, "readers of frames raise rather than yield nothing"
    mean = torch.from_numpy(total / count).permute(2, 0, 1)
    return linear_to_srgb(mean).float().contiguous()


@cache
def _light_table() -> np.ndarray:
    """256 levels only: a table is as exact and much faster than the curve at each pixel."""
    return srgb_to_linear(torch.arange(256, dtype=torch.float64) / 255).numpy()


def median_background(path: str | Path, num_samples: int = MEDIAN_FRAMES) -> Float[Tensor, "3 H W"]:
    """The scene without the person, if each place is free in more than half of the clip.

    Median over frames spread evenly over the clip.

    Args:
        path: any video that FFmpeg reads.
        num_samples: how many frames at most; made odd.

    Returns:
        sRGB in [0, 1].

    Raises:
        InputError: as `spread_frames`.
    """
    middle = median_of_frames(spread_frames(path, num_samples))
    return torch.from_numpy(middle).permute(2, 0, 1).contiguous().float() / 255


def spread_frames(
    path: str | Path, num_samples: int = MEDIAN_FRAMES
) -> UInt8[np.ndarray, "N H W 3"]:
    """Frames spread evenly over the clip.

    Args:
        path: any video that FFmpeg reads.
        num_samples: how many frames at most; made odd.

    Returns:
        sRGB, as shown; an odd number unless frames are damaged.

    Raises:
        InputError: if the clip cannot be read, has fewer than three frames, or does not fit the
            memory.
    """
    info = read_clip_info(path)
    count = min(num_samples, info.num_frames)
    count -= 1 - count % 2
    if count < 3:
        raise _too_short(path, info.num_frames)
    # The frames, a mask of each, and what is sorted on the way.
    check_memory(info.height, info.width, extra_bytes_per_pixel=7 * count)
    numbers = np.linspace(0, info.num_frames - 1, count).round().astype(int)
    sample = _sample_by_seeking if info.num_frames > SEEK_FROM else _sample_in_one_pass
    found = list(_of_one_size(sample(path, numbers, info), path))
    if len(found) < 3:  # of a damaged clip not every packet gives a frame
        raise _too_short(path, len(found))
    return np.stack(found)


def median_of_frames(frames: UInt8[np.ndarray, "N H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Median of each place and channel; of an even number the upper one: always one of the values.

    Args:
        frames: of one size.
    """
    middle = len(frames) // 2
    # Row by row: the partial sort works on a copy.
    rows = [np.partition(frames[:, k], middle, axis=0)[middle] for k in range(frames.shape[1])]
    return np.stack(rows)


def _too_short(path: str | Path, num_frames: int) -> InputError:
    return InputError(
        f"the video {path} has only {num_frames} frames: too few to see the background; give a "
        "background image"
    )


def _sample_in_one_pass(
    path: str | Path, numbers: np.ndarray, info: ClipInfo
) -> Iterator[np.ndarray]:
    with open_video(path) as (container, stream):
        look = look_of(stream, str(path))
        chosen = set(numbers.tolist())
        for number, frame in enumerate(container.decode(stream)):
            if number in chosen:
                yield shown_frame(frame, look)


def _sample_by_seeking(
    path: str | Path, numbers: np.ndarray, info: ClipInfo
) -> Iterator[np.ndarray]:
    """Frames near the wanted times: exact numbers do not matter to a median."""
    with open_video(path) as (container, stream):
        assert stream.time_base is not None, "video streams have a time base"
        look = look_of(stream, str(path))
        for number in numbers.tolist():
            wanted = int(info.times[number] / stream.time_base) + (stream.start_time or 0)
            container.seek(wanted, stream=stream, backward=True)
            frame = None
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts >= wanted:
                    break
            if frame is not None:
                yield shown_frame(frame, look)
