"""Orientations and numbers of every format; animations, pages, and pictures beyond measure."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from image_files import LONG, SHORT, write_tiff
from PIL import Image

from hfb.errors import InputError
from hfb.files import memory
from hfb.files.images import image_pixels, read_image
from hfb.files.tiff import ORIENTATION, WIDTH, tiff_tags

# What EXIF's orientations ask for, of the stored array.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
KINDS = {"8 bits": (np.uint8, 255), "16 bits": (np.uint16, 65535), "floats": (np.float32, 1)}


def numbers(kind: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored values (6, 9, C), and the same in [0, 1] as three channels."""
    dtype, top = KINDS[kind]
    unit = np.random.default_rng(0).random((6, 9, channels)).round(2)
    stored = (unit * top).round(6 if top == 1 else 0).astype(dtype)
    shown = (stored / top)[..., :3].astype(np.float32)
    return stored, shown if channels >= 3 else shown.repeat(3, axis=-1)


def shown_by(path: Path) -> np.ndarray:
    return read_image(path).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_orientation_of_tiff(tmp_path: Path, kind: str, channels: int, orientation: int) -> None:
    stored, shown = numbers(kind, channels)
    tags = [(ORIENTATION, SHORT, (orientation,))]
    tags += [(338, SHORT, (2,))] if channels == 4 else []  # straight alpha
    path = write_tiff(tmp_path / "a.tif", [(stored, tags)])
    np.testing.assert_allclose(shown_by(path), TURNS[orientation](shown), atol=1e-6)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("channels", [1, 3])
def test_orientation_of_deep_png(tmp_path: Path, channels: int, orientation: int) -> None:
    stored, shown = numbers("16 bits", channels)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), stored[..., ::-1])
    data = path.read_bytes()
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)
    chunk = b"eXIf" + exif
    crc = struct.pack(">I", zlib.crc32(chunk))
    place = data.index(b"IDAT") - 4
    path.write_bytes(data[:place] + struct.pack(">I", len(exif)) + chunk + crc + data[place:])
    np.testing.assert_allclose(shown_by(path), TURNS[orientation](shown), atol=1e-6)


def test_big_endian_tiff(tmp_path: Path) -> None:
    stored, shown = numbers("16 bits", 3)
    path = write_tiff(tmp_path / "a.tif", [(stored, [(ORIENTATION, SHORT, (6,))])], ">")
    np.testing.assert_allclose(shown_by(path), TURNS[6](shown), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
def test_whole_numbers_of_unknown_range(tmp_path: Path, dtype: type) -> None:
    stored = np.arange(54, dtype=dtype).reshape(6, 9, 1)
    path = write_tiff(tmp_path / "a.tif", [(stored, [])])
    with pytest.raises(InputError, match=r"a\.tif holds signed or 32-bit whole numbers"):
        read_image(path)


def test_8_bits_in_16(tmp_path: Path) -> None:
    stored, _ = numbers("8 bits", 3)
    cv2.imwrite(str(tmp_path / "a.png"), stored.astype(np.uint16))
    with pytest.raises(InputError, match=r"a\.png has 16 bits, but its largest value is \d+ of 65"):
        read_image(tmp_path / "a.png")


def test_capital_suffixes(tmp_path: Path) -> None:
    stored, shown = numbers("floats", 3)
    np.testing.assert_allclose(shown_by(write_tiff(tmp_path / "A.TIF", [(stored, [])])), shown)
    values = (shown * 255).round().astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "A.PNG")
    np.testing.assert_allclose(shown_by(tmp_path / "A.PNG"), values / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_are_no_photos(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (9, 6), (60 * k, 0, 0)) for k in range(3)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    with pytest.raises(InputError, match=rf"a\.{suffix} holds 3 images: give it as a clip"):
        read_image(path)


def test_a_jpeg_with_a_gain_map_or_a_second_view_has_a_main_image(tmp_path: Path) -> None:
    main, second = (Image.new("RGB", (9, 6), (200, level, 0)) for level in (100, 0))
    main.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(255 * shown_by(tmp_path / "a.jpg")[3, 3], (200, 100, 0), atol=3)


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_damaged_deep_images_say_one_line(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (60, 90, 3), dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), noise)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:3000] + b"\xff" * 200 + whole[3200:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"cannot read the image .*a\.{suffix}") as error:
            read_image(path)
        assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_pages_of_tiff(tmp_path: Path) -> None:
    stored, shown = numbers("8 bits", 3)
    small = (stored[::2, ::2], [(254, LONG, (1,))])
    path = write_tiff(tmp_path / "thumb.tif", [(stored, []), small])
    np.testing.assert_allclose(shown_by(path), shown, atol=1e-6)
    path = write_tiff(tmp_path / "pages.tif", [(stored, []), (stored, [])])
    with pytest.raises(InputError, match=r"pages\.tif holds 2 images: save the page"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_photos_of_200_megapixels_are_judged_by_the_memory(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow's own limit lies below; nothing is decoded, so the file may be a header only."""
    height, width = 12240, 16320
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (9, 6)).save(path)
    data = bytearray(path.read_bytes())
    if suffix == "png":
        data[16:24] = struct.pack(">2I", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    elif suffix == "jpg":
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">2H", height, width)
    path.write_bytes(data)
    if suffix == "tif":
        write_tiff(
            path, [(np.zeros((6, 9, 3), np.uint8), [(256, LONG, (width,)), (257, LONG, (height,))])]
        )
    monkeypatch.setattr(memory, "available_memory", lambda: 8 * 2**30)
    with pytest.raises(
        InputError, match=rf"a\.{suffix}: too little memory .* 16320 x 12240 px need"
    ) as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert Image.MAX_IMAGE_PIXELS is not None


def test_a_float_tiff_is_judged_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, _ = numbers("floats", 3)
    path = write_tiff(tmp_path / "a.tif", [(stored, [(WIDTH, LONG, (40000,))])])
    monkeypatch.setattr(memory, "available_memory", lambda: 2**29)
    with pytest.raises(InputError, match=r"too little memory .* 40000 x 6 px"):
        read_image(path)


def test_images_that_were_opened_are_read_as_from_their_files(tmp_path: Path) -> None:
    stored, _ = numbers("8 bits", 3)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        assert torch.equal(image_pixels(image, "photo"), read_image(tmp_path / "a.png"))


def test_tags_of_what_is_no_tiff() -> None:
    assert tiff_tags(b"") == {}
    assert tiff_tags(b"II*\0\xff\xff\xff\xff") == {}
    assert tiff_tags(b"\x89PNG\r\n") == {}
