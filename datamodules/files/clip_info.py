"""What a clip says about itself, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from datamodules.files.frame_times import frame_times
from datamodules.files.shown_frame import Look, is_hdr, look_of, shown_frame
from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.storage import utf8_path


@dataclass(frozen=True)
class ClipInfo:
    """What a clip says about itself.

    Attributes:
        num_frames: frames that are shown, counted from the packets.
        fps: mean frames per second.
        height: rows as shown: upright, square pixels.
        width: columns as shown.
        times: (num_frames + 1,) s from the first frame's beginning: where each frame begins, and
            where the last one ends.
        notes: what its user should know about it, each the rest of a sentence about the clip.
    """

    num_frames: int
    fps: float
    height: int
    width: int
    times: np.ndarray
    notes: tuple[str, ...] = ()


def read_clip_info(path: str | Path) -> ClipInfo:
    """Size, times and number of frames of a clip; only its first frame is decoded.

    Args:
        path: any video that FFmpeg reads.

    Raises:
        InputError: if the file is missing, no video, corrupt, or cannot be shown as it asks for.
    """
    with open_video(path) as (container, stream):
        assert stream.time_base is not None, "video streams have a time base"
        # Packets, not stream.frames: many containers do not store it, some store it wrongly. An
        # edit list marks those that are decoded and not shown.
        packets = (packet for packet in container.demux(stream) if packet.size)
        pts = [packet.pts for packet in packets if not packet.is_discard]
        tick, rates = stream.time_base, [stream.average_rate, stream.guessed_rate]
    if not pts:
        raise InputError(f"the video {path} holds no frames")
    times, note = frame_times(pts, tick, rates)
    frame, look = _first_frame(path)
    height, width = shown_frame(frame, look).shape[:2]
    fps = len(pts) / float(times[-1])
    claimed = [float(rate) for rate in rates if rate]
    fps = next((rate for rate in claimed if abs(fps / rate - 1) < 1e-9), fps)
    return ClipInfo(len(pts), fps, height, width, times, _notes(note, frame, look))


def _notes(times: str | None, frame: av.VideoFrame, look: Look) -> tuple[str, ...]:
    found = [times]
    if frame.interlaced_frame:
        found.append(
            "is interlaced: of each frame, every other row shows a later moment; deinterlace it "
            "into one frame a field (FFmpeg's filter bwdif does)"
        )
    if look.pixel_aspect != 1:
        found.append(
            f"is stored at {frame.width} x {frame.height} px that are not square: it is stretched "
            f"by {look.pixel_aspect} as players do, and its background must be, too"
        )
    if is_hdr(look):
        found.append("is HDR: what is brighter than white paper is clipped")
    return tuple(note for note in found if note is not None)


def _first_frame(path: str | Path) -> tuple[av.VideoFrame, Look]:
    with open_video(path) as (container, stream):
        for frame in container.decode(stream):
            return frame, look_of(stream, str(path))
    raise nothing_decoded(path)


def nothing_decoded(path: str | Path) -> InputError:
    """The error of a clip without a frame that can be decoded."""
    return InputError(
        f"no frame of the video {path} can be decoded: perhaps its beginning, on which the other "
        "frames depend, was cut off; convert it anew from the original"
    )


@contextmanager
def open_video(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its first video stream; FFmpeg's errors become ours.

    Args:
        path: any video that FFmpeg reads.

    Raises:
        InputError: if the file is missing, no video, or corrupt; also while it is read.
    """
    path = existing_file(path, "video")
    try:
        # Titles and the like that are no UTF-8 are no reason to refuse a clip.
        # A file's name with a colon is no address.
        with (
            utf8_path(path) as name,
            av.open(f"file:{name}", metadata_errors="replace") as container,
        ):
            if not container.streams.video:
                raise InputError(f"the file {path} holds no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise InputError(f"the video {path} is stored in a form that FFmpeg cannot decode")
            stream.thread_type = "AUTO"
            yield container, stream
    except FFmpegError as error:
        raise InputError(
            f"cannot read the video {path}: {error.strerror}; is the file whole?"
        ) from error
