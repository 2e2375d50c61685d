import pytest
import torch

from hfb.errors import ShapeError
from hfb.viz import draw_joint_paths, time_colours


def near(image: torch.Tensor, x: float, y: float, colour: torch.Tensor) -> bool:
    """Whether the pixel at (x, y) has about this colour."""
    return bool((image[:, int(y), int(x)] - colour).abs().max() < 0.1)


def test_paths_are_coloured_by_time_and_bones_drawn() -> None:
    image = torch.ones(3, 512, 512)
    times = torch.linspace(100, 400, 9)
    parent = torch.stack([times, torch.full((9,), 200.0)], dim=-1)
    child = torch.stack([times, torch.full((9,), 300.0)], dim=-1)
    shown = draw_joint_paths(image, torch.stack([parent, child], dim=1), (-1, 0), dim=0.5)
    assert shown.shape == image.shape
    colours = time_colours(9)
    assert near(shown, 101, 250, colours[0]) or near(shown, 100, 250, colours[0])  # the first bone
    assert near(shown, 120, 200, colours[0])  # the path's first segment
    assert near(shown, 390, 300, colours[7])  # its last
    assert near(shown, 400, 200, colours[8])  # the last joint's dot
    torch.testing.assert_close(shown[:, 20, 20], torch.full((3,), 0.5), rtol=0, atol=0.01)
    assert torch.equal(image, torch.ones(3, 512, 512))


def test_small_images_are_enlarged_with_their_joints() -> None:
    joints = torch.tensor([[[32.0, 32.0]]])
    shown = draw_joint_paths(torch.zeros(3, 64, 64), joints, (-1,))
    assert shown.shape == (3, 512, 512)
    lit = torch.nonzero(shown.sum(dim=0) > 0).float() + 0.5
    torch.testing.assert_close(lit.mean(dim=0), torch.tensor([256.0, 256.0]), rtol=0, atol=0.6)


def test_joints_far_outside_or_not_finite_do_no_harm() -> None:
    joints = torch.tensor([[[1e9, -1e9], [float("nan"), 3.0]]]).expand(3, 2, 2)
    shown = draw_joint_paths(torch.full((3, 32, 32), 0.5), joints, (-1, 0))
    assert bool(torch.isfinite(shown).all())


def test_parents_must_match() -> None:
    with pytest.raises(ShapeError, match="3 joints, but 2 parents"):
        draw_joint_paths(torch.zeros(3, 8, 8), torch.zeros(2, 3, 2), (-1, 0))
