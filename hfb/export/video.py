"""The sharp sub-frames as a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from hfb.errors import InputError
from hfb.export.images import quantise
from hfb.storage import atomic_write, utf8_path

if TYPE_CHECKING:
    from av import VideoFrame

# swscale's and H.264's number of ITU-R BT.709, what players assume for video without tags
BT709 = 1


def write_video(
    path: str | Path,
    frames: Float[Tensor, "N 3 H W"],
    fps: float = 24.0,
    there_and_back: bool = True,
    repeats: int = 1,
) -> None:
    """Write sub-frames as an H.264 video (yuv420p, plays everywhere), whole or not at all.

    Not in the paper's text; its supplementary videos show the same. Odd sizes are padded by
    repeating the last row or column, because yuv420p halves the chroma.

    Args:
        path: file name ending in .mp4.
        frames: sRGB in [0, 1], clamped, in the order of time.
        fps: playback frames per second, not the rate inside the exposure.
        there_and_back: also play backwards, so that a loop has no jump (the two directions of time
            explain a single blurry image equally well).
        repeats: how many times to play the whole.

    Raises:
        InputError: if there are no frames, they hold NaN, fps is not positive, or the file cannot
            be written.
    """
    path = Path(path)
    if frames.numel() == 0 or not bool(torch.isfinite(frames).all()):
        raise InputError(f"no frames, or NaN in them: cannot make the video {path.name}")
    if repeats < 1:
        raise InputError(f"repeats ({repeats}) must be positive")
    order = playing_order(len(frames), there_and_back) * repeats
    _check(path, fps)
    # Each is converted once, however often it is shown.
    shown = [_as_yuv(frame) for frame in frames]
    _write(path, (shown[k] for k in order), fps)


def stream_video(
    path: str | Path, frames: Iterable[Float[Tensor, "3 H W"]], fps: float = 24.0
) -> None:
    """Write images as an H.264 video as they come, without keeping them, whole or not at all.

    Args:
        path: file name ending in .mp4.
        frames: sRGB in [0, 1], clamped, all of one size, in the order of time; at least one.
        fps: playback frames per second.

    Raises:
        InputError: if fps is not positive, or the file cannot be written.
    """
    path = Path(path)
    _check(path, fps)
    _write(path, (_as_yuv(frame) for frame in frames), fps)


def _check(path: Path, fps: float) -> None:
    if path.suffix != ".mp4":
        raise InputError(f"a video is written as .mp4, not {path.name}")
    if not fps > 0:
        raise InputError(f"fps ({fps}) must be positive")


def _write(path: Path, images: Iterator[VideoFrame], fps: float) -> None:
    with atomic_write(path) as part, utf8_path(part) as name:
        _encode(name, images, fps)


def _as_yuv(frame: Float[Tensor, "3 H W"]) -> VideoFrame:
    """The image as the encoder takes it."""
    import av

    image = av.VideoFrame.from_ndarray(quantise(_even(frame)), format="rgb24")
    return image.reformat(format="yuv420p", dst_colorspace=BT709)


def _even(frame: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H2 W2"]:
    height, width = frame.shape[-2:]
    return pad(frame.detach()[None], (0, width % 2, 0, height % 2), mode="replicate")[0]


def playing_order(num_frames: int, there_and_back: bool = True) -> list[int]:
    """Frame numbers in the order they are shown.

    Args:
        num_frames: sub-frames N.
        there_and_back: append N-2 … 1, so that looping shows neither end twice.

    Returns:
        Indices into the frames.

    Example:
        >>> playing_order(4)
        [0, 1, 2, 3, 2, 1]
    """
    forward = list(range(num_frames))
    return forward + forward[-2:0:-1] if there_and_back else forward


def _encode(path: Path, images: Iterator[VideoFrame], fps: float) -> None:
    """Feed the images to the encoder one by one."""
    # imported here: only this function needs the FFmpeg libraries
    import av
    from av.error import FFmpegError

    try:
        # The index in front of the images: a browser can play before it has the whole file.
        with av.open(f"file:{path}", "w", options={"movflags": "+faststart"}) as container:
            rate = Fraction(fps).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=rate)
            first = next(images)
            stream.height, stream.width = first.height, first.width
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "16", "preset": "medium"}
            for setting in ("colorspace", "color_primaries", "color_trc"):
                setattr(stream.codec_context, setting, BT709)
            for number, image in enumerate(chain([first], images)):
                image.pts = number
                image.time_base = 1 / rate
                container.mux(stream.encode(image))
            container.mux(stream.encode())
    except FFmpegError as error:
        raise InputError(f"cannot encode the video {path.name}: {error.strerror}") from error
