"""What is read of a clip is what players show: turns, mirrors, pixel aspect, colours."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from videos import HEIGHT, WIDTH, write_clip

from datamodules.files.clip_info import read_clip_info
from datamodules.files.shown_frame import _turned
from datamodules.files.video import median_background, read_video_frames
from hfb.errors import InputError

TURNS = {
    # display matrix (a, b, c, d) of the track header; what players show of the stored array
    "as stored": ((1, 0, 0, 1), lambda image: image),
    "mirrored left to right": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "mirrored upside down": ((1, 0, 0, -1), lambda image: image[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    "clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "anticlockwise": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "transposed": ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    "anti-transposed": ((0, -1, -1, 0), lambda image: image[::-1, ::-1].swapaxes(0, 1)),
}
PQ, HLG, BT709, BT2020 = 16, 18, 1, 9


def ask_for(path: Path, a: float, b: float, c: float, d: float) -> None:
    """Write a display matrix into the track header of an mp4 file."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    ones = [round(0x10000 * value) for value in (a, b, c, d)]
    numbers = [ones[0], ones[1], 0, ones[2], ones[3], 0, 0, 0, 0x40000000]
    data[start : start + 36] = struct.pack(">9i", *numbers)
    path.write_bytes(data)


def blocks(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture without symmetries that survives compression: one bright corner, one grey one."""
    image = np.full((height, width, 3), 40, np.uint8)
    image[: height // 2, : width // 2] = 220
    image[height // 2 :, : width // 2] = 130
    return image


def coordinates_shown(stored: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """The slow way: each pixel goes where the matrix says, then the picture begins at (0, 0)."""
    a, b, c, d = matrix
    places = {
        (a * x + c * y, b * x + d * y): stored[y, x]
        for y in range(stored.shape[0])
        for x in range(stored.shape[1])
    }
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    width, height = (max(place[axis] for place in places) + 1 for axis in (0, 1))
    shown = np.zeros((height - top, width - left, 3), stored.dtype)
    for (x, y), value in places.items():
        shown[y - top, x - left] = value
    return shown


@pytest.mark.parametrize("name", TURNS)
def test_turns_and_mirrors(tmp_path: Path, name: str) -> None:
    clip = write_clip(tmp_path / "a.mp4", blocks()[None], "libx264")
    (stored,) = read_video_frames(clip, range(1))
    matrix, turn = TURNS[name]
    ask_for(clip, *matrix)
    (shown,) = read_video_frames(clip, range(1))
    np.testing.assert_array_equal(shown, turn(stored))
    np.testing.assert_array_equal(shown, coordinates_shown(stored, matrix))
    info = read_clip_info(clip)
    assert (info.height, info.width) == shown.shape[:2]


def test_side_data_that_pyav_does_not_know() -> None:
    """Some of FFmpeg's kinds have no name in PyAV: the turn is still known, by degrees."""

    class Frame:
        rotation = -90

        @property
        def side_data(self) -> None:
            raise ValueError("31 is not a valid Type")

    turned = _turned.__wrapped__(np.arange(6).reshape(2, 3), Frame(), "a.mp4")  # type: ignore[attr-defined]
    assert turned.tolist() == [[3, 0], [4, 1], [5, 2]]


def test_an_angle_that_is_no_quarter_turn(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", blocks()[None], "libx264")
    ask_for(clip, 0.7071, 0.7071, -0.7071, 0.7071)
    with pytest.raises(InputError, match=r"a\.mp4 asks players to turn it by an angle"):
        read_clip_info(clip)


def write_with_aspect(path: Path, image: np.ndarray, aspect: Fraction) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize(
    ("aspect", "size"),
    [((4, 3), (32, 64)), ((1, 2), (64, 48)), ((1, 1), (32, 48))],
)
def test_pixels_are_square(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    clip = write_with_aspect(tmp_path / "a.mp4", blocks(), Fraction(*aspect))
    (shown,) = read_video_frames(clip, range(1))
    assert shown.shape[:2] == size
    expected = blocks(*size)
    inner = np.s_[: size[0] // 2 - 6, : size[1] // 2 - 6]  # interpolation blurs the edges
    np.testing.assert_allclose(shown[inner].astype(int), expected[inner], atol=5)
    info = read_clip_info(clip)
    assert (info.height, info.width) == size
    assert [note.split(" px")[0] for note in info.notes] == (
        [] if aspect == (1, 1) else ["is stored at 48 x 32"]
    )


def test_wide_pixels_of_a_clip_that_is_turned(tmp_path: Path) -> None:
    """The stretch comes before the turn: it is along the stored rows."""
    clip = write_with_aspect(tmp_path / "a.mp4", blocks(), Fraction(4, 3))
    ask_for(clip, *TURNS["clockwise"][0])
    (shown,) = read_video_frames(clip, range(1))
    assert shown.shape == (64, 32, 3)
    assert shown[:24, 20:].mean() > 200  # the bright corner is at the upper right
    assert abs(shown[:24, :12].mean() - 130) < 5


def flat_frame(form: str, codes: tuple[int, ...], matrix: int, full: bool) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, form)
    kind = np.uint16 if "10" in form else np.uint8
    for plane, code in zip(frame.planes, codes, strict=True):
        plane.update(np.full(plane.buffer_size // kind().itemsize, code, kind).tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


def write_tagged(path: Path, frame: av.VideoFrame, transfer: int, primaries: int) -> Path:
    """One frame without loss, with its colours' description beside it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, frame.format.name
        context = stream.codec_context
        context.colorspace, context.color_range = int(frame.colorspace), int(frame.color_range)
        context.color_trc, context.color_primaries = transfer, primaries
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def rgb_of(codes: tuple[int, int, int], bits: int, matrix: int, full: bool) -> np.ndarray:
    """ITU-T H.273: RGB in [0, 1] of Y, Cb, Cr."""
    unit = 2 ** (bits - 8)
    white = 2**bits - 1
    scale, chroma = (white, white) if full else (219 * unit, 224 * unit)
    y = (codes[0] - (0 if full else 16 * unit)) / scale
    blue, red = ((code - 128 * unit) / chroma for code in codes[1:])
    share_red, share_blue = LUMA[matrix]
    r, b = y + 2 * (1 - share_red) * red, y + 2 * (1 - share_blue) * blue
    return np.array([r, (y - share_red * r - share_blue * b) / (1 - share_red - share_blue), b])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize(("form", "bits"), [("yuv420p", 8), ("yuv420p10le", 10)])
def test_matrices_and_ranges(tmp_path: Path, form: str, bits: int, matrix: int, full: bool) -> None:
    codes = tuple(code << (bits - 8) for code in (120, 90, 170))
    frame = flat_frame(form, codes, matrix, full)
    clip = write_tagged(tmp_path / "a.mkv", frame, transfer=1, primaries=1)
    (shown,) = read_video_frames(clip, range(1))
    expected = 255 * rgb_of(codes, bits, matrix, full)
    # of 8 bits FFmpeg's scaler cuts off what is behind the decimal point, as in its own program
    np.testing.assert_allclose(shown[8, 8], expected, atol=2.0 if bits == 8 else 0.8)


@pytest.mark.parametrize("form", ["gbrp10le", "gray10le"])
@pytest.mark.parametrize("code", [1023, 511, 64])
def test_deep_rgb_and_grey(tmp_path: Path, form: str, code: int) -> None:
    codes = (code,) * (3 if form.startswith("gbr") else 1)
    clip = write_tagged(tmp_path / "a.mkv", flat_frame(form, codes, 0, full=True), 1, 1)
    (shown,) = read_video_frames(clip, range(1))
    np.testing.assert_allclose(shown[8, 8], 255 * code / 1023, atol=0.8)


def srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def pq(light_cd_m2: float) -> float:
    """SMPTE ST 2084, from light to signal."""
    y = (light_cd_m2 / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def hlg(scene: float) -> float:
    """ITU-R BT.2100, from the scene's light in [0, 1] to signal."""
    if scene <= 1 / 12:
        return (3 * scene) ** 0.5
    return 0.17883277 * np.log(12 * scene - 0.28466892) + 0.55991073


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("name", ["PQ", "HLG"])
def test_hdr_grey_is_its_share_of_white_paper(tmp_path: Path, name: str, share: float) -> None:
    signal = pq(203 * share) if name == "PQ" else hlg(0.2649627 * share)
    code = round(64 + 876 * signal)
    frame = flat_frame("yuv420p10le", (code, 512, 512), BT2020, full=False)
    transfer = PQ if name == "PQ" else HLG
    clip = write_tagged(tmp_path / "a.mkv", frame, transfer, BT2020)
    (shown,) = read_video_frames(clip, range(1))
    np.testing.assert_allclose(shown[8, 8], 255 * srgb(np.full(3, share)), atol=1.5)
    assert any("is HDR" in note for note in read_clip_info(clip).notes)


def test_wide_primaries_in_standard_range(tmp_path: Path) -> None:
    """ITU-R BT.2087's matrix from BT.2020 to BT.709, in linear light."""
    codes = (500, 480, 560)
    frame = flat_frame("yuv420p10le", codes, BT2020, full=False)
    clip = write_tagged(tmp_path / "a.mkv", frame, 14, BT2020)
    (shown,) = read_video_frames(clip, range(1))
    values = rgb_of(codes, 10, BT2020, full=False)
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    to_bt709 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    np.testing.assert_allclose(shown[8, 8], 255 * srgb(np.array(to_bt709) @ light), atol=1.0)


def test_colours_that_are_not_known(tmp_path: Path) -> None:
    frame = flat_frame("yuv420p10le", (500, 512, 512), BT2020, full=False)
    clip = write_tagged(tmp_path / "log.mkv", frame, 9, BT709)
    with pytest.raises(InputError, match=r"values of the video .*log\.mkv are logarithmic"):
        read_clip_info(clip)
    frame = flat_frame("yuv420p10le", (500, 512, 512), 14, full=False)
    clip = write_tagged(tmp_path / "ictcp.mkv", frame, PQ, BT2020)
    with pytest.raises(InputError, match=r"ictcp\.mkv uses a colour matrix that is not known"):
        read_clip_info(clip)


def test_interlaced_clips_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
        frame = av.VideoFrame.from_ndarray(blocks(), format="rgb24").reformat(format="yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (note,) = read_clip_info(path).notes
    assert note.startswith("is interlaced")


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_animations_are_clips(tmp_path: Path, suffix: str) -> None:
    greys = [Image.new("RGB", (WIDTH, HEIGHT), (40 * k + 20,) * 3) for k in range(5)]
    durations = [40, 40, 80, 80, 80]
    path = tmp_path / f"a.{suffix}"
    greys[0].save(path, save_all=True, append_images=greys[1:], duration=durations)
    info = read_clip_info(path)
    assert info.times.tolist() == pytest.approx([0, 0.04, 0.08, 0.16, 0.24, 0.32])
    found = [int(frame[3, 3, 0]) for frame in read_video_frames(path, range(5))]
    assert found == [20, 60, 100, 140, 180]
    assert 255 * float(median_background(path).mean()) == pytest.approx(100, abs=0.1)
