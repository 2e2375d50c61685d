"""Names and pairs of images."""

import pytest
import torch

from hfb.errors import InputError
from hfb.files.sample_checks import check_names_differ, check_pair, sample_name


def test_pair_that_fits() -> None:
    check_pair(torch.zeros(3, 4, 5), torch.full((3, 4, 5), 0.01))


@pytest.mark.parametrize(
    ("text", "name"),
    [("IMG 01 (2)", "IMG_01_2"), ("", "sample"), ("añb", "añb"), ("a:b,c", "a-b_c")],
)
def test_sample_names_are_folder_names(text: str, name: str) -> None:
    assert sample_name(text) == name


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("../x", "x-"),
        ("x[/b]y", "x_b_y-"),
        ("ph\udcffoto", "ph_oto-"),
        ("a\nb", "a_b-"),
        ("???", "sample-"),
        ("ü" * 250, "üüü"),
    ],
)
def test_what_cannot_be_spelled_gets_a_checksum(text: str, begin: str) -> None:
    name = sample_name(text)
    assert name.startswith(begin)
    assert len(name.encode()) <= 200
    assert sample_name(name) == name
    assert name != sample_name(text + "!")


def test_two_samples_never_share_a_folder() -> None:
    check_names_differ(["a", "b"], ["a", "b"])
    with pytest.raises(InputError, match=r"'a 1' and 'A_1' would both be written to 'A_1'"):
        check_names_differ(["a_1", "A_1"], ["a 1", "A_1"])
