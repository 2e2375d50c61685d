"""Settings of `hfb.fit`: by name, over the shipped configurations, as the command line has them."""

from pathlib import Path
from typing import Any

import pytest
from evaluation_runs import small_samples
from photo_files import SETTINGS

import hfb
from hfb.app.configured import configured_model
from hfb.errors import InputError
from hfb.init import BlazePoseInitialiser
from hfb.refine import RefineSettings, Stage
from hfb.render import RenderSettings

DEFAULT = RefineSettings()


def weights(settings: RefineSettings) -> list[dict[str, float]]:
    return [settings.weights_of(stage) for stage in range(len(settings.stages))]


def test_without_settings_it_is_the_default_recipe() -> None:
    model = configured_model()
    assert weights(model.refine_settings) == weights(DEFAULT)
    assert model.refine_settings.stages == DEFAULT.stages
    assert model.render_settings == RenderSettings()
    assert isinstance(model.initialiser, BlazePoseInitialiser)


def test_settings_by_name_leave_the_others_as_they_are() -> None:
    changes = {
        "num_subframes": 2,
        "lr": {"pose": 0.02},
        "weights": {"pose": 0.1, "image": [1, 2, 3]},
        "body": "SMPL_NEUTRAL.pkl",
        "render": {"mode": "dibr"},
        "show_progress": False,
    }
    model = configured_model(settings=changes)
    refine = model.refine_settings
    assert refine.num_subframes == 2
    assert (refine.lr.pose, refine.lr.texture) == (0.02, DEFAULT.lr.texture)
    assert weights(refine) == weights(DEFAULT.with_weights(pose=0.1, image=[1.0, 2.0, 3.0]))
    assert model.body_name == "SMPL_NEUTRAL.pkl"
    assert model.render_settings == RenderSettings(mode="dibr")
    assert not model.show_progress


def test_the_same_settings_load_a_body_once() -> None:
    one, two = (configured_model(settings={"num_subframes": n, "degree": 1}) for n in (3, 3))
    assert one is two
    assert configured_model(settings={"num_subframes": 4, "degree": 1}) is not one


def test_configurations_are_laid_over_one_another(tmp_path: Path) -> None:
    overlay = tmp_path / "own.yaml"
    overlay.write_text("model:\n  refine:\n    weights: {pose: 0.5}\n    num_subframes: 4\n")
    later = {"model": {"refine": {"num_subframes": 6}}}
    found = configured_model([overlay, later], {"weights": {"shape": 0.0}}).refine_settings
    assert found.num_subframes == 6
    assert weights(found) == weights(DEFAULT.with_weights(pose=0.5, shape=0.0))
    assert configured_model(str(overlay)).refine_settings.num_subframes == 4


@pytest.mark.parametrize("name", ["paper", "paper.yaml"])
def test_the_papers_configuration(name: str) -> None:
    model = configured_model(name, {"num_subframes": 2})
    assert model.render_settings.mode == "dibr"
    assert model.refine_settings.parameterization == "paper"
    assert model.refine_settings.stages == [Stage(200)]
    assert model.refine_settings.num_subframes == 2
    assert not model.initialiser.lifting


def test_settings_reach_the_fit(repo: Path) -> None:
    (sample,) = small_samples(["photo"])
    body = repo / "checkpoints" / "free_body.npz"
    quick = SETTINGS | {"show_progress": False}
    plain = hfb.fit(sample, **quick)
    found = hfb.fit(sample, **(quick | {"num_subframes": 3}), body=body, weights={"pose": 9.0})
    assert found.result.refinement.num_subframes == 3
    assert not plain.joints().equal(found.joints())
    assert found.body.identity.name == "free_body"
    assert found.body is not plain.body


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_start": 2}, "num_start"),
        ({"weights": {"poze": 1.0}}, "no loss term poze; there are image, matting, texture"),
        ({"weights": {"pose": "much"}}, "model.refine.weights"),
        ({"weights": {"pose": [1.0, 2.0]}}, "pose has 2 values, but refine.stages has 3: give"),
        ({"num_subframes": "two"}, "model.refine.num_subframes"),
        ({"num_subframes": 0}, "refine.num_subframes must be a whole number from 1 to 256, got 0"),
        ({"render": {"mode": "fog"}}, "model.render.mode"),
        ({"render": {"backend": "fog"}}, "one of auto, torch, numba, warp, kaolin"),
        ({"stages": [{"num_step": 1}]}, "there is no setting model.refine.stages.num_step"),
        ({"plugins": ["nowhere"]}, "module 'nowhere' cannot be imported"),
        ({"initialiser": "nowhere.Nobody"}, "nowhere"),
    ],
)
def test_settings_that_are_not_known_are_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        configured_model(settings=settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("nowhere", "the configuration nowhere is not there"),
        ("empty.yaml", "holds no settings"),
        ("broken.yaml", "cannot be read"),
        ({"model": {"refine": {"degre": 1}}}, "degre"),
    ],
)
def test_configurations_that_cannot_be_used(
    config: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "broken.yaml").write_text("model: [1, 2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        configured_model(config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"modle": {"refine": {"degree": 1}}}, {}),
        ({"model": None}, {}),
        (None, {"output": "somewhere"}),
        (None, {"methods": ["static"]}),
    ],
)
def test_what_has_no_meaning_is_refused(config: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        configured_model(config, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_start": 2}, "there is no setting num_start"),
        ({"initialiser": object()}, "hfb.init.Initialiser"),
        ({"initialiser": BlazePoseInitialiser}, "hfb.init.Initialiser"),
    ],
)
def test_errors_say_what_to_give(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        configured_model(settings=settings)
    assert message in str(error.value)


def test_settings_may_be_objects() -> None:
    render, stages = RenderSettings(mode="dibr"), [Stage(1), Stage(2), Stage(3)]
    model = configured_model(settings={"render": render, "stages": stages})
    assert model.render_settings == render
    assert model.refine_settings.stages == stages


def test_keys_that_are_no_names_are_named(tmp_path: Path) -> None:
    """YAML has numbers as keys."""
    path = tmp_path / "it.yaml"
    for key in ("-1", "null", "3.5", "yes"):
        path.write_text(f"model:\n  refine:\n    weights:\n      {key}: 1.0\n      posse: 1\n")
        with pytest.raises(InputError, match=f"a setting is called {key} .*its name must be text"):
            configured_model(path)
