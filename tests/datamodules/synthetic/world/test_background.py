import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.synthetic.camera_placement import SceneCamera
from datamodules.synthetic.shading import Light
from datamodules.synthetic.world.background import draw_place, photograph
from hfb.errors import InputError
from hfb.formation import linear_to_srgb
from hfb.structures import Camera


def test_backgrounds_are_textured_bounded_and_repeatable():
    up = torch.tensor([0.0, -1.0, 0.0])
    light = Light(up, up, torch.ones(3), torch.full((3,), 0.5))
    # At eye height, looking along -z at a person 4 m away.
    camera = Camera(torch.tensor([200.0, 200.0]), torch.tensor([64.0, 80.0]), 160, 128)
    axes = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    placed = SceneCamera(camera, axes, torch.tensor([0.0, 1.4, 4.0]), subject_m=4.0)
    images = [draw_place(placed, light, np.random.default_rng(s)).image for s in (0, 0, 1, 2, 3)]
    torch.testing.assert_close(images[0], images[1], atol=0, rtol=0)
    for image in images:
        assert image.shape == (3, 160, 128)
        assert 0 <= image.min()
        assert image.max() <= 1
        assert image.std() > 0.02
        assert 0.05 < image.mean() < 0.4
    assert (images[0] - images[2]).abs().mean() > 0.02


def test_photographs_are_cropped_not_stretched(tmp_path):
    columns = np.linspace(0, 255, 300).astype(np.uint8)
    Image.fromarray(np.broadcast_to(columns[None, :, None], (100, 300, 3)).copy()).save(
        tmp_path / "wide.png"
    )
    image = photograph(tmp_path, 50, 50, np.random.default_rng(0))
    assert image.shape == (3, 50, 50)
    # 100 of 300 columns are kept: a third of the range of values.
    encoded = linear_to_srgb(image)
    assert encoded.max() - encoded.min() == pytest.approx(1 / 3, abs=0.02)
    with pytest.raises(InputError, match="no images"):
        photograph(tmp_path / "empty", 50, 50, np.random.default_rng(0))
