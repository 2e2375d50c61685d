"""A data set with its evaluation, and the known problem: a body raising an arm, with its truth."""

import shutil
from pathlib import Path

import pytest
from evaluation_runs import evaluate, small_samples, write_data_set
from known_problems import body, known, make_known, small_settings

from hfb.app.output import result_store
from hfb.evaluate.results import SampleResult
from hfb.export import write_image

__all__ = ["body", "known", "make_known", "small_settings"]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out videos and meshes: metrics and restarts do not depend on them."""

    def fill(folder: Path, result: SampleResult, *given: object) -> None:
        write_image(folder / "comparison.png", result.item.sample.background)

    monkeypatch.setattr(result_store, "fill_folder", fill)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four samples."""
    names = [f"s{k}" for k in range(4)]
    return write_data_set(tmp_path_factory.mktemp("data"), small_samples(names))


@pytest.fixture
def copied(data: Path, tmp_path: Path) -> Path:
    """A data set that a test may damage."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.fixture(scope="session")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["run_hfb.py"])
        evaluate(data, output)
    return output
