"""The built-in benchmark is made once, by the generator's own command."""

import os
from pathlib import Path

import pytest

from datamodules.benchmark import BenchmarkDataModule
from datamodules.synthetic import command as synthetic_command
from datamodules.synthetic.writer import Made


class Maker:
    """Stands for the making of samples: remembers what was asked for, fails as told."""

    def __init__(self) -> None:
        self.workers: list[int] = []
        self.folders: set[Path] = set()
        self.outcome: str = "whole"

    def __call__(self, recipe, folder, slots, workers, on_made, expose) -> list[Made]:
        assert expose is None
        self.workers.append(workers)
        self.folders.add(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.outcome == "stopped":
            raise KeyboardInterrupt
        assert recipe.protocol == "procedural"
        assert [slot.number for slot in slots] == list(range(10))
        lost = 3 if self.outcome == "one is missing" else None
        for k in set(range(10)) - {lost}:
            (folder / f"sample_{k}").mkdir(exist_ok=True)
            (folder / f"sample_{k}" / "sample.json").write_text("{}")
        return [
            Made(slot, None, "", fault="none of 80 motions blurs that much" if k == lost else None)
            for k, slot in enumerate(slots)
        ]


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    maker = Maker()
    monkeypatch.setattr(synthetic_command, "make_all", maker)
    return maker


def test_built_in_samples_are_made_once(maker: Maker, tmp_path: Path) -> None:
    maker.outcome = "stopped"
    with pytest.raises(KeyboardInterrupt):
        BenchmarkDataModule().prepare_data()
    maker.outcome = "whole"
    for _ in range(2):
        BenchmarkDataModule().prepare_data()
    assert len(maker.workers) == 2
    (folder,) = maker.folders
    assert tmp_path in folder.parents


def test_a_set_that_was_cleaned_away_in_part_is_made_again(maker: Maker) -> None:
    for _ in range(2):
        BenchmarkDataModule().prepare_data()
    assert len(maker.workers) == 1
    (folder,) = maker.folders
    (folder / "sample_4" / "sample.json").unlink()
    BenchmarkDataModule().prepare_data()
    assert len(maker.workers) == 2


def test_a_set_that_lacks_a_sample_is_not_complete(
    maker: Maker, capsys: pytest.CaptureFixture
) -> None:
    maker.outcome = "one is missing"
    BenchmarkDataModule().prepare_data()
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of the 10 samples could not be made; the next run tries again" in said
    (folder,) = maker.folders
    assert not (folder / "complete").exists()
    maker.outcome = "whole"
    BenchmarkDataModule().prepare_data()
    assert len(maker.workers) == 2
    assert (folder / "complete").exists()


def test_workers_are_counted_on_systems_that_confine_no_process(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    BenchmarkDataModule().prepare_data()
    assert maker.workers == [3]


def test_a_folder_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    module = BenchmarkDataModule(str(tmp_path))
    module.prepare_data()
    assert not list(tmp_path.iterdir())
    assert module.root == str(tmp_path)
