"""Two samples with other programs' results, and the known problem: a body raising an arm."""

from pathlib import Path

import pytest
from evaluation_runs import small_samples, write_data_set
from external_results import write_truth
from known_problems import body, known, make_known, small_settings

from hfb.app.output import result_store
from hfb.structures import BlurSample

__all__ = ["body", "known", "make_known", "small_settings"]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out videos and meshes: metrics and restarts do not depend on them."""
    monkeypatch.setattr(result_store, "fill_folder", lambda *args: None)


@pytest.fixture(scope="session")
def samples() -> list[BlurSample]:
    return small_samples(["one", "other"], blur_rate=(0.3, 0.6))


@pytest.fixture(scope="session")
def data(samples: list[BlurSample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("data"), samples)


@pytest.fixture
def external(samples: list[BlurSample], tmp_path: Path) -> Path:
    """The truth, as if another program had found it."""
    for sample in samples:
        write_truth(tmp_path / "external" / sample.sample_id, sample)
    return tmp_path / "external"
