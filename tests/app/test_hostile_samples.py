"""Samples that cannot be used are counted, named and kept out of every mean."""

import io
import json
import shutil
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import evaluate, read_metrics, rows_of

from hfb.evaluate import metrics_of_fit


def damage(folder: Path) -> dict[str, str]:
    """Ruin copies of a good sample in every way; returns what is to be said about each."""
    good, expected = folder / "s0", {}

    def ruined(name: str, message: str) -> Path:
        expected[name] = message
        return Path(shutil.copytree(good, folder / name))

    def with_record(name: str, message: str, **keys: object) -> None:
        path = ruined(name, message) / "sample.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    def with_target(name: str, message: str, **arrays: np.ndarray | None) -> None:
        path = ruined(name, message) / "target.npz"
        with np.load(path) as stored:
            content = dict(stored) | arrays
        np.savez(path, **{k: v for k, v in content.items() if v is not None})

    png = ruined("truncated", "blurry_000.png") / "blurry_000.png"
    png.write_bytes(png.read_bytes()[:900])
    bomb = ruined("bomb_png", "background.png") / "background.png"
    content = bytearray(bomb.read_bytes())
    content[16:24] = (2**20).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    bomb.write_bytes(bytes(content))
    (ruined("no_background", "background.png") / "background.png").unlink()
    (ruined("no_json", "is no JSON") / "sample.json").write_text("{" * 100)
    with_record("bad_k", "K cannot belong", K=[[1e12, 0, 40], [0, 1e12, 48], [0, 0, 1]])
    with_record("negative_exposure", "exposure", exposure=[[0.1, -0.2]])
    with_record("no_format", "another format", format=None)
    with_target("no_joints", "lacks the key 'joints'", joints=None)
    with_target("nan_truth", "NaN", joints=np.full((1, 6, 24, 3), np.nan, np.float32))
    with_target("bad_shape", "has the shape", joints=np.zeros((2, 6, 24, 3), np.float32))
    with_target("few_joints", "joint_names", joints=np.zeros((1, 6, 5, 3), np.float32))
    npz = ruined("bomb_npz", "claims") / "target.npz"
    claim_too_much(npz)
    return expected


def claim_too_much(path: Path) -> None:
    """An npz of a kilobyte whose header claims an exabyte of joints."""
    header = io.BytesIO()
    shape = (1, 6, 10**15, 3)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("joints.npy", header.getvalue() + bytes(64))
        archive.writestr("times.npy", header.getvalue() + bytes(64))


@pytest.mark.usefixtures("light")
def test_hostile_samples_are_counted_and_enter_no_mean(
    copied: Path, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    expected = damage(copied / "test")
    out = tmp_path / "out"
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        evaluate(copied, out, "--data.batch_size=1")
    assert stop.value.code == 3
    said = capsys.readouterr().err
    assert "Traceback" not in said
    metrics, alone = read_metrics(out), read_metrics(undisturbed)
    assert metrics["samples"] == alone["samples"] == 4
    assert metrics["unusable"]["count"] == metrics["unusable"]["broken"] == len(expected)
    for name, message in expected.items():
        assert message in metrics["unusable"]["samples"][name]
        (line,) = [line for line in said.splitlines() if line.startswith(f"broken: {name}:")]
        assert message in line
        assert name in (out / "table.md").read_text()
    mine, theirs = (m["methods"]["hfb"]["overall"]["mpjpe_mm"] for m in (metrics, alone))
    assert mine["n"] == theirs["n"]
    assert mine["mean"] == pytest.approx(theirs["mean"], abs=0.02)


@pytest.mark.usefixtures("light")
def test_a_failing_method_is_no_result(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sample of a batch makes the fit fail: it alone is left out, whatever the error."""
    metrics_of = metrics_of_fit.metrics_of

    def nan_for_one(refinement: object, item: object, *args: object) -> object:
        metrics = metrics_of(refinement, item, *args)
        if item.sample.sample_id == "s0":
            return replace(metrics, mpjpe_mm=float("nan"))
        if item.sample.sample_id == "s3":
            raise RuntimeError("singular")
        return metrics

    monkeypatch.setattr(metrics_of_fit, "metrics_of", nan_for_one)
    with pytest.raises(SystemExit):
        evaluate(data, tmp_path / "out")
    unusable = read_metrics(tmp_path / "out")["unusable"]
    assert unusable["failed"] == 2
    assert "not finite: hfb mpjpe_mm" in unusable["samples"]["s0"]
    assert "RuntimeError: singular" in unusable["samples"]["s3"]
    assert [row["sample_id"] for row in rows_of(tmp_path / "out")] == ["s1", "s2"]
