from dataclasses import replace

import pytest
import torch

from hfb.errors import ShapeError
from hfb.viz import ComparisonImages, comparison_image, outline, overlay_body, time_ghosts
from hfb.viz.comparison import OUTLINE


@pytest.fixture
def images() -> ComparisonImages:
    colours = torch.linspace(0.1, 0.9, 9)[:, None, None, None].expand(9, 3, 32, 32)
    return ComparisonImages(
        image=colours[0],
        reblurred=colours[1],
        subframes=colours[2:5],
        overlay=colours[5],
        novel_view=colours[6],
        alpha=colours[7, :1],
        alpha_estimated=colours[8, :1],
    )


def test_every_image_is_on_the_sheet(images: ComparisonImages) -> None:
    sheet = comparison_image(images, {"MPJPE": "84 → 61 mm"})
    for value in torch.linspace(0.1, 0.9, 9):
        grey = (value * 255).round() / 255
        assert int((sheet - grey).abs().amax(dim=0).lt(1e-6).sum()) >= 320 * 320


def test_paths_are_an_extra_panel(images: ComparisonImages) -> None:
    with_paths = replace(images, paths=torch.tensor([0.0, 1.0, 0.0])[:, None, None].expand(3, 8, 8))
    sheet = comparison_image(with_paths)
    green = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    assert int((sheet - green).abs().amax(dim=0).lt(1e-6).sum()) == 320 * 320


def test_outline_is_one_pixel_around_a_square() -> None:
    alpha = torch.zeros(1, 9, 9)
    alpha[:, 3:6, 3:6] = 1
    expected = torch.zeros(1, 9, 9)
    expected[:, 2:7, 2:7] = 1
    expected[:, 3:6, 3:6] = 0
    assert torch.equal(outline(alpha), expected)


def test_overlay_mixes_inside_lines_the_edge_and_leaves_the_rest() -> None:
    image = torch.full((3, 9, 9), 0.2)
    alpha = torch.zeros(1, 9, 9)
    alpha[:, 3:6, 3:6] = 1
    shown = overlay_body(image, alpha, torch.ones(3, 9, 9), opacity=0.75)
    torch.testing.assert_close(shown[:, 4, 4], torch.full((3,), 0.25 * 0.2 + 0.75))
    torch.testing.assert_close(shown[:, 2, 2], torch.tensor(OUTLINE))
    torch.testing.assert_close(shown[:, 0, 0], image[:, 0, 0])


def test_overlay_sizes_must_agree() -> None:
    unchecked = getattr(overlay_body, "__wrapped__", overlay_body)  # past the tests' shape checks
    with pytest.raises(ShapeError, match=r"image \(3, 9, 9\) and alpha \(1, 8, 9\) differ"):
        unchecked(torch.zeros(3, 9, 9), torch.zeros(1, 8, 9))


def test_ghosts_put_the_most_opaque_in_front() -> None:
    background = torch.zeros(3, 2, 2)
    rgb = torch.tensor([1.0, 0.5])[:, None, None, None].expand(2, 3, 2, 2)
    alpha = torch.ones(2, 1, 2, 2)
    alpha[:, :, 0] = 0
    shown = time_ghosts(background, rgb, alpha, torch.tensor([1.0, 0.4]))
    assert torch.equal(shown[:, 0], torch.zeros(3, 2))
    torch.testing.assert_close(shown[:, 1], torch.ones(3, 2))  # the second lies behind
    halved = time_ghosts(background, rgb, alpha, torch.tensor([0.5, 0.4]))
    torch.testing.assert_close(halved[:, 1], torch.full((3, 2), 0.5 + 0.5 * (0.4 * 0.5)))
