import cv2
import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from scipy.ndimage import gaussian_filter

from hfb.errors import ShapeError
from hfb.formation import linear_to_srgb
from hfb.matte import estimate_alpha, refresh_alpha
from hfb.matte.matting import lower_bound, see_through, smooth


def textured_background(seed, height=160, width=200):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.uniform(size=(3, height, width)), (0, 2, 2))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return torch.from_numpy(0.15 + 0.5 * smooth).float()


def disc(height, width, x, y, radius):
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    distance = ((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2).sqrt()
    return (radius + 0.5 - distance).clamp(0, 1)


def moving_bar(length, travel, height=160, width=200):
    """A bar of `length` px that moves `travel` px to the right: its alpha is a trapezium."""
    x = torch.arange(width) + 0.5
    left = 60.0
    entered = ((x - left) / travel).clamp(0, 1)
    gone = ((x - left - length) / travel).clamp(0, 1)
    alpha = torch.zeros(1, height, width)
    alpha[:, 40:120] = entered - gone
    return alpha


def photograph(alpha, background, colour, seed=0, noise=0.004):
    linear = alpha * torch.tensor(colour)[:, None, None] + (1 - alpha) * background
    generator = torch.Generator().manual_seed(seed)
    linear = linear + noise * torch.randn(linear.shape, generator=generator)
    return linear_to_srgb(linear.clamp(0, 1)), linear_to_srgb(background)


def soft_iou(preds, target):
    return float(torch.minimum(preds, target).sum() / torch.maximum(preds, target).sum())


# Found: 0.91, 0.89, 0.92; the foreground mask alone scores 0.66, 0.66, 0.69.
@pytest.mark.parametrize("colour", [(0.02, 0.02, 0.05), (0.9, 0.85, 0.1), (0.5, 0.1, 0.2)])
def test_a_moving_bar_has_its_known_ramp(colour):
    alpha = moving_bar(length=60, travel=30)
    found = estimate_alpha(*photograph(alpha, textured_background(0), colour))
    assert found.shape == alpha.shape
    assert soft_iou(found, alpha) > 0.84
    # along the ramp, row by row
    ramp = slice(62, 88)
    assert (found[0, 50:110, ramp].mean(0) - alpha[0, 80, ramp]).abs().mean() < 0.13


def test_a_disc_that_never_covers_a_pixel_for_long():
    steps = torch.linspace(0, 1, 40)
    alpha = torch.stack([disc(160, 200, 50 + 90 * float(t), 80, 14) for t in steps]).mean(0)[None]
    assert alpha.max() < 0.4
    found = estimate_alpha(*photograph(alpha, textured_background(1), (0.95, 0.9, 0.9)))
    assert found.max() <= 1
    # the person's colour is seen nowhere, so alpha is known up to the range of possible colours:
    # the support must be right and the bound must hold
    inside = alpha[0] > 0.15
    assert (found[0][inside] > 0.5 * alpha[0][inside]).float().mean() > 0.95
    assert found[0][alpha[0] == 0].mean() < 0.02


def test_hint_pins_opaque_pixels():
    alpha = moving_bar(length=60, travel=30)
    image, background = photograph(alpha, textured_background(2), (0.4, 0.4, 0.4))
    hint = alpha[0] == 1
    found = estimate_alpha(image, background, hint=hint)
    assert found[0, 60:100, 92:118].min() > 0.99
    assert soft_iou(found, alpha) >= soft_iou(estimate_alpha(image, background), alpha) - 1e-3


def test_no_change_is_no_person():
    background = linear_to_srgb(textured_background(3))
    assert estimate_alpha(background, background).abs().max() == 0
    constant = torch.full((3, 64, 64), 0.5)
    assert estimate_alpha(constant, constant).abs().max() == 0


def test_large_images_are_worked_on_in_parts():
    alpha = torch.nn.functional.interpolate(moving_bar(60, 30)[None], scale_factor=4)[0]
    background = torch.nn.functional.interpolate(textured_background(4)[None], scale_factor=4)[0]
    image, background = photograph(alpha, background, (0.02, 0.02, 0.05))
    found = estimate_alpha(image, background, max_size=128)
    assert found.shape == (1, 640, 800)
    assert soft_iou(found, alpha) > 0.85


def test_lower_bound_holds_and_is_reached_by_black_and_white():
    rng = np.random.default_rng(0)
    alpha = rng.uniform(size=(9, 9, 1))
    background = rng.uniform(0.1, 0.9, size=(9, 9, 3))
    any_colour = rng.uniform(size=(9, 9, 3))
    for colour in (any_colour, np.zeros(3), np.ones(3)):
        image = alpha * colour + (1 - alpha) * background
        bound = lower_bound(image, background, slack=0.0)
        assert (bound <= alpha[..., 0] + 1e-9).all()
        if colour is not any_colour:
            np.testing.assert_allclose(bound, alpha[..., 0], atol=1e-9)


def test_see_through_is_exact_for_a_uniform_layer():
    background = textured_background(5).permute(1, 2, 0).numpy()
    image = 0.3 * np.array([0.2, 0.5, 0.9], np.float32) + 0.7 * background
    alpha, sureness = see_through(image, background)
    np.testing.assert_allclose(alpha, 0.3, atol=1e-3)
    assert sureness.min() > 1.0


def test_sizes_must_fit():
    # with shape checks on, jaxtyping refuses the call before our own check can
    with pytest.raises((ShapeError, TypeCheckError), match=r"differ in size|background"):
        estimate_alpha(torch.zeros(3, 8, 8), torch.zeros(3, 8, 9))


GREY = (0.5, 0.5, 0.5)


def square(image):
    """The bar's surroundings as a square crop."""
    return image[..., 10:150, 30:170].contiguous()


def shifted(alpha, pixels):
    """What a body fitted a little off the mark would cover."""
    return torch.roll(alpha, pixels, -1)


def test_refresh_lets_the_photo_correct_a_body_that_is_off():
    truth = moving_bar(length=50, travel=20)
    image, background = photograph(truth, textured_background(0), (0.02, 0.02, 0.05))
    first = estimate_alpha(image, background)
    body = shifted(truth, 4)
    found = refresh_alpha(*(square(x) for x in (image, background, first, body)))
    assert soft_iou(square(body), square(truth)) < 0.90
    assert soft_iou(found, square(truth)) > 0.92


def test_refresh_fills_holes_of_the_colour_of_the_wall():
    truth = moving_bar(length=50, travel=20)
    background = torch.full((3, 160, 200), 0.4)
    background = background + 0.02 * textured_background(1)
    linear = truth * torch.tensor((0.02, 0.02, 0.05))[:, None, None] + (1 - truth) * background
    # A stripe of clothes that nothing tells from the wall.
    linear[:, 70:95] = background[:, 70:95]
    image, clean = (
        photograph(torch.zeros_like(truth), linear, GREY)[0],
        photograph(torch.zeros_like(truth), background, GREY)[1],
    )
    first = estimate_alpha(image, clean)
    found = refresh_alpha(*(square(x) for x in (image, clean, first, truth)))
    assert soft_iou(square(first), square(truth)) < 0.85
    assert soft_iou(found, square(truth)) > 0.90


def test_refresh_drops_what_moved_far_from_the_body():
    truth = moving_bar(length=50, travel=20)
    with_leaf = truth.clone()
    with_leaf[:, 20:30, 40:52] = 0.8
    image, background = photograph(with_leaf, textured_background(2), (0.9, 0.85, 0.1))
    found = refresh_alpha(*(square(x) for x in (image, background, with_leaf, truth)))
    assert float(found[:, 10:20, 10:22].max()) < 0.2
    assert float(square(with_leaf)[:, 10:20, 10:22].min()) > 0.7
    assert soft_iou(found, square(truth)) > 0.93


def test_refresh_without_a_body_changes_nothing():
    alpha = moving_bar(length=50, travel=20)
    image, background = photograph(alpha, textured_background(0), (0.02, 0.02, 0.05))
    first = square(alpha)
    found = refresh_alpha(square(image), square(background), first, torch.zeros_like(first))
    assert torch.equal(found, first)


def test_refresh_sizes_must_fit():
    image = torch.zeros(3, 32, 32)
    with pytest.raises((ShapeError, TypeCheckError)):
        refresh_alpha(image, image, torch.zeros(1, 32, 32), torch.zeros(1, 16, 16))


@pytest.mark.parametrize("radius", [2.0, 7.0, 30.0])
@pytest.mark.parametrize("shape", [(120, 121), (121, 120, 3)])
def test_wide_blurs_are_gaussian(radius: float, shape: tuple[int, ...]) -> None:
    """Against OpenCV's own at full size, on a person-like patch away from the edges."""
    values = np.zeros(shape, np.float32)
    values[40:80, 50:70] = np.random.default_rng(0).random(values[40:80, 50:70].shape)
    exact = cv2.GaussianBlur(values, (0, 0), radius, borderType=cv2.BORDER_REPLICATE)
    found = smooth(values, radius)
    assert found.shape == values.shape
    assert np.abs(found - exact).max() < 0.004
    np.testing.assert_allclose(found.mean(), exact.mean(), rtol=0.01)
