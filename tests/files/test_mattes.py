"""What the channels of a matte mean, and what cannot be a matte."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import icc_profile, parametric_curve
from PIL import Image

from hfb.errors import InputError
from hfb.files.mattes import matte_of_image, read_matte

HEIGHT, WIDTH = 16, 24


@pytest.fixture
def shares() -> np.ndarray:
    """A soft blob, 0 … 255, that leaves the edge free."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot((y - 8) / 6, (x - 12) / 7)
    return (255 * (1.2 - distance).clip(0, 1)).round().astype(np.uint8)


def read(path: Path) -> np.ndarray:
    return read_matte(path, HEIGHT, WIDTH)[0].numpy()


def noise(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, channels), dtype=np.uint8)


def test_every_way_to_save_a_grey_matte(tmp_path: Path, shares: np.ndarray) -> None:
    grey = Image.fromarray(shares)
    opaque = np.dstack([shares, np.full_like(shares, 255)])
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "rgb.png")
    grey.convert("RGBA").save(tmp_path / "opaque_rgba.png")
    Image.fromarray(opaque, "LA").save(tmp_path / "opaque_la.png")
    grey.convert("P").save(tmp_path / "palette.png")
    cv2.imwrite(str(tmp_path / "deep.png"), shares.astype(np.uint16) * 257)
    cv2.imwrite(
        str(tmp_path / "deep_opaque.png"),
        np.dstack([shares] * 3 + [opaque[..., 1]]).astype(np.uint16) * 257,
    )
    cv2.imwrite(str(tmp_path / "small_numbers.png"), shares.astype(np.uint16))
    for path in sorted(tmp_path.iterdir()):
        np.testing.assert_allclose(read(path), shares / 255, atol=1e-6, err_msg=path.name)
        if "deep" not in path.name and "small" not in path.name:
            with Image.open(path) as image:
                again = matte_of_image(image, HEIGHT, WIDTH)
            np.testing.assert_allclose(again[0], shares / 255, atol=1e-6, err_msg=path.name)


def test_jpeg_moves_the_channels_apart_a_little(tmp_path: Path, shares: np.ndarray) -> None:
    Image.fromarray(shares).convert("RGB").save(tmp_path / "a.jpg", quality=60)
    np.testing.assert_allclose(read(tmp_path / "a.jpg"), shares / 255, atol=0.15)


def test_cut_outs_have_their_alpha(tmp_path: Path, shares: np.ndarray) -> None:
    Image.fromarray(np.dstack([noise(3), shares])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([noise(1), shares]), "LA").save(tmp_path / "la.png")
    for name in ("rgba.png", "la.png"):
        np.testing.assert_allclose(read(tmp_path / name), shares / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "one"),
    [(np.uint8, 1), (np.uint8, 255), (np.uint16, 1), (np.uint16, 255), (np.uint16, 65535)],
)
def test_masks(tmp_path: Path, shares: np.ndarray, dtype: type, one: int) -> None:
    mask = (shares > 100).astype(dtype)
    cv2.imwrite(str(tmp_path / "a.png"), mask * dtype(one))
    np.testing.assert_array_equal(read(tmp_path / "a.png"), mask)


def test_a_profile_changes_no_share(tmp_path: Path, shares: np.ndarray) -> None:
    profile = icc_profile(np.diag([0.9, 0.9, 0.8]), parametric_curve(1.0))
    Image.fromarray(shares).convert("RGB").save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(read(tmp_path / "a.png"), shares / 255, atol=1e-6)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_matte(path, HEIGHT, WIDTH)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


def test_pictures_in_colours_are_no_mattes(tmp_path: Path, shares: np.ndarray) -> None:
    Image.fromarray(noise(3)).save(tmp_path / "photo.png")
    Image.fromarray(noise(3)).convert("RGBA").save(tmp_path / "photo_rgba.png")
    labels = Image.fromarray((shares > 100).astype(np.uint8), "P")
    labels.putpalette([0, 0, 0, 128, 0, 0])
    labels.save(tmp_path / "labels.png")
    for name in ("photo.png", "photo_rgba.png", "labels.png"):
        assert "is in colours: give a grey image, white where" in refused(tmp_path / name)


def test_what_covers_nothing_everything_or_the_edge(tmp_path: Path, shares: np.ndarray) -> None:
    path = tmp_path / "a.png"

    def saved(array: np.ndarray) -> Path:
        Image.fromarray(array.astype(np.uint8)).save(path)
        return path

    assert "is empty: no pixel is covered" in refused(saved(0 * shares))
    one = 0 * shares
    one[8, 8] = 255
    assert "covers 1.0 pixels: too few to show a person" in refused(saved(one))
    assert "covers 100.0 % of the picture" in refused(saved(0 * shares + 255))
    assert "covers 100.0 % of the picture" in refused(saved(0 * shares + 128))
    assert "all around: it seems to be inverted" in refused(saved(255 - shares))


def test_a_person_may_touch_three_edges(tmp_path: Path, shares: np.ndarray) -> None:
    shares[:, 3:] = 255
    shares[:, :3] = 0
    Image.fromarray(shares).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png") > 0.5, shares > 0)
