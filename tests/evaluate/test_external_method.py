"""Another program's poses through `run_hfb.py test`: metrics, changed and broken files."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import evaluate, read_metrics, rows_of

from hfb.structures import BlurSample


def external_rows(data: Path, external: Path, output: Path) -> dict[str, dict[str, str]]:
    """Evaluate another program's results; one row a sample."""
    evaluate(data, output, '--model.methods=["external"]', f"--model.baselines.external={external}")
    return {row["sample_id"]: row for row in rows_of(output)}


def test_the_truth_as_another_programs_result_has_no_error(
    data: Path, external: Path, tmp_path: Path
) -> None:
    for row in external_rows(data, external, tmp_path / "out").values():
        assert float(row["mpjpe_mm"]) < 0.1
        assert float(row["iou"]) > 0.99
        assert row["direction_correct"] in ("1", "")
        assert float(row["init_mpjpe_mm"]) > 5.0
        assert float(row["reblur_psnr_db"]) > float(row["init_reblur_psnr_db"])
    kept = {p.name for p in (tmp_path / "out" / "samples" / "one").iterdir()}
    assert {"motion.npz", "mesh.glb", "subframes.mp4", "comparison.png", "texture.png"} <= kept


@pytest.mark.usefixtures("light")
def test_reversed_poses_run_the_wrong_way(
    data: Path, external: Path, samples: list[BlurSample], tmp_path: Path
) -> None:
    for sample in samples:
        path = external / sample.sample_id / "poses.hfbinit.npz"
        with np.load(path) as stored:
            content = dict(stored)
        content["poses"], content["trans"] = content["poses"][::-1], content["trans"][::-1]
        np.savez(path, **content)
    for row in external_rows(data, external, tmp_path / "out").values():
        assert float(row["mpjpe_best_direction_mm"]) < 0.5 < float(row["mpjpe_mm"])


@pytest.mark.usefixtures("light")
def test_changed_results_of_another_program_are_read_again(
    data: Path, external: Path, tmp_path: Path
) -> None:
    external_rows(data, external, tmp_path / "out")
    path = external / "one" / "poses.hfbinit.npz"
    with np.load(path) as stored:
        content = dict(stored)
    content["poses"][:, 3:6] += 0.3
    np.savez(path, **content)
    rows = external_rows(data, external, tmp_path / "out")
    assert float(rows["one"]["mpjpe_mm"]) > 5.0
    assert float(rows["other"]["mpjpe_mm"]) < 0.1


@pytest.mark.usefixtures("light")
def test_one_broken_result_is_counted(
    data: Path, external: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = external / "one" / "poses.hfbinit.npz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(SystemExit) as stop:
        external_rows(data, external, tmp_path / "out")
    assert stop.value.code == 3
    metrics = read_metrics(tmp_path / "out")
    assert metrics["samples"] == 1
    assert metrics["unusable"]["broken"] == 1
    assert "is not an npz that can be read" in metrics["unusable"]["samples"]["one"]
    assert "Traceback" not in capsys.readouterr().err


def test_external_without_a_folder_stops_at_once(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stop:
        evaluate(data, tmp_path / "out", '--model.methods=["external"]')
    assert stop.value.code == 2
    assert "needs --model.baselines.external" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
