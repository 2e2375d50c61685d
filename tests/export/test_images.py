from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from hfb.errors import InputError
from hfb.export import quantise, write_image


def test_8_bit_is_read_alike_by_another_library(tmp_path: Path) -> None:
    image = torch.rand(3, 5, 7)
    write_image(tmp_path / "a.png", image)
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    expected = np.round(image.permute(1, 2, 0).numpy().astype(np.float64) * 255)
    np.testing.assert_array_equal(stored, expected)


def test_16_bit_keeps_every_level(tmp_path: Path) -> None:
    levels = torch.arange(65536, dtype=torch.float64).reshape(1, 256, 256) / 65535
    write_image(tmp_path / "a.png", levels.float(), bits=16)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored.reshape(-1), np.arange(65536))


def test_16_bit_colour_order(tmp_path: Path) -> None:
    image = torch.zeros(3, 2, 2)
    image[0] = 1.0
    image[1] = 0.5
    write_image(tmp_path / "a.png", image, bits=16)
    bgr = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert bgr[0, 0].tolist() == [0, 32768, 65535]


def test_values_are_clamped() -> None:
    image = torch.tensor([-1.0, 0.0, 1.0, 7.0]).reshape(1, 2, 2)
    assert quantise(image).reshape(-1).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize(
    ("image", "name", "message"),
    [
        (torch.full((3, 2, 2), float("nan")), "a.png", "holds NaN"),
        (torch.zeros(3, 0, 2), "a.png", "some pixels, got 3 x 0 x 2"),
        (torch.zeros(2, 2, 2), "a.png", "1 or 3 channels"),
        (torch.zeros(3, 2, 2), "a.jpg", r"a\.jpg should end in \.png"),
    ],
)
def test_bad_input(tmp_path: Path, image: torch.Tensor, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_image(tmp_path / name, image)
    assert list(tmp_path.iterdir()) == []
