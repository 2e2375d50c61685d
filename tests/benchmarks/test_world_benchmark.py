"""What the benchmark of settings on wild photos reads, keeps and counts."""

import json
import sys
from pathlib import Path

import pytest
from started_samples import with_start

from datamodules.blur_folder import ESTIMATE_NAME, read_sample
from hfb.errors import InputError
from hfb.init import write_estimate


@pytest.fixture
def bench(monkeypatch):
    """The benchmark, imported as where it lies when it is run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import bench_world

    yield bench_world
    for name in ("bench_world", "world_report"):
        sys.modules.pop(name, None)


def test_settings_and_worlds_are_read(bench):
    name, nested = bench.read_setting("a:refine.weights.image=[3, 50],refine.num_starts=2,body=x")
    assert name == "a"
    assert nested == {
        "refine": {"weights": {"image": [3, 50]}, "num_starts": 2},
        "body": "x",
    }
    assert bench.read_setting("default:") == ("default", {})
    for text in ("default", ":refine.degree=2", "a:refine.degree"):
        with pytest.raises(InputError, match="--set"):
            bench.read_setting(text)
    assert bench.world_of("only-ghost+hair").ghost.chance == 1.0
    assert bench.world_of("only-ghost+hair").shadow.chance == 0.0
    assert bench.world_of("without-ghost").ghost.chance == 0.0
    assert bench.world_of("without-ghost").hair == bench.world_of("all").hair
    with pytest.raises(InputError, match="--world some"):
        bench.world_of("some")


def _row(sample, start, fit, rate, setting="default", ingredients=()):
    metrics = {
        "iou_best_direction": 0.8, "reblur_psnr_db": 30.0, "direction_correct": True,
        "moving_joints": 4, "joint_direction_accuracy": 0.75,
    }  # fmt: skip
    both = {
        stage: {"mid_exposure_mpjpe_mm": value, "mpjpe_best_direction_mm": value + 10, **metrics}
        for stage, value in (("start", start), ("fit", fit))
    }
    return {
        "world": "all", "setting": setting, "sample": sample, "blur_rate": rate, "seconds": 1.0,
        "ingredients": list(ingredients), **both,
    }  # fmt: skip


def test_tables_count_what_they_say(bench):
    import world_report

    rows = [
        _row("a", 100.0, 80.0, 0.2, ingredients=["ghost"]),
        _row("b", 60.0, 90.0, 0.5),
        _row("c", 240.0, 230.0, 0.9),
        _row("a", 100.0, 70.0, 0.2, "other", ["ghost"]),
        _row("b", 60.0, 70.0, 0.5, "other"),
        _row("c", 240.0, 230.0, 0.9, "other"),
        {"world": "all", "sample": "d", "fault": "nobody found"},
    ]
    table = world_report.summary_of(rows)
    first = table[0]
    assert (first["part"], first["n"], first["gain_mm"]) == ("all", 3, None)
    assert first["mid_ratio"] == pytest.approx(400 / 400)
    assert first["mid_better"] == pytest.approx(200 / 3)
    assert first["best_start"] == pytest.approx(400 / 3 + 10)
    assert first["joints_direction"] == pytest.approx(75.0)
    parts = {entry["part"]: entry for entry in table if entry["setting"] == "other"}
    assert parts["start < 150 mm"]["n"] == 2
    assert parts["blur 0.4 to 0.7"]["mid_fit"] == 70.0
    # Sample by sample: -10, -20 and 0 against the first setting.
    assert parts["all"]["gain_mm"] == (pytest.approx(-10.0), pytest.approx(10.0 / 3**0.5))
    (ghost,) = world_report.ingredients_of(rows[:3])
    assert (ghost["with"]["n"], ghost["without"]["n"]) == (1, 2)
    assert ghost["with"]["mid_ratio"] == pytest.approx(0.8)
    text = world_report.markdown_of(rows)
    assert "| all | other | all | 3 | 133.3 → 123.3 |" in text
    assert "1 photos without a start (nobody found): all/d" in text


def test_a_run_keeps_its_rows(bench, tmp_path, monkeypatch, capsys):
    steps = "{num_steps: 1}"
    quick = f"refine.stages=[{steps}, {steps}, {steps}],refine.image_size=48"
    options = ["--output", str(tmp_path), "--num=1", "--seed=3", "--height=96", "--width=80"]
    arguments = bench.parse(options)
    from hfb.cli.display import Display

    ((folder,),) = bench.make_data(arguments, Display(enabled=False)).values()
    write_estimate(folder / ESTIMATE_NAME, with_start(read_sample(folder)).estimate)
    settings = ["--set", f"quick:{quick}", "--set", f"held:{quick},refine.weights.pose_anchor=5.0"]
    bench.main([*options, *settings])
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["setting"] for row in report["rows"]] == ["quick", "held"]
    for row in report["rows"]:
        assert row["start"]["mid_exposure_mpjpe_mm"] < 150
        assert row["fit"]["mid_exposure_mpjpe_mm"] > 0
        assert set(row["ingredients"]) <= set(bench.WorldSettings.names())
    assert (tmp_path / "report.md").read_text() in capsys.readouterr().out

    def again(*_):
        raise AssertionError("what is there already is not fitted again")

    monkeypatch.setattr(bench, "_fit", again)
    bench.main([*options, *settings])
    assert json.loads((tmp_path / "report.json").read_text())["rows"] == report["rows"]
    with pytest.raises(AssertionError, match="not fitted again"):
        bench.main([*options, "--set", f"quick:{quick},refine.seed=1"])
