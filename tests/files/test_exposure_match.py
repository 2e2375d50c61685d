"""Photo and background exposed differently: mended where a gain explains it, else told."""

import logging

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hfb.files.exposure_match import compare_exposures, matched_background
from hfb.formation import linear_to_srgb, srgb_to_linear

HEIGHT, WIDTH = 160, 200


@pytest.fixture
def scene() -> torch.Tensor:
    """A textured wall, brighter on one side, linear light up to 0.6."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal((3, HEIGHT, WIDTH)), (0, 3, 3))
    slope = np.linspace(0.08, 0.45, WIDTH)
    light = (slope * np.exp(2.0 * texture)).clip(0.01, 0.6)
    return linear_to_srgb(torch.from_numpy(light).float())


def photo_of(scene: torch.Tensor, covered: float = 0.15, seed: int = 1) -> torch.Tensor:
    """The scene with somebody in front of a share of it, and noise; 8 bits."""
    rng = np.random.default_rng(seed)
    photo = srgb_to_linear(scene).clone()
    width = round(covered * WIDTH)
    clothes = rng.uniform(0.02, 0.5, (3, 1, 1)) * rng.uniform(0.7, 1.3, (3, HEIGHT, width))
    photo[..., 60 : 60 + width] = torch.from_numpy(clothes).float()
    noisy = linear_to_srgb(photo) + 0.01 * torch.from_numpy(rng.standard_normal(photo.shape))
    return (noisy.clamp(0, 1) * 255).round().float()[None] / 255


def exposed(scene: torch.Tensor, *gain: float) -> torch.Tensor:
    light = srgb_to_linear(scene) * torch.tensor(gain)[:, None, None]
    return linear_to_srgb(light.clamp(0, 1))


@pytest.mark.parametrize("gain", [(0.5,) * 3, (0.9,) * 3, (1.06,) * 3, (1.6,) * 3, (0.8, 1.0, 1.3)])
@pytest.mark.parametrize("covered", [0.1, 0.35])
def test_a_gain_is_found_and_undone(
    scene: torch.Tensor,
    gain: tuple[float, float, float],
    covered: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = exposed(scene, *gain)
    with caplog.at_level(logging.WARNING, "hfb"):
        mended = matched_background(photo_of(scene, covered), given, "photo.png")
    assert "photo.png is exposed differently from its background" in caplog.text
    difference = (srgb_to_linear(mended) - srgb_to_linear(scene)).abs() / srgb_to_linear(scene)
    not_clipped = given < 0.999
    assert float(difference[not_clipped].max()) < 0.015


@pytest.mark.parametrize("covered", [0.0, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_equal_exposures_stay_as_they_are(
    scene: torch.Tensor, covered: float, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Bit by bit, and nothing is said, whatever the person wears."""
    with caplog.at_level(logging.WARNING, "hfb"):
        assert matched_background(photo_of(scene, covered, seed), scene, "photo") is scene
    assert caplog.text == ""


def test_a_person_darker_than_a_plain_wall_is_no_gain() -> None:
    """Clothes of one brightness over 45 % of a wall of one brightness."""
    wall = torch.full((3, HEIGHT, WIDTH), 0.7) + 0.02 * torch.rand(3, HEIGHT, WIDTH)
    photo = wall.clone()
    photo[..., : round(0.45 * WIDTH)] *= 0.7
    assert matched_background(photo[None], wall, "photo") is wall


def test_another_gamma_is_told_and_left(
    scene: torch.Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    given = scene**1.3
    with caplog.at_level(logging.WARNING, "hfb"):
        assert matched_background(photo_of(scene), given, "photo.png") is given
    assert "photo.png is as bright as its background in only" in caplog.text
    assert "differ by other factors, as after another tone curve" in caplog.text


def test_several_photos_count_together(scene: torch.Tensor) -> None:
    photos = torch.cat([photo_of(scene, 0.1, seed) for seed in (1, 2)])
    found = compare_exposures(photos, exposed(scene, 0.8, 0.8, 0.8))
    assert found is not None
    np.testing.assert_allclose(found.gain, 1 / 0.8, rtol=0.01)


def test_pictures_that_tell_nothing() -> None:
    plain = torch.full((3, HEIGHT, WIDTH), 0.5)
    assert compare_exposures(0.9 * plain[None], plain) is None
    small = torch.rand(3, 6, 9)
    assert compare_exposures(0.9 * small[None], small) is None
    dark = 0.02 * torch.rand(3, HEIGHT, WIDTH)
    assert compare_exposures(0.9 * dark[None], dark) is None
