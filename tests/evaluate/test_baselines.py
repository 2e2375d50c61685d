"""Methods to compare with through `run_hfb.py test`: metrics, restarts, two photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_runs import evaluate, rows_of, write_data_set
from external_results import write_truth

from hfb.app.output.result_store import ResultStore
from hfb.init import write_estimate
from hfb.structures import BlurSample, InitialEstimate, Target

QUICK = [
    "--model.baselines.sfb.num_steps=3",
    "--model.baselines.sfb.image_size=32",
    "--model.baselines.sfb.num_subframes=2",
    "--model.baselines.mfb.num_steps=3",
    "--model.baselines.mfb.image_size=32",
    "--model.baselines.mfb.num_subframes=2",
]


def rows_by_method(data: Path, output: Path, *extra: str) -> dict[str, dict[str, dict[str, str]]]:
    """Evaluate; rows of the table by sample and method."""
    evaluate(data, output, *QUICK, *extra)
    rows = rows_of(output)
    return {
        name: {row["method"]: row for row in rows if row["sample_id"] == name}
        for name in {row["sample_id"] for row in rows}
    }


def test_objects_have_silhouettes_but_no_joints(data: Path, tmp_path: Path) -> None:
    rows = rows_by_method(data, tmp_path / "out", '--model.methods=["sfb", "mfb"]')
    assert set(rows) == {"one", "other"}
    for own in rows.values():
        assert list(own) == ["sfb", "mfb"]
        for row in own.values():
            assert row["mpjpe_mm"] == row["pa_mpjpe_mm"] == ""
            assert 0.0 <= float(row["iou"]) <= float(row["iou_best_direction"]) <= 1.0
            assert float(row["reblur_psnr_db"]) > 0.0
            assert float(row["init_mpjpe_mm"]) > 0.0
    table = (tmp_path / "out" / "table.md").read_text()
    (line,) = [x for x in table.splitlines() if x.startswith("| MPJPE mm, as it runs: Shape")]
    assert line.split("|")[-2].strip() == "–"
    kept = tmp_path / "out" / "samples" / "one"
    files = {"comparison.png", "mesh.glb", "subframes.mp4", "texture.png"}
    assert {p.name for p in kept.iterdir()} == files | {
        "mfb",
        "page.json",
        "report.html",
        "result.json",
        "thumbnail.webp",
    }
    assert {p.name for p in (kept / "mfb").iterdir()} == files


@pytest.mark.usefixtures("light")
def test_a_stopped_run_goes_on(
    data: Path, external: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = '--model.methods=["external", "sfb", "interpolated"]'
    options = [methods, f"--model.baselines.external={external}", "--data.batch_size=1"]
    undisturbed = rows_by_method(data, tmp_path / "whole", *options)
    write, written = ResultStore.write, []

    def stops_after_one(store: ResultStore, *args: object) -> dict:
        if written:
            raise KeyboardInterrupt
        written.append(args[0][0].item.sample.sample_id)
        return write(store, *args)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(ResultStore, "write", stops_after_one)
        with pytest.raises(SystemExit):
            rows_by_method(data, out, *options)
    stamp = (out / "samples" / written[0] / "result.json").stat().st_mtime_ns
    rows = rows_by_method(data, out, *options)
    assert (out / "samples" / written[0] / "result.json").stat().st_mtime_ns == stamp
    for name, own in undisturbed.items():
        for method, row in own.items():
            assert {k: v for k, v in row.items() if "seconds" not in k} == {
                k: v for k, v in rows[name][method].items() if "seconds" not in k
            }


@pytest.mark.usefixtures("light")
def test_settings_are_not_mixed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    methods = '--model.methods=["sfb"]'
    rows_by_method(data, tmp_path / "out", methods)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        rows_by_method(data, tmp_path / "out", methods, "--model.baselines.sfb.lr=0.05")
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "model.baselines.sfb.lr: 0.1 there, 0.05 now" in said
    assert len([line for line in said.splitlines() if line.strip()]) == 1


def test_two_photos(samples: list[BlurSample], tmp_path: Path) -> None:
    """The same photo twice, a little later: the start interpolated is the start at rest."""
    first = samples[0]
    target, gap = first.target, 0.2

    def twice(values: torch.Tensor) -> torch.Tensor:
        return torch.cat([values, values])

    pair = replace(
        first,
        blurry=twice(first.blurry),
        alpha=twice(first.alpha),
        exposure=torch.cat([first.exposure, first.exposure + gap]),
        estimate=None,
        target=Target(
            twice(target.joints),
            torch.cat([target.times, target.times + gap]),
            twice(target.pose_rotmat),
            twice(target.transl),
            target.betas,
            twice(target.silhouettes),
        ),
        sample_id="pair",
    )
    data = write_data_set(tmp_path / "data", [pair])
    write_start_of_both(data / "test" / "pair", first.estimate)
    write_truth(tmp_path / "external" / "pair", pair)
    rows = rows_by_method(
        data,
        tmp_path / "out",
        '--model.methods=["interpolated", "external", "sfb", "mfb"]',
        f"--model.baselines.external={tmp_path / 'external'}",
        "--model.table=table2",
    )["pair"]
    assert float(rows["external"]["mpjpe_mm"]) < 0.1
    start = rows["interpolated"]
    assert float(start["mpjpe_mm"]) == pytest.approx(float(start["init_mpjpe_mm"]), abs=0.01)
    for method in ("sfb", "mfb"):
        assert 0.0 <= float(rows[method]["iou"]) <= 1.0
    motion = tmp_path / "out" / "samples" / "pair" / "external" / "motion.npz"
    with np.load(motion) as stored:
        assert stored["frame_index"].tolist() == [0, 0, 1, 1]


def write_start_of_both(folder: Path, estimate: InitialEstimate) -> None:
    """One pose a photo: `write_estimate` writes one photo's."""
    path = write_estimate(folder / "estimate.hfbinit.npz", estimate)
    with np.load(path) as stored:
        content = dict(stored)
    for key in ("poses", "trans", "betas", "score"):
        content[key] = np.concatenate([content[key]] * 2)
    np.savez(path, **(content | {"frame_ids": np.array([0, 1], np.int32)}))
