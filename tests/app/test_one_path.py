"""One path for predict and test: same metrics, nothing finished lost, faults of the set-up."""

import csv
import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from started_samples import with_start

from datamodules.blur_folder import write_sample
from datamodules.sample_module import sample_loader
from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.app import evaluation
from hfb.app.hfb_module import HfbModule
from hfb.app.pipeline import Pipeline
from hfb.body import load_body
from hfb.errors import AssetNotFoundError
from hfb.evaluate.records import metric_names
from hfb.init import BlazePoseInitialiser, write_estimate
from hfb.refine import RefineSettings, Stage
from hfb.render import RenderSettings
from hfb.structures import BlurSample
from run_hfb import main

QUICK = [
    "--model.refine.image_size=48",
    "--model.refine.texture_size=32",
    "--model.refine.num_subframes=2",
    "--model.show_progress=false",
    "--trainer.logger=false",
]


@pytest.fixture(autouse=True)
def _no_arguments_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["run_hfb.py"])


def settings() -> RefineSettings:
    stages = [Stage(2, refresh_matte=True), Stage(1, refresh_matte=True), Stage(1)]
    return RefineSettings(stages=stages, image_size=48, texture_size=32, num_subframes=2)


@pytest.fixture(scope="module")
def samples() -> list[BlurSample]:
    """Two samples with a start, but without a matte: theirs is found and found again."""
    made = SyntheticSettings(
        height=96, width=80, num_subframes=8, num_truth=6, supersampling=1, blur_rate=(0.1, 0.6)
    )
    return [
        with_start(make_sample(made, seed)).with_changes(alpha=None, sample_id=f"s{seed}")
        for seed in (1, 2)
    ]


def module(output: Path, **options: object) -> HfbModule:
    render = RenderSettings(num_threads=1)
    return HfbModule(
        BlazePoseInitialiser(),
        settings(),
        render,
        output=str(output),
        show_progress=False,
        **options,
    )


def trainer() -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        logger=False,
        inference_mode=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )


def test_predict_and_test_give_the_same_metrics(samples: list[BlurSample], tmp_path: Path) -> None:
    tested = module(tmp_path / "test", methods=["hfb", "static"])
    (means,) = trainer().test(tested, sample_loader(samples[:1]), verbose=False)
    trainer().predict(module(tmp_path / "predict"), sample_loader(samples[:1]))
    with (tmp_path / "predict" / "per_sample.csv").open(newline="") as table:
        (predicted,) = csv.DictReader(table)
    with (tmp_path / "test" / "per_sample.csv").open(newline="") as table:
        row = next(csv.DictReader(table))
    names = [prefix + name for prefix in ("", "init_") for name in metric_names()]
    assert [predicted[name] for name in names] == [row[name] for name in names]
    assert float(row["refreshed_matte_iou"]) != float(row["matte_iou"])
    assert row["init_refreshed_matte_iou"] == ""
    # What trainer.test returns are the same numbers again.
    kept = json.loads((tmp_path / "test" / "metrics.json").read_text())["methods"]
    for method in ("hfb", "static"):
        for name, entry in kept[method]["overall"].items():
            if isinstance(entry, dict) and entry["mean"] is not None:
                assert means[f"test/{name}/{method}"] == pytest.approx(entry["mean"], rel=1e-4)
    assert means["test/mpjpe_mm/hfb"] == pytest.approx(float(row["mpjpe_mm"]), rel=1e-4)


@pytest.fixture
def data(samples: list[BlurSample], tmp_path: Path) -> Path:
    for sample in samples:
        place = tmp_path / "data" / "test" / sample.sample_id
        write_sample(place, sample, load_body().identity, write_estimate)
    return tmp_path / "data"


def run_test(data: Path, output: Path, *extra: str) -> int:
    """Exit code of `run_hfb.py test`."""
    try:
        main(["test", f"--data.root={data}", f"--output={output}", *QUICK, *STAGES, *extra])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


STAGES = ['--model.refine.stages=[{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}]']


def test_a_failure_beside_it_does_not_take_a_finished_sample_away(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the first of a batch of two; then nothing can be started any more."""
    out = tmp_path / "out"
    assert run_test(data, out, "--data.limit=1") == 0
    kept = (out / "samples" / "s1" / "result.json").read_bytes()

    def nobody(*args: object) -> None:
        raise RuntimeError("detector unavailable")

    config = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(config.replace("limit: 1", "limit: null"))
    monkeypatch.setattr(Pipeline, "initialise", nobody)
    assert run_test(data, out) == 3
    assert (out / "samples" / "s1" / "result.json").read_bytes() == kept
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["samples"] == 1
    assert list(metrics["unusable"]["samples"]) == ["s2"]


def test_what_cannot_be_read_any_more_enters_no_mean_but_is_not_lost(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run_test(data, out) == 0
    before = json.loads((out / "metrics.json").read_text())
    photo = data / "test" / "s2" / "blurry_000.png"
    pixels = photo.read_bytes()
    photo.write_bytes(pixels[:100])
    assert run_test(data, out) == 3
    assert json.loads((out / "metrics.json").read_text())["samples"] == 1
    photo.write_bytes(pixels)
    monkeypatch.setattr(evaluation, "evaluate_batch", None)  # nothing is to be refined again
    assert run_test(data, out) == 0
    assert json.loads((out / "metrics.json").read_text()) == before


def test_missing_assets_stop_at_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    calls = []

    def missing(*args: object) -> None:
        calls.append(args)
        raise AssetNotFoundError("pose_landmark_heavy.tflite was not found; run the fetch command")

    monkeypatch.setattr(Pipeline, "initialise", missing)
    assert run_test(data, tmp_path / "out", "--data.batch_size=1") == 2
    assert len(calls) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error: pose_landmark")


def test_the_metrics_of_processes_together_are_those_of_one(samples: list[BlurSample]) -> None:
    """What torchmetrics would gather from two processes, put together here by hand."""
    from hfb.evaluate.run_metrics import RunMetrics

    pipeline = module(Path("unused")).pipeline()
    records = [outcome.record for outcome in evaluation.evaluate_batch(pipeline, samples, ["hfb"])]
    edges = (0.0, 0.3, 0.6)
    one, first, second = (RunMetrics(["hfb"], edges) for _ in range(3))
    one.update(records)
    first.update(records[:1])
    second.update(records[1:])
    # The later rank's states come first: their order must not matter.
    for mine, other in zip(first.modules(), second.modules(), strict=True):
        for name, reduce in getattr(mine, "_reductions", {}).items():
            a, b = getattr(mine, name), getattr(other, name)
            joined = [*b, *a] if isinstance(a, list) else reduce(torch.stack([a, b]))
            setattr(mine, name, joined)
    assert first.compute() == one.compute()
