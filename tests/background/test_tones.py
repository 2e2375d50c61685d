"""The tone curve between photo and background, whoever stands in front."""

import numpy as np
import pytest
import torch
from wall_scenes import HEIGHT, WIDTH, exposed, photo_of, textured_scene

from hfb.background.tones import find_tone, lost_to_clipping
from hfb.formation import srgb_to_linear

SCENE = textured_scene()


def relative_error(mended: torch.Tensor, given: torch.Tensor) -> float:
    """Largest difference of light where the given background is not clipped."""
    light = srgb_to_linear(SCENE)
    difference = (srgb_to_linear(mended) - light).abs() / light
    return float(difference[given < 0.999].max())


@pytest.mark.parametrize("gain", [(0.5,) * 3, (0.9,) * 3, (1.06,) * 3, (1.6,) * 3, (0.8, 1.0, 1.3)])
@pytest.mark.parametrize("covered", [0.1, 0.35])
def test_a_gain_is_found_and_undone(gain: tuple[float, float, float], covered: float) -> None:
    given = exposed(SCENE, *gain)
    curve = find_tone(photo_of(SCENE, covered), given)
    assert curve is not None
    np.testing.assert_allclose(curve.gains(), 1 / np.array(gain), rtol=0.015)
    assert relative_error(curve(given), given) < 0.025


@pytest.mark.parametrize("gamma", [0.7, 1.155, 1.4])
@pytest.mark.parametrize("covered", [0.1, 0.35])
def test_another_gamma_is_undone(gamma: float, covered: float) -> None:
    given = SCENE**gamma
    curve = find_tone(photo_of(SCENE, covered), given)
    assert curve is not None
    assert curve.bend() > 0.1
    assert relative_error(curve(given), given) < 0.06
    assert float((curve(given) - SCENE).abs().mean()) < 0.003


def test_a_curve_that_is_neither_gain_nor_gamma_is_undone() -> None:
    given = SCENE + 0.25 * SCENE * (1 - SCENE) * (2 * SCENE - 1)
    curve = find_tone(photo_of(SCENE), given)
    assert curve is not None
    assert float((given - SCENE).abs().mean()) > 0.01
    assert float((curve(given) - SCENE).abs().mean()) < 0.003


@pytest.mark.parametrize("covered", [0.0, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_equal_exposures_have_no_curve(covered: float, seed: int) -> None:
    """Whatever the person wears."""
    curve = find_tone(photo_of(SCENE, covered, seed), SCENE)
    assert curve is not None
    assert curve.change < 0.02


def test_the_curve_never_turns_brighter_into_darker() -> None:
    rng = np.random.default_rng(0)
    photo = torch.from_numpy(rng.permutation(SCENE.numpy().ravel()).reshape(SCENE.shape))
    curve = find_tone(photo[None], SCENE)
    assert curve is not None
    assert (np.diff(curve.levels + curve.ratios, axis=1) >= 0).all()


def test_several_photos_count_together() -> None:
    photos = torch.cat([photo_of(SCENE, 0.1, seed) for seed in (1, 2)])
    curve = find_tone(photos, exposed(SCENE, 0.8, 0.8, 0.8))
    assert curve is not None
    np.testing.assert_allclose(curve.gains(), 1 / 0.8, rtol=0.01)


def test_white_that_the_photo_would_show_darker_is_lost() -> None:
    given = exposed(SCENE, 2.5, 2.5, 2.5)
    curve = find_tone(photo_of(SCENE), given)
    assert curve is not None
    lost = lost_to_clipping(given, curve(given))
    assert bool(lost.any())
    torch.testing.assert_close(lost[0] > 0, (given >= 0.995).any(0))


def test_pictures_that_tell_nothing() -> None:
    plain = torch.full((3, HEIGHT, WIDTH), 0.5)
    assert find_tone(0.9 * plain[None], plain) is None
    small = torch.rand(3, 6, 9)
    assert find_tone(0.9 * small[None], small) is None
    dark = 0.02 * torch.rand(3, HEIGHT, WIDTH)
    assert find_tone(0.9 * dark[None], dark) is None
