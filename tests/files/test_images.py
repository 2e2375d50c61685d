"""Images and mattes: every format there is, every fault one clear line."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from image_files import write_tiff
from PIL import Image, ImageOps

from hfb.errors import InputError
from hfb.files import memory
from hfb.files.images import read_exposure_time, read_image
from hfb.files.mattes import read_matte


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def to_array(image: torch.Tensor) -> np.ndarray:
    return (image * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_8_bit(tmp_path: Path, array: np.ndarray, suffix: str) -> None:
    Image.fromarray(array).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, torch.from_numpy(array).permute(2, 0, 1).float() / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_is_exact(tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (6, 9, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), deep[..., ::-1])
    image = read_image(tmp_path / f"a.{suffix}")
    stored = (image.double() * 65535).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(stored, deep, atol=0.01)


def test_16_bit_grey(tmp_path: Path) -> None:
    deep = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1200
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (3, 6, 9)
    for channel in image:
        np.testing.assert_allclose(channel.double().numpy() * 65535, deep, atol=0.01)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(tmp_path: Path, array: np.ndarray, mode: str) -> None:
    image = Image.fromarray(array).convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    image.save(tmp_path / f"a.{suffix}")
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(to_array(read_image(tmp_path / f"a.{suffix}")), expected)


def test_alpha_channel_is_dropped(
    tmp_path: Path, array: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    see_through = np.concatenate([array, np.full((6, 9, 1), 255, np.uint8)], axis=-1)
    Image.fromarray(see_through).save(tmp_path / "a.png")
    np.testing.assert_array_equal(to_array(read_image(tmp_path / "a.png")), array)
    assert caplog.text == ""
    see_through[2:4, 3:5, 3] = 0
    Image.fromarray(see_through).save(tmp_path / "a.png")
    np.testing.assert_array_equal(to_array(read_image(tmp_path / "a.png")), array)
    assert "a.png is see-through in places: what is hidden there is taken" in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation_is_obeyed(tmp_path: Path, orientation: int, suffix: str) -> None:
    """Against Pillow's own transposition; blocks of 8 px survive JPEG."""
    blocks = np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    image = Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    image.save(path, exif=exif, **options)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(to_array(read_image(path)), expected)
    assert (read_image(path).shape[1] == 24) == (orientation > 4)


def test_float_tiff(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((6, 9, 3), dtype=np.float32)
    write_tiff(tmp_path / "a.tif", [(values, [])])
    torch.testing.assert_close(
        read_image(tmp_path / "a.tif"), torch.from_numpy(values).permute(2, 0, 1)
    )
    values[2, 3, 1] = np.nan
    write_tiff(tmp_path / "nan.tif", [(values, [])])
    with pytest.raises(InputError, match=r"nan\.tif holds NaN"):
        read_image(tmp_path / "nan.tif")
    write_tiff(tmp_path / "hdr.tif", [(np.full((6, 9, 3), 3.5, np.float32), [])])
    with pytest.raises(InputError, match=r"values from 3\.5 to 3\.5; floats should be sRGB"):
        read_image(tmp_path / "hdr.tif")


def test_a_float_tiff_that_claims_to_be_huge(tmp_path: Path) -> None:
    """What OpenCV refuses with an error of its own; Pillow does not know such files at all."""
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((6, 9, 3), np.float32))
    data = bytearray((tmp_path / "a.tif").read_bytes())
    num_rows = struct.pack("<HHII", 257, 3, 1, 6)
    place = data.index(num_rows)
    data[place : place + 12] = struct.pack("<HHII", 257, 4, 1, 2**21)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(InputError, match=r"cannot read the image .*a\.tif") as error:
        read_image(tmp_path / "a.tif")
    assert "\n" not in str(error.value)


def test_damaged_exif_data_tell_no_exposure_time(tmp_path: Path, array: np.ndarray) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.125
    path = tmp_path / "a.webp"
    Image.fromarray(array).save(path, exif=exif)
    assert read_exposure_time(path) == 0.125
    whole = path.read_bytes()
    start = whole.index(b"EXIF") + 8
    path.write_bytes(whole[:start] + b"no TIFF" + whole[start + 7 :])
    assert read_exposure_time(path) is None


def test_files_that_are_no_images(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"no\.png: no such file \(looked for /.*no\.png\)"):
        read_image(tmp_path / "no.png")
    with pytest.raises(InputError, match="it is a folder"):
        read_image(tmp_path)
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(InputError, match=r"text\.jpg: not a format that is known"):
        read_image(tmp_path / "text.jpg")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.png is an empty file"):
        read_image(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_files_that_were_cut_off(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"cannot read the image .*a\.{suffix}"):
        read_image(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_damaged_files_never_raise_anything_else(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{suffix}")
    whole = np.frombuffer((tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    refused = []
    for _ in range(60):
        damaged = whole.copy()
        # headers are where damage is met by surprising errors
        places = rng.integers(0, min(len(whole), 200), 3)
        damaged[places] = rng.integers(0, 256, 3)
        (tmp_path / f"a.{suffix}").write_bytes(damaged.tobytes())
        try:
            image = read_image(tmp_path / f"a.{suffix}")
        except InputError as error:
            refused.append(str(error))
        else:
            assert bool(torch.isfinite(image).all())
    assert len(refused) > 5
    named = (f"a.{suffix}", "too little memory")
    assert all(any(words in message for words in named) for message in refused)


def test_bad_mattes(tmp_path: Path) -> None:
    Image.new("L", (9, 6), 7).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is 9 x 6 px, but the image is 18 x 12 px"):
        read_matte(tmp_path / "a.png", 12, 18)
    Image.new("L", (9, 6), 0).save(tmp_path / "empty.png")
    with pytest.raises(InputError, match=r"empty\.png is empty: no pixel is covered"):
        read_matte(tmp_path / "empty.png", 6, 9)
    with pytest.raises(InputError, match=r"cannot read the alpha matte .*no\.png"):
        read_matte(tmp_path / "no.png", 6, 9)


def test_memory_is_checked_before_decoding(
    tmp_path: Path, array: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(array).save(tmp_path / "a.png")
    monkeypatch.setattr(memory, "available_memory", lambda: 2**28)
    message = r"too little memory for the asked size: 9 x 6 px need about 0\.5 GB, 0\.2 GB are free"
    with pytest.raises(InputError, match=message):
        read_image(tmp_path / "a.png")
