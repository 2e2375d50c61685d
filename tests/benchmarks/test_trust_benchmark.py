"""The benchmark of trust learns what records hold, and its tables say it."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from hfb.errors import InputError
from hfb.evaluate.trust.sureness import load_sureness
from hfb.skeleton import SMPL_JOINT_NAMES

NAMES = SMPL_JOINT_NAMES
STAGE = {"mpjpe_best_direction_mm": 200.0, "iou_best_direction": 0.7}


@pytest.fixture
def bench(monkeypatch):
    """The benchmark, imported as where it lies when it is run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import bench_trust

    yield bench_trust
    for name in ("bench_trust", "trust_tables", "trust_records", "trust_figures"):
        sys.modules.pop(name, None)


def record(name, start_mm, error, joint_factor=1.0, rate=0.3, **changes):
    """A fit whose joints are off by their own share of what the start lets expect."""
    lever = np.linspace(0.5, 1.5, len(NAMES))
    lever[0] = 0.0
    signs = {
        "start_mm": start_mm, "lifted_mm": None, "spread_mm": 20.0, "moved_mm": 20.0,
        "unexplained": 0.5, "matte_iou": 0.9, "path_mm": 200.0, "tilt_deg": 10.0,
        "joint_start_mm": (start_mm * lever).tolist(), "joint_moved_mm": [20.0] * len(NAMES),
    }  # fmt: skip
    joints = dict(zip(NAMES, (joint_factor * start_mm * lever).tolist(), strict=True))
    fit = {"mpjpe_best_direction_mm": error, "iou_best_direction": 0.9,
           "mid_exposure_per_joint_mm": joints, "guard": [{"signs": signs}]}  # fmt: skip
    record = {"sample_id": name, "blur_rate": rate, "initial": STAGE, "methods": {"hfb": fit}}
    return {**record, **changes}


def write(folder, records):
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(records):
        (folder / f"{number}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def rows(tmp_path):
    """Starts of 50 to 300 mm; the further, the more often failures."""
    rng = np.random.default_rng(0)
    starts = np.exp(rng.uniform(math.log(50), math.log(300), 200))
    chance = 1 / (1 + (120 / starts) ** 3)
    errors = np.where(rng.uniform(size=200) < chance, 200.0, 80.0)
    noise = np.exp(0.2 * rng.normal(size=200))
    records = [
        record(f"wild_bin0_{k:03d}", float(s), float(e), float(0.8 * n))
        for k, (s, e, n) in enumerate(zip(starts, errors, noise, strict=True))
    ]
    records.append({"sample_id": "nobody", "fault": "nobody found"})
    return write(tmp_path / "rows", records)


def test_weights_are_those_that_the_records_were_made_by(bench, rows, tmp_path, capsys):
    path = tmp_path / "weights.json"
    bench.main(["learn", f"--rows={rows}", f"--output={path}"])
    model = load_sureness(path)
    assert model.signs["start_mm"].weight == pytest.approx(3.0, abs=1.0)
    # At 120 mm the chances are even.
    at_120 = model.bias + model.signs["start_mm"].of(math.log(120.0))
    assert at_120 == pytest.approx(0.0, abs=0.5)
    # The error is the start's sign times .8, whatever the joint; the mean of the noise is 1.02.
    assert model.joint_signs["start_mm"].weight == pytest.approx(1.0, abs=0.1)
    assert model.card["photos"] == 200
    assert model.card["of"] == ["wild"]
    assert "start_mm" in capsys.readouterr().out


def test_other_signs_can_be_asked_for(bench, rows, tmp_path):
    path = tmp_path / "weights.json"
    bench.main(["learn", f"--rows={rows}", "--signs", "start_mm", "matte_iou", "lifted_mm",
                "--joint-signs", "start_mm", "failure", f"--output={path}"])  # fmt: skip
    model = load_sureness(path)
    assert set(model.signs) == {"start_mm", "matte_iou", "lifted_mm"}
    assert model.signs["matte_iou"].weight == model.signs["lifted_mm"].weight == 0.0
    assert set(model.joint_signs) == {"start_mm", "failure"}


def test_too_few_failures_teach_nothing(bench, tmp_path):
    few = write(tmp_path / "few", [record(f"a_bin0_{k}", 100.0, 80.0) for k in range(20)])
    with pytest.raises(InputError, match="fewer than 5 failures"):
        bench.main(["learn", f"--rows={few}", f"--output={tmp_path / 'x.json'}"])
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no records of fits"):
        bench.main(["report", "--rows", str(tmp_path / "none")])


def test_records_of_other_versions_are_named(bench, tmp_path):
    old = record("a_bin0_0", 100.0, 80.0)
    del old["methods"]["hfb"]["mid_exposure_per_joint_mm"]
    with pytest.raises(InputError, match="a_bin0_0: no truth"):
        bench.main(["report", "--rows", str(write(tmp_path / "old", [old]))])


def test_the_report_has_a_row_a_group_and_a_plot(bench, rows, tmp_path, capsys):
    plot = tmp_path / "plot.png"
    bench.main(["report", "--rows", f"one={rows}", f"other={rows}", "--plot", str(plot)])
    text = capsys.readouterr().out
    (row,) = [line.split("|") for line in text.splitlines() if line.startswith("| one | 200 |")]
    # Failures come with the start's sigma, and the distance moved is the same in all.
    assert float(row[6]) > 0.75
    assert float(row[7]) == 0.5
    assert "| all | 400 |" in text
    assert "| left wrist |" in text
    assert plot.stat().st_size > 2000


def test_the_report_says_how_fits_end_by_blur_rate(bench, tmp_path, capsys):
    plain = {**STAGE, "mpjpe_best_direction_mm": 250.0}
    fits = [(100.0, 0.15, True), (210.0, 0.15, None), (230.0, 0.55, False)]
    records = [record(f"a_bin0_{k}", 100.0, error, rate=rate, unlifted=plain)
               for k, (error, rate, _) in enumerate(fits)]  # fmt: skip
    for content, (_, _, is_right) in zip(records, fits, strict=True):
        content["methods"]["hfb"]["direction_correct"] = is_right
    bench.main(["report", "--rows", str(write(tmp_path / "few", records))])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    found = {row[0].strip("| "): row[1:] for row in rows if len(row) == 9}
    assert list(found)[1:] == ["0.1–0.2", "0.5–0.6", "0–0.4", "over 0.4", "all"]
    first, last = found["0.1–0.2"], found["all"]
    assert first[:4] == ["2", "250.0 / 0.700", "200.0 / 0.700", "155.0 / 0.900"]
    assert first[4].startswith("0.62 (0.40–0.84)")
    assert first[5:] == ["50 %", "0 %", "100 % of 1 |"]
    assert last[5:] == ["33 %", "33 %", "50 % of 2 |"]


def test_two_renderers_are_compared_on_what_both_have(bench, tmp_path, capsys):
    ours = [record("a_bin0_0", 100.0, 100.0), record("a_bin0_1", 100.0, 120.0)]
    other = [record("a_bin0_0", 100.0, 110.0), record("b_bin0_1", 100.0, 500.0)]
    places = [f"ours={write(tmp_path / 'ours', ours)}", f"other={write(tmp_path / 'other', other)}"]
    bench.main(["compare", "--rows", *places])
    text = capsys.readouterr().out
    # Of 200 mm one renderer's photo keeps 100, the other's 110: 50 and 45 % gained, a tenth lost.
    assert "Gain of the refined over the plain start: ours 50.0 %, other 45.0 %" in text
    assert "lost between them: 10 %" in text
    assert "| all | 1 | ours |" in text
    apart = write(tmp_path / "apart", other[1:])
    with pytest.raises(InputError, match="no sample in common"):
        bench.main(["compare", "--rows", places[0], f"other={apart}"])
