"""`run_hfb.py test` from end to end: files, means, tables, methods, curves."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import evaluate, read_metrics, rows_of

from hfb.app.output.result_store import ResultStore
from hfb.evaluate.tables import summarize_run, table_markdown
from hfb.formation import BLUR_RATE_BINS
from hfb.structures import BrokenSample


def test_all_files_are_there(undisturbed: Path, capsys: pytest.CaptureFixture) -> None:
    assert {p.name for p in undisturbed.iterdir()} == {
        "config.yaml",
        "metrics.json",
        "per_sample.csv",
        "report.html",
        "samples",
        "table.md",
    }
    names = sorted(p.name for p in (undisturbed / "samples").iterdir())
    assert names == ["s0", "s1", "s2", "s3"]
    kept = {p.name for p in (undisturbed / "samples" / "s0").iterdir()}
    assert {"result.json", "motion.npz", "mesh.glb", "subframes.mp4", "comparison.png"} <= kept
    assert "0.2-0.3" in (undisturbed / "table.md").read_text()


def test_failures_are_counted_beside_what_was_to_be_expected(undisturbed: Path) -> None:
    rows, metrics = rows_of(undisturbed), read_metrics(undisturbed)
    found = metrics["methods"]["hfb"]["failures"]
    errors = np.array([float(row["mpjpe_best_direction_mm"]) for row in rows])
    sure = np.array([float(row["sure"]) for row in rows])
    assert (found["n"], found["failed"]) == (4, int((errors >= 150).sum()))
    assert found["expected"] == pytest.approx((1 - sure).sum(), abs=1e-3)
    assert metrics["methods"]["static"]["failures"]["n"] == 0
    words = f"Human from Blur: {found['failed']} of 4 fits are off by 150 mm or more"
    assert words in (undisturbed / "table.md").read_text()


def test_means_are_those_of_the_rows(undisturbed: Path) -> None:
    rows, metrics = rows_of(undisturbed), read_metrics(undisturbed)
    for prefix, method in (("", "hfb"), ("init_", "static")):
        for name in ("mpjpe_mm", "iou", "pa_mpjpe_mm", "reblur_psnr_db"):
            values = np.array([float(row[prefix + name]) for row in rows])
            entry = metrics["methods"][method]["overall"][name]
            assert entry["n"] == len(rows) == 4
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
    evaluate(data, tmp_path / "out", methods, "--data.limit=2")
    rows, metrics = rows_of(tmp_path / "out"), read_metrics(tmp_path / "out")
    assert [row["method"] for row in rows] == ["hfb_without_amp", "static", "hfb"] * 2
    static = rows[1]
    assert static["mpjpe_mm"] == static["init_mpjpe_mm"]
    assert set(metrics["methods"]) == {"static", "hfb", "hfb_without_amp"}
    assert (tmp_path / "out" / "samples" / "s0" / "hfb" / "comparison.png").is_file()


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


@pytest.mark.usefixtures("light")
def test_tensorboard_shows_running_means_and_images(data: Path, tmp_path: Path) -> None:
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
