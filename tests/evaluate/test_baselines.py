"""Every competitor through `run_hfb.py test`: figures, restarts, hostile files."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from started_samples import with_start

from datamodules.blur_folder import write_sample
from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.app.output import result_store
from hfb.app.output.result_store import ResultStore
from hfb.body import load_body
from hfb.geometry import rotmat_to_rotvec
from hfb.init import write_estimate
from hfb.structures import BlurSample, InitialEstimate, Target
from run_hfb import main

QUICK = [
    "--model.refine.image_size=48",
    "--model.refine.texture_size=32",
    "--model.refine.num_subframes=2",
    '--model.refine.stages=[{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}]',
    "--model.show_progress=false",
    "--trainer.logger=false",
    "--model.baselines.sfb.num_steps=3",
    "--model.baselines.sfb.image_size=32",
    "--model.baselines.sfb.num_subframes=2",
    "--model.baselines.mfb.num_steps=3",
    "--model.baselines.mfb.image_size=32",
    "--model.baselines.mfb.num_subframes=2",
]
NAMES = ["one", "other"]


@pytest.fixture(autouse=True)
def _no_arguments_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning warns where it sees two sets of arguments."""
    monkeypatch.setattr("sys.argv", ["run_hfb.py"])


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out videos and meshes: figures and restarts do not depend on them."""
    monkeypatch.setattr(result_store, "fill_folder", lambda *args: None)


@pytest.fixture(scope="module")
def samples() -> list[BlurSample]:
    """Small samples with matte and starting pose: no network is needed."""
    settings = SyntheticSettings(
        height=96, width=80, num_subframes=8, num_truth=6, supersampling=1, blur_rate=(0.3, 0.6)
    )
    return [
        with_start(make_sample(settings, seed)).with_changes(sample_id=name)
        for seed, name in enumerate(NAMES, 1)
    ]


@pytest.fixture(scope="module")
def data(samples: list[BlurSample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for sample in samples:
        folder = root / "test" / sample.sample_id
        write_sample(folder, sample, load_body().identity, write_estimate)
    return root


@pytest.fixture
def external(samples: list[BlurSample], tmp_path: Path) -> Path:
    """The truth, as if another program had found it."""
    for sample in samples:
        write_truth(tmp_path / "external" / sample.sample_id, sample)
    return tmp_path / "external"


def write_truth(folder: Path, sample: BlurSample) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, camera, identity = sample.target, sample.camera, load_body().identity
    photos, count = target.times.shape
    rows = photos * count
    matrix = np.diag([*camera.focal.tolist(), 1.0])
    matrix[:2, 2] = camera.principal_point
    np.savez(
        folder / "poses.hfbinit.npz",
        body_name=identity.name,
        body_sha256=identity.sha256,
        poses=rotmat_to_rotvec(target.pose_rotmat).reshape(rows, 72).numpy(),
        trans=target.transl.reshape(rows, 3).numpy(),
        betas=target.betas.numpy()[None],
        K=matrix,
        image_size=np.array([camera.width, camera.height]),
        frame_ids=np.repeat(np.arange(photos), count),
        timestamps=target.times.flatten().double().numpy(),
    )


def evaluate(root: Path, output: Path, *extra: str) -> dict[str, dict[str, dict[str, str]]]:
    """Run; rows of the table by sample and method."""
    main(["test", f"--data.root={root}", f"--output={output}", *QUICK, *extra])
    with (output / "per_sample.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    return {
        name: {row["method"]: row for row in rows if row["sample_id"] == name}
        for name in {row["sample_id"] for row in rows}
    }


def test_objects_have_silhouettes_but_no_joints(data: Path, tmp_path: Path) -> None:
    rows = evaluate(data, tmp_path / "out", '--model.methods=["sfb", "mfb"]')
    assert set(rows) == set(NAMES)
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
    assert {p.name for p in kept.iterdir()} == files | {"mfb", "result.json"}
    assert {p.name for p in (kept / "mfb").iterdir()} == files


def test_the_truth_as_another_programs_result_has_no_error(
    data: Path, external: Path, tmp_path: Path
) -> None:
    options = ['--model.methods=["external"]', f"--model.baselines.external={external}"]
    for own in evaluate(data, tmp_path / "out", *options).values():
        row = own["external"]
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
    options = ['--model.methods=["external"]', f"--model.baselines.external={external}"]
    for own in evaluate(data, tmp_path / "out", *options).values():
        row = own["external"]
        assert float(row["mpjpe_best_direction_mm"]) < 0.5 < float(row["mpjpe_mm"])


@pytest.mark.usefixtures("light")
def test_a_stopped_run_goes_on(
    data: Path, external: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = '--model.methods=["external", "sfb", "interpolated"]'
    options = [methods, f"--model.baselines.external={external}", "--data.batch_size=1"]
    undisturbed = evaluate(data, tmp_path / "whole", *options)
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
            evaluate(data, out, *options)
    stamp = (out / "samples" / written[0] / "result.json").stat().st_mtime_ns
    rows = evaluate(data, out, *options)
    assert (out / "samples" / written[0] / "result.json").stat().st_mtime_ns == stamp
    for name, own in undisturbed.items():
        for method, row in own.items():
            assert {k: v for k, v in row.items() if "seconds" not in k} == {
                k: v for k, v in rows[name][method].items() if "seconds" not in k
            }


@pytest.mark.usefixtures("light")
def test_changed_results_of_another_program_are_read_again(
    data: Path, external: Path, tmp_path: Path
) -> None:
    options = ['--model.methods=["external"]', f"--model.baselines.external={external}"]
    evaluate(data, tmp_path / "out", *options)
    path = external / "one" / "poses.hfbinit.npz"
    with np.load(path) as stored:
        content = dict(stored)
    content["poses"][:, 3:6] += 0.3
    np.savez(path, **content)
    rows = evaluate(data, tmp_path / "out", *options)
    assert float(rows["one"]["external"]["mpjpe_mm"]) > 5.0
    assert float(rows["other"]["external"]["mpjpe_mm"]) < 0.1


@pytest.mark.usefixtures("light")
def test_settings_are_not_mixed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    methods = '--model.methods=["sfb"]'
    evaluate(data, tmp_path / "out", methods)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        evaluate(data, tmp_path / "out", methods, "--model.baselines.sfb.lr=0.05")
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "model.baselines.sfb.lr: 0.1 there, 0.05 now" in said
    assert len([line for line in said.splitlines() if line.strip()]) == 1


@pytest.mark.usefixtures("light")
def test_one_broken_result_is_counted(
    data: Path, external: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = external / "one" / "poses.hfbinit.npz"
    path.write_bytes(path.read_bytes()[:-300])
    options = ['--model.methods=["external"]', f"--model.baselines.external={external}"]
    with pytest.raises(SystemExit) as stop:
        evaluate(data, tmp_path / "out", *options)
    assert stop.value.code == 3
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["samples"] == 1
    assert metrics["unusable"]["broken"] == 1
    assert "cannot be read as an estimate" in metrics["unusable"]["samples"]["one"]
    assert "Traceback" not in capsys.readouterr().err


def test_external_without_a_folder_stops_at_once(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stop:
        evaluate(data, tmp_path / "out", '--model.methods=["external"]')
    assert stop.value.code == 2
    assert "needs --model.baselines.external" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
    folder = tmp_path / "data" / "test" / "pair"
    write_sample(folder, pair, load_body().identity, write_estimate)
    write_start_of_both(folder, first.estimate)
    write_truth(tmp_path / "external" / "pair", pair)
    rows = evaluate(
        tmp_path / "data",
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
