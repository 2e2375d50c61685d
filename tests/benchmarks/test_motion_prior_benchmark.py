"""The table of refinements without and with motion prior."""

import csv

import pytest

from benchmarks.bench_motion_prior import main

COLUMNS = (
    "sample_id,method,blur_rate,mpjpe_mm,mpjpe_best_direction_mm,iou_best_direction,"
    "direction_correct,joint_direction_accuracy,moving_joints"
).split(",")


def _write(folder, rows):
    folder.mkdir()
    with (folder / "per_sample.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def test_photos_are_compared_with_themselves(tmp_path, capsys):
    run = _write(
        tmp_path / "run",
        [
            ("a", "hfb", 0.15, 50.0, 50.0, 0.9, 1, 0.75, 4),
            ("a", "hfb_without_amp", 0.15, 60.0, 55.0, 0.8, 0, 0.25, 4),
            ("b", "hfb", 0.07, 30.0, 29.0, 0.9, "", "", 0),
            ("b", "hfb_without_amp", 0.07, 31.0, 29.0, 0.9, "", "", 0),
            ("c", "hfb", 0.07, 30.0, 29.0, 0.9, 1, 1.0, 2),
        ],
    )
    main(["--run", str(run)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| 0.05–0.1 | 1 | 31.0 → 30.0 | 29.0 → 29.0 | nan % → nan % of 0 |")
    assert lines[3] == (
        "| 0.1–0.2 | 1 | 60.0 → 50.0 | 55.0 → 50.0 | 0 % → 100 % of 1 | 25 % → 75 % "
        "| 0.800 → 0.900 | -16.7 ± 0.0 % |"
    )
    assert lines[4].startswith("| all | 2 | 45.5 → 40.0 |")
    assert lines[-2] == "MPJPE as it runs: -5.50 ± 4.50 mm (2 photos)"


def test_the_run_without_may_be_another(tmp_path, capsys):
    run = _write(tmp_path / "run", [("a", "hfb", 0.15, 50.0, 50.0, 0.9, 1, 0.75, 4)])
    other = _write(tmp_path / "other", [("a", "hfb", 0.15, 60.0, 55.0, 0.8, 0, 0.25, 4)])
    main(["--run", str(run), "--without", str(other)])
    assert "60.0 → 50.0" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="both with and without"):
        main(["--run", str(run)])
