"""The built-in example: made once, then read."""

from pathlib import Path

import pytest
import torch

from datamodules import synthetic
from datamodules.example import KEPT, built_in_example
from hfb.structures import BlurSample, Target


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """The seeds that examples have been made of; the cache is empty at first."""
    made: list[int] = []

    def example(seed: int = 0) -> BlurSample:
        made.append(seed)
        generator = torch.Generator().manual_seed(seed)
        photo = torch.rand(1, 3, 8, 8, generator=generator)
        joints = torch.rand(1, 5, 24, 3, generator=generator)
        times = torch.linspace(0.0, 1.0, 5)[None]
        target = Target(joints=joints, times=times)
        return BlurSample(f"example_{seed}", photo, torch.zeros(3, 8, 8), target=target)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(synthetic, "embedded_example", example)
    return made


def test_made_once_and_the_same_ever_after(seeds: list[int]) -> None:
    first, again = built_in_example(3), built_in_example(3)
    assert seeds == [3]
    assert torch.equal(first.blurry, again.blurry)
    assert torch.equal(first.target.joints, again.target.joints)
    made = synthetic.embedded_example(3)
    torch.testing.assert_close(first.blurry, made.blurry, atol=1e-5, rtol=0)
    torch.testing.assert_close(first.target.joints, made.target.joints)
    assert first.sample_id == made.sample_id


def test_each_seed_is_an_example_of_its_own(seeds: list[int]) -> None:
    assert not torch.equal(built_in_example(1).blurry, built_in_example(2).blurry)
    assert seeds == [1, 2]


def test_half_of_one_is_made_again(seeds: list[int], tmp_path: Path) -> None:
    built_in_example(0)
    (tmp_path / "cache" / "hfb" / KEPT / "0" / "background.png").unlink()
    built_in_example(0)
    built_in_example(0)
    assert seeds == [0, 0]


def test_a_cache_that_cannot_be_written_is_done_without(
    seeds: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert torch.equal(built_in_example(0).blurry, synthetic.embedded_example(0).blurry)
