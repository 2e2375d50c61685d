import pytest
import torch
from jaxtyping import TypeCheckError

from hfb.errors import NoPersonError, ShapeError
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.geometry import default_camera, project
from hfb.matte import (
    CropBox,
    crop_camera,
    crop_image,
    crop_valid,
    find_region,
    foreground_mask,
    noise_level,
    paste_crop,
)


def scene_with_box(generator, noise=0.01):
    background = 0.3 + 0.4 * torch.rand(3, 120, 160, generator=generator)
    image = background.clone()
    image[:, 30:100, 50:80] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    return image + noise * torch.randn(image.shape, generator=generator), background


def test_noise_level_is_the_standard_deviation(generator):
    image, background = scene_with_box(generator, noise=0.02)
    assert noise_level(image, background) == pytest.approx(0.02, rel=0.25)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_mask_covers_the_box_and_little_else(generator, noise):
    image, background = scene_with_box(generator, noise)
    mask = foreground_mask(image, background)
    truth = torch.zeros_like(mask)
    truth[30:100, 50:80] = True
    assert (mask & truth).sum() > 0.97 * truth.sum()
    assert (mask & ~truth).sum() < 0.35 * truth.sum()


def test_noise_alone_is_no_foreground(generator):
    background = torch.rand(3, 90, 90, generator=generator)
    noise = 0.02 * torch.randn(background.shape, generator=generator)
    assert not foreground_mask(background, background).any()
    assert not foreground_mask(background + noise, background).any()


def test_far_smaller_blobs_are_left_out(generator):
    image, background = scene_with_box(generator)
    image[:, 5:13, 150:158] = 1.0
    mask = foreground_mask(image, background)
    assert not mask[:20, 140:].any()


def test_sizes_must_fit():
    # with shape checks on, jaxtyping refuses the call before our own check can
    with pytest.raises((ShapeError, TypeCheckError), match=r"differ in size|background"):
        foreground_mask(torch.zeros(3, 8, 8), torch.zeros(3, 8, 9))


def test_region_is_a_square_round_the_person():
    mask = torch.zeros(100, 200, dtype=torch.bool)
    mask[20:80, 90:110] = True
    assert find_region(mask, margin=0.0) == CropBox(70, 20, 60)
    assert find_region(mask, margin=0.5) == CropBox(40, -10, 120)
    with pytest.raises(NoPersonError, match=r"--data\.background"):
        find_region(torch.zeros(5, 5, dtype=torch.bool))


def test_crop_without_scaling_is_a_slice_with_repeated_borders():
    image = torch.arange(3 * 6 * 8.0).reshape(3, 6, 8) / 144
    crop = crop_image(image, CropBox(-2, 1, 5), 5)
    torch.testing.assert_close(crop[:, :, 2:], image[:, 1:6, :3])
    torch.testing.assert_close(crop[:, :, 0], image[:, 1:6, 0])


def test_reduction_averages_light_and_not_code_values():
    image = torch.zeros(3, 64, 64)
    image[:, ::2] = 1.0
    crop = crop_image(image, CropBox(0, 0, 64), 16)
    inner = crop[:, 4:-4, 4:-4]
    expected = linear_to_srgb(torch.tensor(0.5))
    torch.testing.assert_close(inner, expected.expand_as(inner), atol=0.02, rtol=0)
    assert srgb_to_linear(inner).mean() == pytest.approx(0.5, abs=0.01)


def test_batches_crop_as_single_images(generator):
    images = torch.rand(2, 4, 3, 20, 30, generator=generator)
    box = CropBox(5, -3, 24)
    torch.testing.assert_close(crop_image(images, box, 16)[1, 2], crop_image(images[1, 2], box, 16))


def test_valid_is_the_share_inside_the_image():
    valid = crop_valid(10, 10, CropBox(-10, 0, 20), 20)[0]
    assert valid[:10, 10:].min() == 1
    assert valid[:, :10].max() == 0
    assert valid[10:].max() == 0
    # the border crosses the middle of a pixel: half of it is inside
    assert crop_valid(15, 20, CropBox(0, 0, 20), 2)[0, 1].tolist() == pytest.approx(
        [0.5, 0.5], abs=0.1
    )


def test_crop_camera_sees_points_where_the_crop_shows_them():
    box, resolution = CropBox(37, -11, 150), 64
    image = torch.zeros(3, 200, 260)
    image[:, 90:94, 120:124] = 1.0  # a mark centred on (122, 92)
    camera = default_camera(200, 260)
    ray = (torch.tensor([122.0, 92.0]) - camera.principal_point) / camera.focal
    point = 3.0 * torch.tensor([[ray[0], ray[1], 1.0]])
    xy = project(point, crop_camera(camera, box, resolution))[0]
    crop = srgb_to_linear(crop_image(image, box, resolution))[0]
    centres = torch.arange(resolution) + 0.5
    shown = torch.stack([(crop.sum(0) @ centres), (crop.sum(1) @ centres)]) / crop.sum()
    torch.testing.assert_close(xy, shown, atol=0.02, rtol=0)


def test_paste_undoes_crop():
    alpha = torch.zeros(1, 80, 90)
    alpha[:, 20:60, 30:50] = 1.0
    box = CropBox(-10, 5, 80)
    back = paste_crop(crop_image(alpha, box, 160, is_colour=False), box, 80, 90)
    assert (back - alpha).abs().mean() < 0.02
    assert paste_crop(torch.ones(1, 8, 8), CropBox(500, 500, 8), 80, 90).sum() == 0
