"""Frames of clips: decoding, averages, medians, and what is refused."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from videos import FPS, FRAMES, HEIGHT, WIDTH, write_clip

from datamodules.files import video
from datamodules.files.video import (
    _sample_by_seeking,
    average_frames,
    median_background,
    parse_frames,
    read_clip_info,
    read_video_frames,
)
from hfb.errors import InputError
from hfb.formation import linear_to_srgb, srgb_to_linear


def test_frames_are_averaged_in_linear_light(clip: Path, images: np.ndarray) -> None:
    blurry = average_frames(clip, range(2, 7))
    light = srgb_to_linear(torch.from_numpy(images[2:7] / 255.0)).mean(dim=0)
    expected = linear_to_srgb(light).permute(2, 0, 1).float()
    torch.testing.assert_close(blurry, expected, rtol=0, atol=1e-6)
    # closed form at a pixel that the square covers in one of the five frames
    wall, square = images[0, 15, 20, 0] / 255, 250 / 255
    light = 0.8 * ((wall + 0.055) / 1.055) ** 2.4 + 0.2 * ((square + 0.055) / 1.055) ** 2.4
    assert float(blurry[0, 15, 20]) == pytest.approx(1.055 * light ** (1 / 2.4) - 0.055, abs=1e-5)


def test_a_still_clip_stays_sharp(tmp_path: Path, images: np.ndarray) -> None:
    still = write_clip(tmp_path / "still.mkv", np.repeat(images[:1], 5, axis=0))
    expected = torch.from_numpy(images[0]).permute(2, 0, 1) / 255
    torch.testing.assert_close(average_frames(still, range(5)), expected, rtol=0, atol=1e-6)


def test_median_is_the_wall(clip: Path, images: np.ndarray) -> None:
    wall = np.median(images[:11], axis=0)  # twelve frames: an odd number of them is taken
    background = median_background(clip)
    torch.testing.assert_close(background, torch.from_numpy(wall).permute(2, 0, 1).float() / 255)
    assert float(background.max()) <= 120 / 255


def test_seeking_finds_the_same_frames(tmp_path: Path, images: np.ndarray) -> None:
    """FFV1 has key frames only; the seeking of long clips must land on the wanted ones."""
    clip = write_clip(tmp_path / "clip.mkv", images)
    wanted = np.array([0, 3, 7, 11])
    found = list(_sample_by_seeking(clip, wanted, read_clip_info(clip)))
    for frame, number in zip(found, wanted, strict=True):
        distance = np.abs(images.astype(int) - frame).sum(axis=(1, 2, 3))
        assert abs(int(distance.argmin()) - number) <= 1


def test_reading_stops_at_the_last_frame_asked_for(clip: Path, images: np.ndarray) -> None:
    (first, second) = read_video_frames(clip, range(1, 3))
    np.testing.assert_array_equal(first, images[1])
    np.testing.assert_array_equal(second, images[2])
    info = read_clip_info(clip)
    assert (info.num_frames, info.fps, info.height, info.width) == (FRAMES, FPS, HEIGHT, WIDTH)


def test_colours_of_compressed_clips(tmp_path: Path) -> None:
    colours = np.array([[200, 60, 40], [40, 160, 60], [50, 60, 190]], np.uint8)
    flat = np.broadcast_to(colours[:, None, None], (3, HEIGHT, WIDTH, 3)).copy()
    clip = write_clip(tmp_path / "a.mp4", flat, "libx264")
    for image, colour in zip(read_video_frames(clip, range(3)), colours, strict=True):
        np.testing.assert_allclose(image.mean(axis=(0, 1)), colour, atol=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("40:49", [range(40, 49)]), ("0:1", [range(1)]), ("1:3,3:5", [range(1, 3), range(3, 5)])],
)
def test_parse_frames(text: str, expected: list[range]) -> None:
    assert parse_frames(text) == expected


@pytest.mark.parametrize("text", ["40", "9:4", "4:4", "-3:4", "a:b", "1:2:3", "", ":5", "1:2,"])
def test_frames_that_are_no_slice(text: str) -> None:
    with pytest.raises(InputError, match="is not understood: give START:STOP"):
        parse_frames(text)


def test_overlapping_exposures() -> None:
    with pytest.raises(InputError, match="'1:4,3:6': the exposures overlap"):
        parse_frames("1:4,3:6")


def turn_clockwise(path: Path) -> None:
    """Ask players to turn the clip by 90 degrees, as phones do: the matrix in the track header."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    numbers = [0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000]
    data[start : start + 36] = struct.pack(">9i", *numbers)
    path.write_bytes(data)


def test_phone_clips_are_turned_upright(tmp_path: Path) -> None:
    image = np.full((1, HEIGHT, WIDTH, 3), 40, np.uint8)
    image[0, :16, :16] = 220  # upper left; after a clockwise turn: upper right
    clip = write_clip(tmp_path / "a.mp4", image, "libx264")
    turn_clockwise(clip)
    (frame,) = read_video_frames(clip, range(1))
    assert frame.shape == (WIDTH, HEIGHT, 3)
    assert frame[:12, -12:].mean() > 200
    assert frame[:12, :12].mean() < 60
    info = read_clip_info(clip)
    assert (info.height, info.width) == (WIDTH, HEIGHT)


def test_a_clip_whose_frames_cannot_be_decoded(tmp_path: Path, images: np.ndarray) -> None:
    """Without its key frame, nothing can be made of the packets that there are."""
    path = tmp_path / "tail.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(image, format="rgb24") for image in images]
        for frame in [*(frame.reformat(format="yuv420p") for frame in frames), None]:
            container.mux([packet for packet in stream.encode(frame) if not packet.is_keyframe])
    for read in (read_clip_info, median_background, lambda clip: average_frames(clip, range(3))):
        with pytest.raises(InputError, match=r"no frame of the video .*tail\.mkv can be decoded"):
            read(path)


def test_too_few_of_the_frames_can_be_decoded(
    clip: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(images[:2])
    monkeypatch.setattr(video, "_sample_in_one_pass", lambda *arguments: found)
    with pytest.raises(InputError, match="only 2 frames: too few to see the background"):
        median_background(clip)


def test_a_clip_that_changes_its_size(tmp_path: Path, images: np.ndarray) -> None:
    """Motion JPEG is one photo after the other: joined clips keep their own sizes."""
    path = tmp_path / "joined.mjpeg"
    photos = [*images[:3], *(image[:16] for image in images[3:])]
    packed = [cv2.imencode(".jpg", photo)[1].tobytes() for photo in photos]
    path.write_bytes(b"".join(packed))
    assert average_frames(path, range(3)).shape == (3, HEIGHT, WIDTH)
    for read in (median_background, lambda clip: average_frames(clip, range(1, 5))):
        with pytest.raises(InputError, match="changes its size from 48 x 32 px to 48 x 16 px"):
            read(path)


def test_titles_in_other_alphabets_and_unknown_codecs(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Zürich"
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        frame = av.VideoFrame.from_ndarray(images[0], format="rgb24").reformat(format="yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    utf8 = path.read_bytes()
    latin1 = utf8.replace("Zürich".encode(), b"Z\xfc\xfcrich")
    assert latin1 != utf8
    path.write_bytes(latin1)
    assert read_clip_info(path).num_frames == 1
    path.write_bytes(utf8.replace(b"avc1", b"zzzz"))
    with pytest.raises(InputError, match="in a form that FFmpeg cannot decode"):
        read_clip_info(path)
