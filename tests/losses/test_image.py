import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from hfb.errors import InputError
from hfb.losses import background_loss, background_norm_loss, image_loss, matting_loss
from hfb.structures import Exposure, Layers


def _pair(generator, channels, *batch):
    shape = (*batch, channels, 4, 5)
    return (torch.rand(shape, dtype=torch.float64, generator=generator) for _ in range(2))


def test_image_loss_is_numpys_mean_of_squares_per_sample(generator):
    preds, target = _pair(generator, 3, 2)
    expected = ((preds.numpy() - target.numpy()) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(image_loss(preds, target), expected)


def test_weight_and_area_change_the_mean_as_documented(generator):
    preds, target = _pair(generator, 3, 2)
    weight = torch.rand(2, 1, 4, 5, dtype=torch.float64, generator=generator)
    area = torch.tensor([10.0, 5.0], dtype=torch.float64)
    squares = (preds - target) ** 2
    torch.testing.assert_close(
        image_loss(preds, target, weight), (weight * squares).mean((1, 2, 3))
    )
    # DESIGN's recipe: mean squared error times H W over the person's area.
    torch.testing.assert_close(
        image_loss(preds, target, weight, area), (weight * squares).mean((1, 2, 3)) * 20 / area
    )


def test_an_empty_matte_does_not_divide_by_zero(generator):
    preds, target = _pair(generator, 3)
    assert torch.isfinite(image_loss(preds, target, area=torch.tensor(0.0).double()))


def test_matting_loss_of_binary_mattes_is_one_minus_iou():
    preds, target = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    preds[0, 0, :2], target[0, 0, 1:3] = 1.0, 1.0  # 8 and 8 pixels, 4 in common
    preds[1, 0, 0], target[1, 0, 3] = 1.0, 1.0  # apart
    torch.testing.assert_close(matting_loss(preds, target), torch.tensor([1 - 4 / 12, 1.0]))
    torch.testing.assert_close(matting_loss(target, target), torch.zeros(2), atol=1e-6, rtol=0)
    empty = torch.zeros(1, 4, 4)
    assert float(matting_loss(empty, empty)) == 0.0


def test_matting_loss_of_eq_4_as_a_loop(generator):
    preds, target = _pair(generator, 1)
    pairs = list(zip(preds.flatten().tolist(), target.flatten().tolist(), strict=True))
    expected = 1 - sum(min(pair) for pair in pairs) / sum(max(pair) for pair in pairs)
    assert float(matting_loss(preds, target)) == pytest.approx(expected, rel=1e-6)


def test_matting_variants_share_weight_and_area(generator):
    preds, target = _pair(generator, 1, 2)
    weight = torch.rand(2, 1, 4, 5, dtype=torch.float64, generator=generator)
    area = torch.tensor([7.0, 3.0], dtype=torch.float64)
    difference = preds - target
    for kind, value in (("l1", difference.abs()), ("l2", difference**2)):
        expected = (weight * value).sum((1, 2, 3)) / area
        torch.testing.assert_close(matting_loss(preds, target, weight, kind, area), expected)
        torch.testing.assert_close(matting_loss(preds, target, kind=kind), value.mean((1, 2, 3)))
    # A weight of zero hides a pixel from the soft IoU.
    masked = matting_loss(preds, target, (weight > 0.5).double())
    cut_preds, cut_target = preds * (weight > 0.5), target * (weight > 0.5)
    torch.testing.assert_close(masked, matting_loss(cut_preds, cut_target))


def test_an_unknown_kind_is_refused():
    alpha = torch.zeros(1, 2, 2)
    with pytest.raises((InputError, TypeError)):
        matting_loss(alpha, alpha, kind="dice")


def _layers(generator, *batch, num=3):
    rgb = torch.rand(*batch, num, 3, 4, 5, dtype=torch.float64, generator=generator)
    alpha = torch.rand(*batch, num, 1, 4, 5, dtype=torch.float64, generator=generator)
    return Layers(rgb, alpha)


def test_background_loss_of_eq_9_as_a_loop(generator):
    layers = _layers(generator)
    background = torch.rand(3, 4, 5, dtype=torch.float64, generator=generator)
    total = area = 0.0
    for n in range(3):
        for row in range(4):
            for column in range(5):
                alpha = float(layers.alpha[n, 0, row, column])
                difference = background[:, row, column] - layers.rgb[n, :, row, column]
                total += alpha / (float(difference.abs().sum()) / 3 + 0.1)
                area += alpha
    assert float(background_loss(layers, background)) == pytest.approx(total / area, rel=1e-9)


def test_background_norm_loss_is_one_number_a_subframe(generator):
    layers = _layers(generator)
    background = torch.rand(3, 4, 5, dtype=torch.float64, generator=generator)
    distances = [float((background - image).abs().mean()) for image in layers.rgb]
    expected = sum(1.0 / (distance + 1e-6) for distance in distances) / len(distances)
    assert float(background_norm_loss(layers, background)) == pytest.approx(expected, rel=1e-9)
    same = Layers(background.expand_as(layers.rgb), layers.alpha)
    assert float(background_norm_loss(same, background)) == pytest.approx(1e6)

    def loss(rgb):
        return background_norm_loss(Layers(rgb, layers.alpha), background, 0.1)

    assert gradcheck(loss, layers.rgb.clone().requires_grad_())


def test_background_loss_ignores_what_lies_outside_the_silhouette(generator):
    layers = _layers(generator)
    background = torch.rand(3, 4, 5, dtype=torch.float64, generator=generator)
    inside = (layers.alpha > 0.5).double()
    # The void of a renderer is black; a black background must not matter there.
    first = background_loss(Layers(layers.rgb * inside, inside), background)
    painted = layers.rgb * inside + background * (1 - inside)
    torch.testing.assert_close(background_loss(Layers(painted, inside), background), first)


def test_background_loss_is_bounded_by_its_epsilon(generator):
    layers = _layers(generator)
    same = layers.rgb[:1].expand(3, 3, 4, 5)
    alike = background_loss(Layers(same, layers.alpha), same[0], epsilon=0.05)
    assert float(alike) == pytest.approx(20.0)
    nobody = Layers(layers.rgb, torch.zeros_like(layers.alpha))
    assert float(background_loss(nobody, same[0])) == 0.0


def test_exposure_of_a_still_body_has_the_background_loss_of_its_layers(generator):
    layers = _layers(generator, num=1)
    background = torch.rand(3, 4, 5, dtype=torch.float64, generator=generator)
    exposure = Exposure(
        layers.rgb[0] * layers.alpha[0], layers.alpha[0], torch.ones(1, dtype=torch.bool)
    )
    torch.testing.assert_close(
        background_loss(exposure, background), background_loss(layers, background)
    )


@pytest.mark.parametrize("kind", ["iou", "l1", "l2"])
def test_gradients_of_matting(kind, generator):
    preds, target = _pair(generator, 1, 2)
    preds.requires_grad_()
    assert gradcheck(lambda p: matting_loss(p, target, kind=kind), preds)


def test_gradients_of_image_and_background(generator):
    preds, target = _pair(generator, 3, 2)
    weight = torch.rand(2, 1, 4, 5, dtype=torch.float64, generator=generator)
    area = torch.tensor([7.0, 3.0], dtype=torch.float64)
    assert gradcheck(lambda p: image_loss(p, target, weight, area), preds.requires_grad_())
    layers = _layers(generator)
    rgb, background = layers.rgb.requires_grad_(), target[0]
    assert gradcheck(lambda c: background_loss(Layers(c, layers.alpha), background), rgb)
    exposure_rgb = rgb.detach().mean(0).requires_grad_()
    alpha, visible = layers.alpha.mean(0), torch.ones(1, dtype=torch.bool)
    assert gradcheck(
        lambda c: background_loss(Exposure(c, alpha, visible), background), exposure_rgb
    )


def test_background_loss_gives_the_silhouette_no_gradient(generator):
    layers = _layers(generator)
    alpha = layers.alpha.requires_grad_()
    rgb = layers.rgb.requires_grad_()
    background_loss(Layers(rgb, alpha), layers.rgb[0].detach()).backward()
    assert alpha.grad is None
    assert rgb.grad is not None
