"""`run_hfb.py test` from end to end: tables, restarts, processes, hostile data."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from started_samples import with_start

from datamodules.blur_folder import write_sample
from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.app.output import result_store
from hfb.app.output.result_store import ResultStore
from hfb.body import load_body
from hfb.evaluate import metrics_of_fit
from hfb.evaluate.results import SampleResult
from hfb.evaluate.tables import summarize_run, table_markdown
from hfb.export import write_image
from hfb.formation import BLUR_RATE_BINS
from hfb.init import write_estimate
from hfb.structures import BlurSample, BrokenSample
from run_hfb import main

QUICK = [
    "--model.refine.image_size=48",
    "--model.refine.texture_size=32",
    "--model.refine.num_subframes=2",
    '--model.refine.stages=[{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}]',
    "--model.show_progress=false",
    "--trainer.logger=false",
]
NUM_SAMPLES = 4


@pytest.fixture(autouse=True)
def _no_arguments_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning warns where it sees two sets of arguments."""
    monkeypatch.setattr("sys.argv", ["run_hfb.py"])


@pytest.fixture(scope="session")
def samples() -> list[BlurSample]:
    """Small samples with matte and starting pose: no network is needed."""
    settings = SyntheticSettings(
        height=96, width=80, num_subframes=8, num_truth=6, supersampling=1, blur_rate=(0.1, 0.6)
    )
    made = [make_sample(settings, seed) for seed in range(1, NUM_SAMPLES + 1)]
    return [with_start(sample) for sample in made]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out videos and meshes: figures and restarts do not depend on them."""

    def fill(folder: Path, result: SampleResult, fitter: object) -> None:
        write_image(folder / "comparison.png", result.item.sample.background)

    monkeypatch.setattr(result_store, "fill_folder", fill)


@pytest.fixture(scope="session")
def data(samples: list[BlurSample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for k, sample in enumerate(samples):
        named = sample.with_changes(sample_id=f"s{k}")
        write_sample(root / "test" / f"s{k}", named, load_body().identity, write_estimate)
    return root


@pytest.fixture
def copied(data: Path, tmp_path: Path) -> Path:
    """A data set that a test may damage."""
    return Path(shutil.copytree(data, tmp_path / "data"))


def evaluate(root: Path, output: Path, *extra: str) -> dict:
    main(["test", f"--data.root={root}", f"--output={output}", *QUICK, *extra])
    return read_metrics(output)


def read_metrics(output: Path) -> dict:
    return json.loads((output / "metrics.json").read_text())


def rows_of(output: Path) -> list[dict[str, str]]:
    with (output / "per_sample.csv").open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="session")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["run_hfb.py"])
        evaluate(data, output)
    return output


def test_all_files_are_there(undisturbed: Path, capsys: pytest.CaptureFixture) -> None:
    assert {p.name for p in undisturbed.iterdir()} == {
        "config.yaml",
        "metrics.json",
        "per_sample.csv",
        "samples",
        "table.md",
    }
    names = sorted(p.name for p in (undisturbed / "samples").iterdir())
    assert names == [f"s{k}" for k in range(NUM_SAMPLES)]
    kept = {p.name for p in (undisturbed / "samples" / "s0").iterdir()}
    assert {"result.json", "motion.npz", "mesh.glb", "subframes.mp4", "comparison.png"} <= kept
    assert "0.2-0.3" in (undisturbed / "table.md").read_text()


def test_means_are_those_of_the_rows(undisturbed: Path) -> None:
    rows, metrics = rows_of(undisturbed), read_metrics(undisturbed)
    for prefix, method in (("", "hfb"), ("init_", "static")):
        for name in ("mpjpe_mm", "iou", "pa_mpjpe_mm", "reblur_psnr_db"):
            values = np.array([float(row[prefix + name]) for row in rows])
            entry = metrics["methods"][method]["overall"][name]
            assert entry["n"] == NUM_SAMPLES
            assert entry["mean"] == pytest.approx(values.mean(), abs=1e-3)
            assert values.min() <= entry["low"] <= entry["mean"] <= entry["high"] <= values.max()
        rates = np.array([float(row["blur_rate"]) for row in rows])
        errors = np.array([float(row[prefix + "mpjpe_mm"]) for row in rows])
        for part in metrics["methods"][method]["bins"]:
            inside = (rates >= part["from"]) & (rates < part["to"])
            assert part["n"] == inside.sum()
            if inside.any():
                mean = part["mpjpe_mm"]["mean"]
                assert mean == pytest.approx(errors[inside].mean(), abs=1e-3)


@pytest.mark.usefixtures("light")
def test_methods_stand_beside_each_other(data: Path, tmp_path: Path) -> None:
    methods = '--model.methods=["hfb_without_amp", "static", "hfb"]'
    metrics = evaluate(data, tmp_path / "out", methods, "--data.limit=2")
    rows = rows_of(tmp_path / "out")
    assert [row["method"] for row in rows] == ["hfb_without_amp", "static", "hfb"] * 2
    static = rows[1]
    assert static["mpjpe_mm"] == static["init_mpjpe_mm"]
    assert set(metrics["methods"]) == {"static", "hfb", "hfb_without_amp"}
    assert (tmp_path / "out" / "samples" / "s0" / "hfb" / "comparison.png").is_file()


@pytest.mark.usefixtures("light")
def test_a_stopped_run_goes_on_and_ends_the_same(
    data: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = ResultStore.write, []

    def stops_after_three(store: ResultStore, *args: object) -> dict:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(args[0][0].item.sample.sample_id)
        return write(store, *args)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(ResultStore, "write", stops_after_three)
        with pytest.raises(SystemExit):
            evaluate(data, out)
    assert written == ["s0", "s1", "s2"]
    (out / "samples" / ".s3.part").mkdir()  # as a kill in the middle of writing leaves it
    stamps = {k: (out / "samples" / f"s{k}" / "result.json").stat().st_mtime_ns for k in range(3)}
    evaluate(data, out)
    assert (out / "metrics.json").read_bytes() == (undisturbed / "metrics.json").read_bytes()
    for k, stamp in stamps.items():
        assert (out / "samples" / f"s{k}" / "result.json").stat().st_mtime_ns == stamp
    assert not list((out / "samples").glob(".*"))


@pytest.mark.usefixtures("light")
def test_a_changed_sample_is_evaluated_again(copied: Path, tmp_path: Path) -> None:
    before = evaluate(copied, tmp_path / "out", "--data.limit=2")
    shutil.copy(copied / "test" / "s3" / "background.png", copied / "test" / "s0")
    after = evaluate(copied, tmp_path / "out", "--data.limit=2")
    key = "reblur_psnr_db"
    assert after["methods"]["hfb"]["overall"][key] != before["methods"]["hfb"]["overall"][key]


def test_configurations_are_not_mixed(
    data: Path, undisturbed: Path, capsys: pytest.CaptureFixture
) -> None:
    before = (undisturbed / "metrics.json").read_bytes()
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        evaluate(data, undisturbed, "--model.refine.degree=3")
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "model.refine.degree: 2 there, 3 now" in lines[0]
    assert (undisturbed / "metrics.json").read_bytes() == before


def test_a_data_set_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        evaluate(tmp_path / "nowhere", tmp_path / "out")
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "nowhere" in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table", ["table2", "table3", "table4", "table5"])
def test_every_table_has_its_layout(undisturbed: Path, table: str) -> None:
    records = ResultStore(undisturbed).records()
    metrics = summarize_run(records, [BrokenSample("x", "is broken")], table)
    text = table_markdown(metrics)
    edges = BLUR_RATE_BINS.get(table, ())
    assert text.splitlines()[0].count("|") == max(len(edges) - 1, 0) + 3
    assert "- x: is broken" in text
    assert ("PA-MPJPE" in text) == (table != "table2")
    for method in ("static start", "Human from Blur"):
        assert text.count(method) >= 2


@pytest.mark.usefixtures("light")
def test_samples_do_not_depend_on_their_batch(data: Path, undisturbed: Path, tmp_path: Path):
    evaluate(data, tmp_path / "out", "--data.batch_size=5")
    for one, other in zip(rows_of(undisturbed), rows_of(tmp_path / "out"), strict=True):
        for name in ("mpjpe_mm", "pa_mpjpe_mm", "reblur_psnr_db", "init_mpjpe_mm"):
            assert float(one[name]) == pytest.approx(float(other[name]), abs=0.02)


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
    import io
    import zipfile

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
    assert metrics["samples"] == NUM_SAMPLES
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


@pytest.mark.usefixtures("light")
def test_tensorboard_shows_running_means_and_pictures(data: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    evaluate(data, tmp_path / "out", "--data.limit=3", "--trainer.logger=true")
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    events.Reload()
    steps = [event.step for event in events.Scalars("running/mpjpe_mm/hfb")]
    assert steps == [2, 3]
    (mean,) = events.Scalars("test/mpjpe_mm/hfb")
    kept = read_metrics(tmp_path / "out")["methods"]["hfb"]["overall"]["mpjpe_mm"]["mean"]
    assert mean.value == pytest.approx(kept, abs=1e-3)
    assert {"test/s0", "test/s1", "test/s2"} <= set(events.Tags()["images"])
    assert any("table" in tag for tag in events.Tags()["tensors"])


def command(repo: Path, data: Path, output: Path, *extra: str) -> list[str]:
    options = [f"--data.root={data}", f"--output={output}", *QUICK, *extra]
    return [sys.executable, str(repo / "run_hfb.py"), "test", *options]


@pytest.mark.slow
def test_killed_processes_leave_nothing_half_done(
    repo: Path, data: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for wanted in (1, 3):
        process = subprocess.Popen(command(repo, data, out), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(out.glob("samples/s*"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command(repo, data, out), check=True, capture_output=True)
    assert (out / "metrics.json").read_bytes() == (undisturbed / "metrics.json").read_bytes()


@pytest.mark.slow
def test_processes_share_the_samples_with_equal_results(
    repo: Path, data: Path, undisturbed: Path, tmp_path: Path
) -> None:
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    done = subprocess.run(
        command(repo, data, tmp_path / "out", *extra), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    same = (tmp_path / "out" / "metrics.json").read_bytes()
    assert same == (undisturbed / "metrics.json").read_bytes()
