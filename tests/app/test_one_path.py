"""One path for predict and test: same metrics, nothing finished lost, faults of the set-up."""

import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from evaluation_runs import evaluate, rows_of, small_samples, write_data_set

from datamodules.sample_module import sample_loader
from hfb.app.evaluation import evaluate_prepared, start_sample
from hfb.app.hfb_module import HfbModule
from hfb.app.pipeline import Pipeline
from hfb.errors import AssetNotFoundError
from hfb.evaluate.records import metric_names
from hfb.init import BlazePoseInitialiser
from hfb.refine import RefineSettings, Stage
from hfb.render import RenderSettings
from hfb.structures import BlurSample


def settings() -> RefineSettings:
    stages = [Stage(2, refresh_matte=True), Stage(1, refresh_matte=True), Stage(1)]
    return RefineSettings(stages=stages, image_size=48, texture_size=32, num_subframes=2)


@pytest.fixture(scope="module")
def samples() -> list[BlurSample]:
    """Two samples with a start, but without a matte: theirs is found and found again."""
    return [sample.with_changes(alpha=None) for sample in small_samples(["s1", "s2"])]


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
    (predicted,) = rows_of(tmp_path / "predict")
    row = rows_of(tmp_path / "test")[0]
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
    return write_data_set(tmp_path / "data", samples)


def run_test(data: Path, output: Path, *extra: str) -> int:
    """Exit code of `run_hfb.py test`."""
    try:
        evaluate(data, output, *extra)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


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
    monkeypatch.setattr(Pipeline, "run", None)  # nothing is to be refined again
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
    prepared = [start_sample(pipeline, sample) for sample in samples]
    outcomes = evaluate_prepared(prepared, lambda: pipeline, ["hfb"])
    records = [outcome.record for outcome in outcomes]
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
