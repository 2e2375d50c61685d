"""Weights of loss terms on the command line and in configurations laid over one another."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from hfb.refine import RefineSettings, unregister_term
from run_hfb import main


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RefineSettings]:
    """The recipe that a command line comes to; nothing is computed."""
    built: list[Any] = []

    @functools.wraps(pl.Trainer.predict)
    def predict(trainer: pl.Trainer, model: Any = None, **kwargs: Any) -> None:
        built.append(model)

    monkeypatch.setattr(pl.Trainer, "predict", predict)

    def settings(*options: str) -> RefineSettings:
        main(["predict", *options])
        return built[-1].refine_settings

    return settings


def weights(settings: RefineSettings) -> list[dict[str, float]]:
    return [settings.weights_of(stage) for stage in range(len(settings.stages))]


@pytest.mark.parametrize("value", ["0.1", "[0.1,0,0]"])
def test_one_weight_changes_and_everything_else_stays(
    recipe: Callable[..., RefineSettings], value: str
) -> None:
    default = RefineSettings()
    found = recipe(f"--model.refine.weights.pose={value}")
    assert found.stages == default.stages
    expected = weights(default.with_weights(pose=0.1 if value == "0.1" else [0.1, 0.0, 0.0]))
    assert weights(found) == expected != weights(default)


def test_an_overlay_changes_what_it_mentions(
    recipe: Callable[..., RefineSettings], repo: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("model:\n  refine:\n    weights: {pose: 0.5, shape: 0}\n")
    found = recipe("--config", str(overlay))
    assert weights(found) == weights(RefineSettings().with_weights(pose=0.5, shape=0.0))
    paper = ["--config", str(repo / "lightning_configs" / "paper.yaml")]
    plain = recipe(*paper)
    both = recipe(*paper, "--config", str(overlay), "--model.refine.weights.image=9")
    assert weights(both) == weights(plain.with_weights(pose=0.5, shape=0.0, image=9.0))
    assert both.stages == plain.stages


def test_a_term_of_ones_own_has_a_weight(
    recipe: Callable[..., RefineSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terms_for_a_run.py").write_text(
        "from hfb.refine import register_term\n"
        "@register_term('slimness')\n"
        "def slimness_term(prediction, context):\n"
        "    return prediction.betas[:, 1]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    options = ["--model.refine.plugins=[terms_for_a_run]", "--model.refine.weights.slimness=0.5"]
    try:
        assert recipe(*options).weights_of(0) == {
            **RefineSettings().weights_of(0),
            "slimness": 0.5,
        }
    finally:
        unregister_term("slimness")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--model.refine.weights.poze=1", "no loss term poze; there are image, matting, texture"),
        ("--model.refine.weights.pose=[1,2]", "pose has 2 values, but refine.stages has 3"),
        ("--model.refine.weights.pose=-1", "refine.weights.pose must be a finite number from 0 to"),
        ('--model.refine.stages=[{"num_steps": 2}]', "matting has 3, depth_anchor has 3 values"),
        ("--model.refine.plugins=[nowhere]", "module 'nowhere' cannot be imported"),
    ],
)
def test_bad_weights_are_one_line(
    recipe: Callable[..., RefineSettings],
    capsys: pytest.CaptureFixture,
    option: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit) as stop:
        recipe(option)
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert message in lines[0]
