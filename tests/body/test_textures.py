"""The shipped textures and the reading of others."""

import numpy as np
import pytest
import torch
from PIL import Image

from hfb.body import load_texture, texture_names
from hfb.errors import AssetNotFoundError, InputError


def test_shipped_textures_are_small_square_and_different(repo) -> None:
    names = texture_names()
    assert len(names) >= 5
    textures = [load_texture(name) for name in names]
    for name, texture in zip(names, textures, strict=True):
        assert texture.shape == (3, 512, 512)
        assert 0 <= texture.min() < 0.2
        assert 0.6 < texture.max() <= 1
        assert (repo / "checkpoints" / "textures" / f"{name}.png").stat().st_size <= 250_000
    for i, one in enumerate(textures):
        assert all((one - other).abs().mean() > 0.05 for other in textures[:i])


def test_any_image_file_is_read_channel_first_row_zero_on_top(tmp_path) -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 2] = (255, 51, 0)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    texture = load_texture(tmp_path / "own.png")
    assert texture.shape == (3, 2, 3)
    torch.testing.assert_close(texture[:, 0, 2], torch.tensor([1.0, 0.2, 0.0]))
    assert texture.sum() == texture[:, 0, 2].sum()


def test_errors_name_the_shipped_ones_and_the_file(tmp_path) -> None:
    with pytest.raises(AssetNotFoundError, match=r"`tuxedo`.*striped_tee_jeans"):
        load_texture("tuxedo")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"text\.png cannot be read as an image"):
        load_texture(tmp_path / "text.png")
