"""Names and pairs of images."""

import pytest
import torch

from datamodules.photos.samples import (
    check_pair,
    sample_name,
)


def test_pair_that_fits() -> None:
    check_pair(torch.zeros(3, 4, 5), torch.full((3, 4, 5), 0.01))


@pytest.mark.parametrize(
    ("text", "name"),
    [("IMG 01 (2)", "IMG_01_2"), ("../x", "x"), ("", "sample"), ("añb", "añb"), ("a:b,c", "a-b_c")],
)
def test_sample_names_are_folder_names(text: str, name: str) -> None:
    assert sample_name(text) == name
