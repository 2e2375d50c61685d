"""How a camera moved between two pictures, whoever is in them."""

import cv2
import numpy as np
import pytest
import torch
from wall_scenes import photo_of, textured_scene

from hfb.background.camera_motion import CameraMotion, as_pixels, seen_after, seen_before
from hfb.background.find_motion import find_motion

HEIGHT, WIDTH = 240, 320
SCENE = textured_scene(HEIGHT, WIDTH)


def motion_of(dx: float, dy: float, degrees: float, scale: float = 1.0) -> CameraMotion:
    """A motion about the middle of the picture."""
    angle, middle = np.radians(degrees), np.array([WIDTH, HEIGHT]) / 2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = middle + np.array([dx, dy]) - turn @ middle
    return CameraMotion(np.column_stack([turn, shift]), (WIDTH, HEIGHT), 0.3, 0, 1.0)


@pytest.mark.parametrize(
    ("dx", "dy", "degrees", "scale"),
    [(0.4, -0.7, 0, 1), (6.3, 2.2, 0, 1), (-3, 5, 1.7, 1), (2, 1, -0.5, 1.01), (40, -9, 5, 1)],
)
@pytest.mark.parametrize("tone", [1.0, 1.6])
def test_the_motion_is_found_to_a_tenth_of_a_pixel(
    dx: float, dy: float, degrees: float, scale: float, tone: float
) -> None:
    true = motion_of(dx, dy, degrees, scale)
    shown, _ = seen_after(SCENE, true)
    found = find_motion(as_pixels(SCENE), as_pixels(photo_of(shown**tone, 0.2)[0]))
    assert found is not None
    np.testing.assert_allclose(found.shift_px, (dx, dy), atol=0.1)
    assert abs(found.turn_deg - degrees) < 0.05
    assert abs(found.scale - scale) < 0.001
    assert not found.is_still
    assert found.is_small == (dx < 0.03 * WIDTH)


@pytest.mark.parametrize("covered", [0.0, 0.2, 0.4])
def test_a_camera_that_stands_still(covered: float) -> None:
    found = find_motion(as_pixels(SCENE), as_pixels(photo_of(SCENE, covered)[0]))
    assert found is not None
    assert found.is_still
    assert found.largest_px < 0.15


def test_somebody_who_walks_through_is_outvoted() -> None:
    """Before a wall with little on it, in a shirt with much."""
    wall = cv2.GaussianBlur(as_pixels(SCENE), (0, 0), 4.0)
    rng = np.random.default_rng(0)
    shirt = cv2.GaussianBlur(rng.integers(0, 256, (200, 110, 3)).astype(np.uint8), (0, 0), 1.2)
    first, second = wall.copy(), wall.copy()
    first[30:230, 100:210] = shirt
    second[32:232, 104:214] = shirt
    found = find_motion(first, second)
    assert found is None or found.is_still


def test_two_scenes_have_no_motion() -> None:
    other = textured_scene(HEIGHT, WIDTH, seed=5)
    assert find_motion(as_pixels(SCENE), as_pixels(other)) is None
    plain = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    assert find_motion(plain, plain) is None
    assert find_motion(plain[:3, :4], plain[:3, :4]) is None


def test_large_pictures_are_followed_in_a_small_one() -> None:
    large = textured_scene(1200, 1600)
    large = torch.from_numpy(
        cv2.resize(large.permute(1, 2, 0).numpy(), (1920, 1440), interpolation=cv2.INTER_CUBIC)
    ).permute(2, 0, 1)
    matrix = np.array([[1.0, 0.0, 7.0], [0.0, 1.0, -4.0]])
    shown, _ = seen_after(large, CameraMotion(matrix, (1920, 1440), 0.3, 0, 1.0))
    found = find_motion(as_pixels(large), as_pixels(shown))
    assert found is not None
    np.testing.assert_allclose(found.shift_px, (7.0, -4.0), atol=0.1)
    assert found.still_px == pytest.approx(0.6)


def test_what_comes_from_outside_is_not_known() -> None:
    image = torch.rand(3, HEIGHT, WIDTH)
    moved, inside = seen_after(image, motion_of(5.0, -2.0, 0.0))
    torch.testing.assert_close(moved[:, :-2, 5:], image[:, 2:, :-5], atol=1e-4, rtol=0)
    assert not bool(inside[..., :5].any())
    assert not bool(inside[:, -2:].any())
    assert bool(inside[:, :-2, 5:].all())


def test_there_and_back() -> None:
    motion = motion_of(4.0, -3.0, 1.0)
    shown, _ = seen_after(SCENE, motion)
    back, known = seen_before(as_pixels(shown), motion)
    difference = np.abs(back.astype(int) - as_pixels(SCENE))[known].mean()
    assert difference < 1.5
    assert 0.9 < known.mean() < 1.0


def test_one_motion_after_another() -> None:
    both = motion_of(4.0, -3.0, 0.0).then(motion_of(1.0, 1.0, 0.0))
    np.testing.assert_allclose(both.shift_px, (5.0, -2.0), atol=1e-9)


def test_words() -> None:
    assert str(motion_of(3.0, 4.0, 0.0)) == "5.0 px"
    assert str(motion_of(0.0, 4.0, 1.5, 0.99)) == (
        "4.0 px and 1.5 degrees, with things 0.990 times as large"
    )
