"""When frames are shown: steps that vary, edit lists, times that are missing or double."""

import logging
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from videos import FPS, FRAMES, HEIGHT, WIDTH, write_clip

from datamodules.files.clip_info import read_clip_info
from datamodules.files.frame_times import frame_times, uneven_steps
from datamodules.files.video import median_background, read_video_frames
from datamodules.photos.clip import ClipPhotos, ClipSettings
from datamodules.photos.samples import sample_from_video
from hfb.structures import BlurSample

TICK = Fraction(1, 19200)
# Seven frames at 60 a second, then seven at 15.
STAMPS = [320 * k for k in range(7)] + [2240 + 1280 * k for k in range(7)]


def write_stamped(path: Path, images: np.ndarray, stamps: list[int], tick: Fraction) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=60)
        stream.height, stream.width, stream.pix_fmt = *images.shape[1:3], "yuv420p"
        stream.codec_context.time_base = tick
        for image, stamp in zip(images, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = stamp, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def varying(tmp_path: Path, images: np.ndarray) -> Path:
    return write_stamped(tmp_path / "vfr.mp4", images.repeat(2, axis=0)[:14], STAMPS, TICK)


def test_exposures_follow_a_rate_that_varies(varying: Path) -> None:
    sample = sample_from_video(varying, "0:7,7:14")
    expected = [[0, 7 / 60], [7 / 60, 7 / 60 + 7 / 15]]
    np.testing.assert_allclose(sample.exposure, expected, atol=1e-6)
    assert sample.fps == pytest.approx(60 / 7)


def test_photos_of_a_clip_whose_rate_varies(
    varying: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = median_background(varying)
    template = BlurSample("a", scene[None], scene)
    with caplog.at_level(logging.WARNING, "hfb"):
        photos = ClipPhotos(varying, ClipSettings(exposure=0.5), template)
    assert "last between 17 and 67 ms: the shutter is taken to be open for the same share" in (
        caplog.text
    )
    found = [photos[k].exposure[0].tolist() for k in (2, 6, 13)]
    expected = [[2 / 60, 2.5 / 60], [6 / 60, 6.5 / 60], [7 / 60 + 6 / 15, 7 / 60 + 6.5 / 15]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_an_average_over_uneven_frames_says_so(
    varying: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "hfb"):
        sample_from_video(varying, "0:6")
        assert caplog.text == ""
        sample_from_video(varying, "4:9")
    assert "the frames 4:9 of" in caplog.text
    assert "last between 17 and 67 ms: each counts alike in their average" in caplog.text


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path, images: np.ndarray) -> None:
    """Lossless trimming keeps the frames from the key frame on and begins to show later."""
    clip = write_clip(tmp_path / "a.mp4", images, "libx264")
    whole = list(read_video_frames(clip, range(FRAMES)))
    data = bytearray(clip.read_bytes())
    place = data.index(b"elst") + 12
    duration, begin = struct.unpack(">2i", data[place : place + 8])
    with av.open(str(clip)) as container:
        ticks = int(1 / (container.streams.video[0].time_base * FPS))
    skipped = 5
    data[place : place + 8] = struct.pack(
        ">2i", duration * (FRAMES - skipped) // FRAMES, begin + skipped * ticks
    )
    clip.write_bytes(data)
    info = read_clip_info(clip)
    assert info.num_frames == FRAMES - skipped
    assert info.times.tolist() == [k / FPS for k in range(FRAMES - skipped + 1)]
    shown = list(read_video_frames(clip, range(info.num_frames)))
    np.testing.assert_array_equal(shown, whole[skipped:])


def test_a_steady_rate_is_exact_whatever_the_ticks(clip: Path) -> None:
    info = read_clip_info(clip)
    assert info.times.tolist() == [k / FPS for k in range(FRAMES + 1)]
    assert info.notes == ()
    milliseconds = [round(1000 * k / 59.94) for k in range(300)]
    times, note = frame_times(milliseconds, Fraction(1, 1000), [Fraction(5994, 100)])
    assert note is None
    np.testing.assert_allclose(times, np.arange(301) / 59.94, atol=1e-12)


def test_a_missing_frame_is_seen_where_ticks_are_as_coarse_as_frames() -> None:
    times, _ = frame_times([0, 1, 3, 4], Fraction(1, 25), [Fraction(25)])
    np.testing.assert_allclose(times, [0, 0.04, 0.12, 0.16, 0.2])


def test_times_begin_with_the_first_frame_and_come_in_any_order() -> None:
    times, note = frame_times([7200, 14400, 10800, 27000], Fraction(1, 90000), [None])
    np.testing.assert_allclose(times, [0, 0.04, 0.08, 0.22, 0.36])
    assert note is None


def test_times_that_are_missing_or_double() -> None:
    times, note = frame_times([0, None, 2], Fraction(1, 50), [None, Fraction(50)])
    np.testing.assert_allclose(times, [0, 0.02, 0.04, 0.06])
    assert note == "stores no times of its frames: 50 a second are assumed"
    times, note = frame_times([0, 1, 1, 3], Fraction(1, 30), [Fraction(30)])
    np.testing.assert_allclose(times, np.arange(5) / 30)
    assert note is not None
    assert note.startswith("has frames that are shown at the same time: 30 a second at equal")


def test_a_raw_stream_has_a_note(tmp_path: Path, images: np.ndarray) -> None:
    path = write_clip(tmp_path / "a.h264", images, "libx264")
    info = read_clip_info(path)
    assert info.num_frames == FRAMES
    assert info.notes[0].startswith("stores no times of its frames: 25 a second")


def test_jitter_of_a_clock_is_not_uneven() -> None:
    assert uneven_steps(np.array([0.0, 0.0333, 0.0667, 0.1])) is None
    assert uneven_steps(np.array([0.0, 0.02, 0.04, 0.1])) == "between 20 and 60 ms"


def test_sizes_are_as_written(clip: Path) -> None:
    info = read_clip_info(clip)
    assert (info.height, info.width, info.fps) == (HEIGHT, WIDTH, FPS)
