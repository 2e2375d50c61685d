"""The paper's tables: what stands in which cell, from runs that the test makes up."""

import json
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
OURS = ["bench_paper", "paper_rows", "tables"]


@pytest.fixture
def layout(monkeypatch):
    """`paper_tables.layout`, imported from where it lies."""
    monkeypatch.syspath_prepend(str(REPO / "benchmarks"))
    import paper_tables.layout as module
    from paper_tables.plans import PLANS

    module.PLANS = PLANS
    yield module
    for name in [name for name in sys.modules if name.startswith("paper_tables")] + OURS:
        sys.modules.pop(name, None)


def _metrics(error):
    return {
        "mpjpe_best_direction_mm": error,
        "mpjpe_mm": error + 5.0,
        "pa_mpjpe_best_direction_mm": error / 2,
        "pa_mpjpe_mm": error / 2 + 1.0,
        "iou": 0.7,
        "iou_best_direction": 0.75,
        "direction_correct": 1.0,
        "seconds": 3.0,
    }


def _write(folder, name, rate, errors):
    """A finished sample: errors by method; the plain start is 100 mm off, the lifted one 80."""
    record = {
        "sample_id": name,
        "blur_rate": rate,
        "initial": _metrics(80.0),
        "unlifted": _metrics(100.0),
        "methods": {method: _metrics(error) for method, error in errors.items()},
    }
    path = folder / "samples" / name / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))


@pytest.fixture
def runs(tmp_path):
    for k, rate in enumerate((0.07, 0.15, 0.16, 5.0)):
        name = f"s{k}"
        _write(tmp_path / "runs/ours", name, rate, {"hfb": 50.0 + k, "hfb_without_amp": 60.0})
        if k:  # one has not finished the first sample
            _write(tmp_path / "runs/paper", name, rate, {"hfb": 90.0, "hfb_without_amp": 95.0})
    return tmp_path


def test_cells_are_means_of_what_all_runs_have_finished(layout, runs):
    table = layout.table_of(layout.PLANS[1], runs)
    rows = {row["label"]: row["cells"] for row in table["rows"]}
    assert table["columns"][:3] == ["blur rate", ".05–.1", ".1–.2"]
    assert rows["photos"][:2] == ["0", "2"]
    assert rows["photos"][-1] == "3"
    assert rows["plain start"][1] == "100.0 / .750"
    assert rows["lifted start"][1] == "80.0 / .750"
    assert rows["Human from Blur"][:2] == ["– / –", "51.5 / .750"]
    assert rows["paper settings without L_A"][1] == "95.0 / .750"
    ratio = rows["Human from Blur: MPJPE ratio to the plain start (95 % interval)"]
    assert ratio[-1] == ".52 (.51–.53)"
    # Runs that have not begun have no row, the paper's own rows follow.
    assert "Shape from Blur" not in rows
    assert rows["paper: HfB"][0] == "47.4 / .864"
    assert layout.markdown_of(table).splitlines()[-1].startswith("| *paper: HfB* |")


def test_table_3_has_a_column_for_each_number_of_frames(layout, tmp_path):
    for count in (1, 2, 3):
        _write(tmp_path / "runs/ours", f"clip_{count}", None, {"hfb": 50.0 * count})
    table = layout.table_of(layout.PLANS[3], tmp_path)
    assert table["columns"] == ["frames averaged", "1", "2", "3", "all"]
    rows = {row["label"]: row["cells"] for row in table["rows"]}
    assert rows["Human from Blur"] == ["25.0", "50.0", "75.0", "50.0"]


def test_the_papers_counts_are_its_own(layout):
    plans = layout.PLANS
    assert [sum(plans[k].counts) for k in (1, 2, 4, 5)] == [1124, 305, 609, 205]
    for plan in plans.values():
        assert {row.run for row in plan.rows} <= {run.name for run in plan.runs}


def test_frames_are_averaged_about_their_middle_and_starts_are_the_truth(layout, monkeypatch):
    import torch
    from paper_tables.averaged import SHARP, averaged

    from hfb.body import load_body
    from hfb.geometry import default_camera
    from hfb.structures import BlurSample, InitialEstimate

    body, camera = load_body(), default_camera(24, 24)
    frames, estimates = [], []
    for k in range(2 * SHARP):
        level = torch.full((1, 3, 24, 24), k / 10)
        exposure = torch.tensor([[k / 30, (k + 1) / 30]])
        frames.append(
            BlurSample(
                sample_id="s", blurry=level, background=level[0], exposure=exposure, fps=30.0
            )
        )
        pose = torch.eye(3).repeat(1, 24, 1, 1)
        pose[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        estimates.append(
            InitialEstimate(
                betas=torch.zeros(1, 10),
                pose_rotmat=pose,
                transl=torch.tensor([[0.1 * k, 0.0, 5.0]]),
                camera=camera,
                score=torch.ones(1),
                body=body.identity,
                source="test",
            )
        )
    photo = averaged(frames, estimates, camera, body)
    assert photo.target.joints.shape == (1, 2 * SHARP, 24, 3)
    moved = photo.target.joints[0, -1, 0, 0] - photo.target.joints[0, 0, 0, 0]
    assert moved == pytest.approx(0.1 * (2 * SHARP - 1), abs=1e-4)
    assert photo.exposure[0, 1] == pytest.approx(2 * SHARP / 30)
    assert photo.blur_rate > 0.3


def test_recipes_are_compared_on_the_same_photos(layout, tmp_path):
    from paper_rows import Fit, append_fit, change_line, common_fits, read_fits, summary_lines

    file = tmp_path / "fits.jsonl"
    for k in range(4):
        append_fit(file, Fit(f"s{k}", "paper", 0.1 * k, 100.0, 90.0 - k, 95.0, k > 0, 0.8, 1.0))
        if k != 2:
            append_fit(file, Fit(f"s{k}", "other", 0.1 * k, 100.0, 110.0, 115.0, None, 0.7, 1.0))
    with file.open("a") as lines:
        lines.write('{"sample": "cut')
    fits = common_fits(read_fits(file), ["paper", "other"])
    assert [fit.sample for fit in fits["paper"]] == ["s0", "s1", "s3"]
    rows = summary_lines(fits)
    assert "| paper | 3 | 100.0 | 88.7 (87.0–90.0) | 0.89 (0.87–0.90)" in rows[2]
    assert "100 % | 67 % of 3 |" in rows[2]
    assert "| 0 % | – |" in rows[3]
    line = change_line(fits["other"], fits["paper"], 0.2)
    assert "2 photos: 110.0 → 89.5 mm, -18.6 %" in line


def test_every_run_of_every_table_can_be_called(layout, tmp_path):
    """Its settings are those that `run_hfb.py test` takes."""
    import tables

    for number, plan in layout.PLANS.items():
        options = tables.parse_options(["--table", str(number), "--output", str(tmp_path)])
        for run in plan.runs:
            given = tables.arguments_of(run, plan, tmp_path / "data", options)
            assert given[0] == "test"
            assert f"--model.methods=[{','.join(run.methods)}]" in given
            assert ("paper.yaml" in given) == (run.name == "paper")
            assert any("baselines.external" in word for word in given) == run.is_external
            assert any("baselines.sfb=" in word for word in given) == run.is_object


def test_the_paper_counts_reach_the_generator(layout, tmp_path, monkeypatch):
    import tables

    calls = []
    monkeypatch.setattr(tables, "synthesise", calls.append)
    options = ["--table", "4", "--output", str(tmp_path), "--mocap", "M", "--paper-counts"]
    assert tables.make_data(layout.PLANS[4], tables.parse_options(options)) == tmp_path / "data"
    (given,) = calls
    assert given[given.index("--per_bin") + 1] == "[102, 102, 102, 101, 101, 101]"
    assert given[given.index("--mocap") + 1] == "M"
    assert given[given.index("--protocol") + 1] == "bc_cape"


def test_fits_are_read_from_finished_tests(layout, runs):
    from paper_rows import common_fits, fits_of_test

    fits = [
        *fits_of_test(f"letter={runs}/runs/paper:hfb"),
        *fits_of_test(f"default={runs}/runs/ours:hfb"),
    ]
    shared = common_fits(fits, ["letter", "default"])
    assert [fit.sample for fit in shared["default"]] == ["s1", "s2", "s3"]
    assert [fit.best_mm for fit in shared["default"]] == [51.0, 52.0, 53.0]
    (fit, *_) = shared["letter"]
    assert (fit.start_mm, fit.mpjpe_mm, fit.is_right, fit.blur_rate) == (85.0, 95.0, True, 0.15)
    with pytest.raises(SystemExit, match="no finished samples below"):
        fits_of_test(f"none={runs}/runs/other:hfb")
