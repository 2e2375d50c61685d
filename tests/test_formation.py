import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from hfb.errors import ShapeError
from hfb.formation import (
    average_layers,
    blur_rate,
    composite_exposure,
    composite_layers,
    linear_to_srgb,
    srgb_to_linear,
)
from hfb.structures import Exposure, Layers


def _moving_bar(num_subframes, bar_width, width, colour):
    """A bar that moves one pixel a sub-frame: alpha is exactly 0 or 1 everywhere."""
    alpha = torch.zeros(num_subframes, 1, 1, width)
    for n in range(num_subframes):
        alpha[n, 0, 0, n : n + bar_width] = 1.0
    rgb = torch.tensor(colour)[:, None, None].expand(num_subframes, 3, 1, width)
    return Layers(rgb, alpha)


def test_a_moving_bar_blurs_to_a_ramp():
    # 4 pixels wide, 4 steps: up in quarters, one full pixel, down in quarters.
    ramp = torch.tensor([0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0])
    layers = _moving_bar(4, 4, 8, [0.8, 0.4, 0.2])
    rgb, alpha = average_layers(layers)
    torch.testing.assert_close(alpha[0, 0], ramp)
    torch.testing.assert_close(rgb[:, 0], torch.tensor([[0.8], [0.4], [0.2]]) * ramp)
    background = torch.full((3, 1, 8), 0.1)
    image = composite_layers(layers, background)
    expected = torch.tensor([[0.8], [0.4], [0.2]]) * ramp + 0.1 * (1 - ramp)
    torch.testing.assert_close(image[:, 0], expected)


def test_exposure_and_layers_give_the_same_image(generator):
    layers = Layers(
        torch.rand(2, 5, 3, 4, 6, generator=generator),
        torch.rand(2, 5, 1, 4, 6, generator=generator),
    )
    rgb, alpha = average_layers(layers)
    exposure = Exposure(rgb, alpha, torch.ones(2, 1, dtype=torch.bool))
    background = torch.rand(2, 3, 4, 6, generator=generator)
    image = composite_layers(layers, background)
    torch.testing.assert_close(composite_exposure(exposure, background), image)
    shared = composite_layers(layers, background[0])
    torch.testing.assert_close(shared[0], image[0])


def test_eq_2_as_a_loop_over_pixels(generator):
    layers = Layers(
        torch.rand(3, 3, 2, 2, generator=generator), torch.rand(3, 1, 2, 2, generator=generator)
    )
    background = torch.rand(3, 2, 2, generator=generator)
    image = composite_layers(layers, background)
    for row in range(2):
        for column in range(2):
            alphas = [float(layers.alpha[n, 0, row, column]) for n in range(3)]
            for c in range(3):
                foreground = [alphas[n] * float(layers.rgb[n, c, row, column]) for n in range(3)]
                behind = float(background[c, row, column])
                expected = (1 - np.mean(alphas)) * behind + np.mean(foreground)
                assert float(image[c, row, column]) == pytest.approx(expected, abs=1e-6)


def test_reversed_time_gives_the_same_picture_and_a_static_scene_stays_sharp(generator):
    layers = Layers(
        torch.rand(4, 3, 5, 5, generator=generator), torch.rand(4, 1, 5, 5, generator=generator)
    )
    background = torch.rand(3, 5, 5, generator=generator)
    backwards = Layers(layers.rgb.flip(0), layers.alpha.flip(0))
    torch.testing.assert_close(
        composite_layers(layers, background), composite_layers(backwards, background)
    )
    still = Layers(layers.rgb[:1].expand(4, 3, 5, 5), layers.alpha[:1].expand(4, 1, 5, 5))
    sharp = layers.alpha[0] * layers.rgb[0] + (1 - layers.alpha[0]) * background
    torch.testing.assert_close(composite_layers(still, background), sharp)


def test_a_background_of_another_size_is_named():
    layers = Layers(torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))
    with pytest.raises(ShapeError, match=r"background \(3, 5, 4\) does not fit"):
        composite_layers(layers, torch.zeros(3, 5, 4))
    with pytest.raises(ShapeError, match="does not fit"):
        composite_layers(layers, torch.zeros(2, 3, 4, 4))


def test_srgb_curve_at_published_points():
    # 8-bit values and their linear light, IEC 61966-2-1: 10 is on the straight foot, 188 near half.
    srgb = torch.tensor([0.0, 10.0, 128.0, 188.0, 255.0], dtype=torch.float64) / 255
    linear = torch.tensor([0.0, 0.00303527, 0.21586050, 0.50288646, 1.0], dtype=torch.float64)
    torch.testing.assert_close(srgb_to_linear(srgb), linear, rtol=0, atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(value=st.floats(-2.0, 3.0))
def test_srgb_curves_are_inverse_and_have_finite_gradients(value):
    x = torch.tensor([value], dtype=torch.float64, requires_grad=True)
    back = linear_to_srgb(srgb_to_linear(x))
    back.backward()
    # The standard's two pieces meet only to 3e-8, so values beside the knee differ by that much.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-7)
    encoded = linear_to_srgb(x)
    slope = torch.autograd.grad(encoded.sum(), x)[0]
    assert 0.0 < float(slope) <= 12.92 + 1e-9


def test_gradients_of_formation(generator):
    rgb = torch.rand(2, 3, 2, 2, dtype=torch.float64, generator=generator).requires_grad_()
    alpha = torch.rand(2, 1, 2, 2, dtype=torch.float64, generator=generator).requires_grad_()
    background = torch.rand(3, 2, 2, dtype=torch.float64, generator=generator).requires_grad_()
    assert gradcheck(lambda r, a, b: composite_layers(Layers(r, a), b), (rgb, alpha, background))
    values = torch.tensor([-0.5, 0.0, 0.02, 0.3, 1.2], dtype=torch.float64, requires_grad=True)
    assert gradcheck(srgb_to_linear, values)
    assert gradcheck(linear_to_srgb, values)


def test_blur_rate_of_a_square_that_moves_by_its_own_width_is_one():
    silhouettes = torch.zeros(2, 3, 4, 12, dtype=torch.bool)
    for n in range(3):
        silhouettes[0, n, :, 2 * n : 2 * n + 4] = True  # ends touching its start
        silhouettes[1, n, :, :4] = True  # stands still
    assert blur_rate(silhouettes).tolist() == [1.0, 0.0]


def test_blur_rate_divides_by_the_first_silhouette_not_by_the_mean():
    silhouettes = torch.zeros(2, 1, 6, dtype=torch.bool)
    silhouettes[0, 0, :2] = True
    silhouettes[1, 0, :] = True
    assert float(blur_rate(silhouettes)) == 2.0
    assert float(blur_rate(silhouettes.flip(0))) == 0.0
    silhouettes[0] = False
    assert torch.isnan(blur_rate(silhouettes))


def test_black_is_black_in_both_spaces():
    zero = torch.zeros(3)
    assert torch.equal(linear_to_srgb(zero), zero)
    assert torch.equal(srgb_to_linear(zero), zero)


def test_the_curves_are_those_of_the_standard_at_the_knee_and_around():
    """IEC 61966-2-1 as it is written, in doubles."""
    values = torch.cat([torch.linspace(0, 0.01, 401), torch.linspace(0, 1.2, 601)]).double()
    encoded = torch.where(
        values <= 0.0031308, 12.92 * values, 1.055 * values.clamp(min=1e-9) ** (1 / 2.4) - 0.055
    )
    torch.testing.assert_close(linear_to_srgb(values), encoded, atol=1e-7, rtol=0)
    torch.testing.assert_close(linear_to_srgb(values.float()).double(), encoded, atol=4e-7, rtol=0)
    decoded = torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    torch.testing.assert_close(srgb_to_linear(values), decoded, atol=1e-7, rtol=0)
    torch.testing.assert_close(srgb_to_linear(values.float()).double(), decoded, atol=6e-7, rtol=0)
