"""Colours of profiles other than sRGB, against the standards' own formulas."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from image_files import SHORT, icc_profile, parametric_curve, write_tiff
from PIL import Image, ImageCms, PngImagePlugin

from hfb.files.colour_profiles import space_of
from hfb.files.images import read_image

SRGB_CURVE = parametric_curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# D50 columns as in Apple's Display P3 and Adobe's RGB profiles.
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
# Linear Display P3 to linear sRGB (CSS Color 4).
P3_TO_SRGB = np.array(
    [[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]]
)


@pytest.fixture
def values() -> np.ndarray:
    """Not too saturated, so that all lie within sRGB."""
    return np.random.default_rng(0).integers(90, 170, (6, 9, 3), dtype=np.uint8)


def decode(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def shown_by(path: Path) -> np.ndarray:
    return read_image(path).permute(1, 2, 0).numpy()


def test_display_p3_of_phones(tmp_path: Path, values: np.ndarray) -> None:
    expected = encode(decode(values / 255) @ P3_TO_SRGB.T)
    profile = icc_profile(DISPLAY_P3, SRGB_CURVE)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(shown_by(tmp_path / "a.png"), expected, atol=1e-3)
    assert np.abs(values / 255 - expected).max() > 0.02


def test_16_bits_with_a_profile(tmp_path: Path, values: np.ndarray) -> None:
    profile = icc_profile(DISPLAY_P3, SRGB_CURVE)
    deep = values.astype(np.uint16) * 257
    write_tiff(tmp_path / "a.tif", [(deep, [(34675, 7, tuple(profile))])])
    expected = encode(decode(values / 255) @ P3_TO_SRGB.T)
    np.testing.assert_allclose(shown_by(tmp_path / "a.tif"), expected, atol=1e-3)


@pytest.mark.parametrize("curve", ["power", "table"])
def test_against_the_colour_engine(tmp_path: Path, values: np.ndarray, curve: str) -> None:
    """A third party: Pillow's littlecms, which works in 8 bits."""
    if curve == "power":
        tag = parametric_curve(563 / 256)
    else:
        levels = np.round(65535 * np.linspace(0, 1, 64) ** 1.8).astype(">u2")
        tag = b"curv\0\0\0\0" + np.array([64], ">u4").tobytes() + levels.tobytes()
    profile = icc_profile(ADOBE, tag)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    expected = ImageCms.profileToProfile(Image.fromarray(values), source, target)
    np.testing.assert_allclose(255 * shown_by(tmp_path / "a.png"), np.asarray(expected), atol=1.2)


def test_srgb_under_any_name_stays_as_it_is(tmp_path: Path, values: np.ndarray) -> None:
    profiles = [
        icc_profile(SRGB, SRGB_CURVE),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ]
    for profile in profiles:
        Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(shown_by(tmp_path / "a.png"), np.float32(values) / 255)


def test_adobe_rgb_of_cameras_that_add_no_profile(tmp_path: Path, values: np.ndarray) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(values).save(tmp_path / "a.jpg", exif=exif)
    profile = icc_profile(ADOBE, parametric_curve(563 / 256))
    Image.fromarray(values).save(tmp_path / "b.jpg", icc_profile=profile)
    Image.fromarray(values).save(tmp_path / "plain.jpg")
    found = shown_by(tmp_path / "a.jpg")
    np.testing.assert_allclose(found, shown_by(tmp_path / "b.jpg"), atol=2e-3)
    assert np.abs(found - shown_by(tmp_path / "plain.jpg")).max() > 0.02


def test_a_picture_without_an_interoperability_index_is_srgb(
    tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow 12 raises where there is none, later ones give an empty table."""

    def get_ifd(exif: Image.Exif, tag: int) -> dict[int, object]:
        raise KeyError(tag)

    Image.fromarray(values).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Exif, "get_ifd", get_ifd)
    np.testing.assert_array_equal(shown_by(tmp_path / "a.png"), np.float32(values) / 255)


def test_png_of_linear_light(tmp_path: Path, values: np.ndarray) -> None:
    for gamma, expected in ((100000, encode(values / 255)), (45455, values / 255)):
        chunks = PngImagePlugin.PngInfo()
        chunks.add(b"gAMA", gamma.to_bytes(4, "big"))
        Image.fromarray(values).save(tmp_path / "a.png", pnginfo=chunks)
        np.testing.assert_allclose(shown_by(tmp_path / "a.png"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("numbers", "light"),
    [
        ((2.0,), [0.0, 0.04, 1.0]),
        ((2.0, 1.25, -0.25), [0.0, 0.0, 1.0]),
        ((2.0, 0.5, 0.0, 0.75), [0.75, 0.76, 1.0]),
        ((2.0, 1.0, 0.0, 0.5, 0.25), [0.0, 0.1, 1.0]),
        ((2.0, 0.5, 0.0, 0.5, 0.25, 0.75, 0.1), [0.1, 0.2, 1.0]),
    ],
)
def test_curves_of_every_kind(numbers: tuple[float, ...], light: list[float]) -> None:
    """At 0, 0.2 and 1, by ICC.1:2010's table."""
    space = space_of(icc_profile(SRGB, parametric_curve(*numbers)))
    assert space is not None
    found = space.curves[0](np.array([0.0, 0.2, 1.0]))
    np.testing.assert_allclose(found, light, atol=1e-4)


def test_a_profile_that_cannot_be_used_is_named(
    tmp_path: Path, values: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    profile = icc_profile(DISPLAY_P3, SRGB_CURVE, further=b"A2B0")
    write_tiff(
        tmp_path / "deep.tif", [(values.astype(np.uint16) * 257, [(34675, 7, tuple(profile))])]
    )
    with caplog.at_level(logging.WARNING, "hfb"):
        np.testing.assert_allclose(shown_by(tmp_path / "deep.tif"), values / 255, atol=1e-6)
    assert "deep.tif cannot be used (it works with tables" in caplog.text
    caplog.clear()
    Image.fromarray(values).save(tmp_path / "damaged.png", icc_profile=profile[:300])
    with caplog.at_level(logging.WARNING, "hfb"):
        np.testing.assert_allclose(shown_by(tmp_path / "damaged.png"), values / 255, atol=1e-6)
    assert "damaged.png cannot be used" in caplog.text


def test_deep_grey_has_no_colours_to_convert(tmp_path: Path) -> None:
    deep = (np.arange(54, dtype=np.uint16) * 1200).reshape(6, 9, 1)
    profile = icc_profile(SRGB, SRGB_CURVE)
    write_tiff(tmp_path / "a.tif", [(deep, [(34675, 7, tuple(profile)), (274, SHORT, (1,))])])
    np.testing.assert_allclose(shown_by(tmp_path / "a.tif"), deep.repeat(3, -1) / 65535, atol=1e-6)


def test_grey_with_a_curve_of_its_own(tmp_path: Path, values: np.ndarray) -> None:
    grey = values[..., 0]
    profile = icc_profile(SRGB, parametric_curve(1.0), space=b"GRAY")
    Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=profile)
    expected = encode(grey / 255)[..., None].repeat(3, -1)
    np.testing.assert_allclose(shown_by(tmp_path / "a.png"), expected, atol=0.006)


def test_lab(tmp_path: Path) -> None:
    """CIE 1976: half of the lightness is 18.4 % of the light; no colour."""
    Image.new("LAB", (9, 6), (128, 128, 128)).save(tmp_path / "a.tif")
    lightness = 100 * 128 / 255
    expected = encode(np.array(((lightness + 16) / 116) ** 3))
    found = shown_by(tmp_path / "a.tif")
    np.testing.assert_allclose(found, np.full((6, 9, 3), expected), atol=0.012)


def test_cmyk_without_a_profile(tmp_path: Path, values: np.ndarray) -> None:
    image = Image.fromarray(values).convert("CMYK")
    image.save(tmp_path / "a.tif")
    expected = np.asarray(image.convert("RGB")) / 255
    np.testing.assert_allclose(shown_by(tmp_path / "a.tif"), expected, atol=1e-6)


def test_large_images_are_converted_in_parts(tmp_path: Path) -> None:
    values = np.full((1100, 3, 3), 120, np.uint8)
    Image.fromarray(values).save(
        tmp_path / "a.png", icc_profile=icc_profile(ADOBE, parametric_curve(2.2))
    )
    assert np.ptp(shown_by(tmp_path / "a.png")[..., 0]) == 0
