"""Two runs and one folder."""

import inspect
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from evaluation_runs import evaluate

from hfb.app.output import sample_files
from hfb.app.output.sample_files import SampleFiles
from hfb.evaluate.records import read_csv
from hfb.storage import folder_lock


@pytest.mark.usefixtures("light")
def test_a_test_is_refused_where_another_run_is_writing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    with folder_lock(out):  # a lock is its handle's, not its process's
        with pytest.raises(SystemExit) as stop:
            evaluate(data, out)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: another run (process ")
    assert not out.exists()


@pytest.mark.usefixtures("light")
def test_processes_of_one_run_share_its_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    out = tmp_path / "out"
    with folder_lock(out):
        evaluate(data, out, "--data.limit=1")
    assert (out / "samples" / "s0").is_dir()


def test_the_table_has_the_rows_of_all_who_write_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def result(name: str) -> SimpleNamespace:
        return SimpleNamespace(item=SimpleNamespace(sample=SimpleNamespace(sample_id=name)))

    def row(results: list[SimpleNamespace]) -> dict[str, str]:
        return {"sample_id": results[0].item.sample.sample_id, "method": "hfb"}

    def slow(path: Path) -> list[dict[str, str]]:
        rows = read_csv(path)
        time.sleep(0.05)
        return rows

    monkeypatch.setattr(sample_files, "fill_folder", lambda *given: None)
    monkeypatch.setattr(sample_files, "record_of", row)
    monkeypatch.setattr(sample_files, "rows_of", lambda record: [record])
    monkeypatch.setattr(sample_files, "read_csv", slow)
    write = inspect.unwrap(SampleFiles.write)
    names = [f"s{k}" for k in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: write(SampleFiles(tmp_path), result(name), None), names))
    rows = read_csv(tmp_path / "per_sample.csv")
    assert sorted(row["sample_id"] for row in rows) == names
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == names


def test_a_sample_that_is_replaced_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    place = tmp_path / "samples" / "photo"
    place.mkdir(parents=True)
    files = SampleFiles(tmp_path, said.append)
    sample = SimpleNamespace(sample_id="photo")
    stopped = RuntimeError("far enough")
    monkeypatch.setattr(sample_files, "fill_folder", lambda *given: _raise(stopped))
    with pytest.raises(RuntimeError, match="far enough"):
        inspect.unwrap(SampleFiles.write)(
            files, SimpleNamespace(item=SimpleNamespace(sample=sample)), None
        )
    assert said == [f"{place} was there already and is replaced"]
    assert place.is_dir()


def _raise(error: Exception) -> None:
    raise error
