"""HEIC of phones and RAW of cameras, and what is said without the packages for them."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import icc_profile, parametric_curve, write_dng
from PIL import Image, ImageOps

from hfb.errors import InputError
from hfb.files.extras import encoded_light
from hfb.files.images import read_exposure_time, read_image
from hfb.files.tiff import ORIENTATION, tiff_tags
from hfb.formation import srgb_to_linear

HEIF_REASON = "needs pillow-heif: pip install '.[heic]'"
RAW_REASON = "needs rawpy: pip install '.[raw]'"


def blocks() -> np.ndarray:
    image = np.full((32, 48, 3), 60, np.uint8)
    image[:16, :24] = (220, 200, 90)
    image[16:, :24] = 140
    return image


def shown_by(path: Path) -> np.ndarray:
    return 255 * read_image(path).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", [".heic", ".HEIC", ".heif"])
def test_heic_is_read(tmp_path: Path, suffix: str) -> None:
    heif = pytest.importorskip("pillow_heif", reason=HEIF_REASON)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.125
    image = Image.fromarray(blocks())
    heif.from_pillow(image).save(tmp_path / f"a{suffix}", quality=95, exif=exif.tobytes())
    np.testing.assert_allclose(shown_by(tmp_path / f"a{suffix}"), blocks(), atol=12)
    assert read_exposure_time(tmp_path / f"a{suffix}") == 0.125


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    """Phones store the turn twice, as a box of the container and as EXIF's."""
    heif = pytest.importorskip("pillow_heif", reason=HEIF_REASON)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(blocks()).save(file, "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.fromarray(blocks())).save(path, quality=95, exif=exif.tobytes())
    data = bytearray(path.read_bytes())  # the package has stored the box only
    start = max(data.rfind(b"MM\0*"), data.rfind(b"II*\0"))
    tag = tiff_tags(bytes(data[start:]))[ORIENTATION]
    struct.pack_into(tag.form, data, start + tag.place, orientation)
    path.write_bytes(data)
    found = shown_by(path)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=12)


def test_colours_of_heic(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason=HEIF_REASON)
    columns = np.diag([0.9642, 1.0, 0.8249]) @ np.full((3, 3), 1 / 3)
    columns = columns + np.diag([0.2, 0.2, 0.2])
    profile = icc_profile(columns, parametric_curve(1.8))
    image = Image.fromarray(blocks())
    image.info["icc_profile"] = profile
    heif.from_pillow(image).save(tmp_path / "a.heic", quality=95)
    image.save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(shown_by(tmp_path / "a.heic"), shown_by(tmp_path / "a.png"), atol=20)


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("a.heic", "pillow_heif", "pillow-heif"), ("A.NEF", "rawpy", "rawpy")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    extra = "raw" if module == "rawpy" else "heic"
    with pytest.raises(InputError) as error:
        read_image(tmp_path / name)
    assert f"needs the package {package}: install it with pip install '.[{extra}]'" in str(
        error.value
    )


@pytest.mark.parametrize(("name", "module"), [("a.heic", "pillow_heif"), ("a.cr2", "rawpy")])
def test_damaged_files(tmp_path: Path, name: str, module: str) -> None:
    pytest.importorskip(module, reason=f"needs {module}")
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    with pytest.raises(InputError, match=rf"cannot read the .*image .*{name}: .*; is it whole\?"):
        read_image(tmp_path / name)


def ramp() -> np.ndarray:
    """Light along the columns, up to 1.2 of what the sensor holds."""
    return np.broadcast_to(np.linspace(0, 1.2, 96), (64, 96))


def sensor(light: np.ndarray) -> np.ndarray:
    return (256 + 3840 * light).round().clip(0, 4096).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.dng", "A.DNG", "a.tif"])  # by its tags, whatever its name
def test_raw_is_the_light_of_the_sensor(tmp_path: Path, name: str) -> None:
    pytest.importorskip("rawpy", reason=RAW_REASON)
    path = write_dng(tmp_path / name, sensor(ramp()))
    light = srgb_to_linear(read_image(path))
    assert light.shape == (3, 64, 96)
    expected = torch.from_numpy(ramp().copy()).float().clamp(max=1.0)
    inner = np.s_[4:-4, 4:-4]  # what lies between the colours of the sensor is interpolated
    for channel in light:
        torch.testing.assert_close(channel[inner], expected[inner], atol=0.01, rtol=0.0)


def test_a_dark_and_a_bright_raw_have_one_scale(tmp_path: Path) -> None:
    """A developer that brightens would make photo and background differ."""
    pytest.importorskip("rawpy", reason=RAW_REASON)
    for share in (0.2, 0.85):
        path = write_dng(tmp_path / "a.dng", sensor(share * ramp() / 1.2))
        light = srgb_to_linear(read_image(path))
        assert float(light[1, 32, 48]) == pytest.approx(share * 48 / 95, abs=0.01)


@pytest.mark.parametrize("name", ["a.dng", "a.tif"])
def test_raw_is_upright(tmp_path: Path, name: str) -> None:
    pytest.importorskip("rawpy", reason=RAW_REASON)
    path = write_dng(tmp_path / name, sensor(ramp()), orientation=6)
    image = read_image(path)
    assert image.shape == (3, 96, 64)
    assert float(image[:, 90].mean()) > 0.9 > 0.3 > float(image[:, 5].mean())


def test_the_shutter_time_of_raw(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason=RAW_REASON)
    path = write_dng(tmp_path / "a.dng", sensor(ramp()), exposure=(1, 8))
    assert read_exposure_time(path) == 0.125


def test_light_is_encoded_so_that_linearising_gives_it_back() -> None:
    light = np.array([0, 1, 13, 205, 1000, 65535], np.uint16)
    found = srgb_to_linear(torch.from_numpy(encoded_light(light)))
    np.testing.assert_allclose(65535 * found.numpy(), light, atol=0.01)
