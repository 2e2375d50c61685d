"""Settings: defaults and shipped configurations agree, weights a stage, complaints in one line."""

import inspect
from dataclasses import fields, replace

import pytest
import yaml

from hfb.errors import InputError
from hfb.init import BlazePoseInitialiser
from hfb.refine import LearningRates, RefineSettings, Stage
from hfb.refine.objective.terms import known_terms
from hfb.refine.recipe.schedule import schedule
from hfb.render import RenderSettings

THREE_STAGES = {"image": [3.0, 50.0, 50.0], "matting": [1.0, 0.3, 0.3]}


def model_of(repo, name):
    return yaml.safe_load((repo / "lightning_configs" / name).read_text())["model"]


def recipe(values):
    stages = [Stage(**stage) for stage in values["stages"]]
    return RefineSettings(**{**values, "stages": stages, "lr": LearningRates(**values["lr"])})


def test_the_shipped_configuration_says_what_the_defaults_say(repo):
    model = model_of(repo, "run_hfb.yaml")
    shipped, default = recipe(model["refine"]), RefineSettings()
    for name in (field.name for field in fields(RefineSettings) if field.name != "weights"):
        assert getattr(shipped, name) == getattr(default, name), name
    for name, term in known_terms().items():
        weight = list(term.weight) if isinstance(term.weight, tuple) else term.weight
        assert shipped.weights[name] == weight, name
    assert RenderSettings(**model["render"]) == RenderSettings()
    parameters = inspect.signature(BlazePoseInitialiser).parameters
    for name, value in model["initialiser"]["init_args"].items():
        assert parameters[name].default == value, name


def test_the_papers_configuration_is_laid_over_the_shipped_one(repo):
    shipped, paper = model_of(repo, "run_hfb.yaml"), model_of(repo, "paper.yaml")
    assert set(paper) <= set(shipped)
    RenderSettings(**{**shipped["render"], **paper["render"]})
    settings = recipe({**shipped["refine"], **paper["refine"]})
    # Whole: what stands in only one of the two must not reach into the other.
    assert list(paper["refine"]["weights"]) == list(known_terms())
    assert settings.weights_of(0) == paper["refine"]["weights"]
    assert settings.num_steps == RefineSettings().num_steps == 200


def test_a_weight_is_one_value_or_one_a_stage():
    settings = RefineSettings(weights={"pose": 0.1, "image": [1.0, 2.0, 3.0]})
    default = RefineSettings()
    for stage in range(3):
        expected = {**default.weights_of(stage), "pose": 0.1, "image": stage + 1.0}
        assert settings.weights_of(stage) == expected
    assert list(settings.weights_of(0)) == list(known_terms())


def test_other_stages_never_drop_a_term():
    stages = [Stage(2), Stage(1)]
    with pytest.raises(
        InputError,
        match=r"image has 3, matting has 3, depth_anchor has 3 values, but refine.stages has 2: "
        "give each of them one value, or as many as there are stages",
    ):
        RefineSettings(stages=stages)
    weights = {"image": 3.0, "matting": [1.0, 0.5], "depth_anchor": 1.0}
    settings = RefineSettings(stages=stages, weights=weights)
    assert settings.weights_of(1) == {
        **RefineSettings().weights_of(0),
        "image": 3.0,
        "matting": 0.5,
        "depth_anchor": 1.0,
    }


def test_recipes_derived_from_others():
    settings = RefineSettings(weights=THREE_STAGES)
    assert settings.with_weights(pose=0.5).weights == {**THREE_STAGES, "pose": 0.5}
    only = settings.with_only(image=2.0)
    assert {name for name, weight in only.weights_of(2).items() if weight} == {"image"}
    assert only.uses_term("image")
    assert not only.uses_term("texture")
    assert not settings.uses_term("adversarial")
    assert settings.with_weights(adversarial=[0.0, 0.0, 0.1]).uses_term("adversarial")
    last = settings.with_stages(slice(-1, None))
    assert last.stages == settings.stages[-1:]
    assert last.weights_of(0) == settings.weights_of(2)
    first_two = settings.with_stages(slice(2))
    assert [first_two.weights_of(k) for k in (0, 1)] == [settings.weights_of(k) for k in (0, 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {"poze": 1.0}}, "refine.weights: no loss term poze; there are image, matting"),
        ({"weights": {"pose": [1.0, 2.0]}}, "pose has 2 values, but refine.stages has 3"),
        ({"weights": {"pose": -1.0}}, "refine.weights.pose must be .* from 0 to"),
        ({"weights": {"pose": [0.0, 0.0, float("inf")]}}, "refine.weights.pose must be .*inf"),
        ({"plugins": ["no_such_module"]}, "refine.plugins: module 'no_such_module' cannot be"),
        ({"stages": []}, "refine.stages is empty"),
        ({"degree": 0}, "refine.degree must be a whole number from 1 to 10, got 0"),
        (
            {"start_noise": float("nan")},
            "refine.start_noise must be a finite number from 0",
        ),
        ({"anchor_sigma": -0.1}, "refine.anchor_sigma must be a finite number from 0 to 100"),
        ({"time_origin": 1.5}, "refine.time_origin must be a finite number from 0 to 1, got 1.5"),
        (
            {"background_epsilon": 0.0},
            "refine.background_epsilon must be .* from 1e-09",
        ),
        ({"overlap": 8}, r"refine.overlap 8 must be in \[0, 8\)"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(InputError, match=message) as error:
        RefineSettings(**changes)
    assert "\n" not in str(error.value)


def test_window_and_meeting_settings_are_checked():
    with pytest.raises(InputError, match="overlap 4 must be in"):
        RefineSettings(window=4, overlap=4)
    with pytest.raises(InputError, match=r"gap_fraction must be .*got 1\.5"):
        RefineSettings(gap_fraction=1.5)


def test_bad_stages_and_rates_are_named():
    with pytest.raises(InputError, match="no parameter group"):
        Stage(3, frozen=["poze"])
    with pytest.raises(InputError, match=r"stage\.num_steps must be a whole number from 1"):
        Stage(0)
    with pytest.raises(InputError, match=r"stage\.lr_scale"):
        Stage(1, lr_scale=-1.0)
    with pytest.raises(InputError, match=r"refine\.lr\.betas must be a finite number from 0"):
        LearningRates(betas=float("nan"))


def test_steps_belong_to_stages(small_settings):
    stages = [Stage(3), Stage(4, refresh_matte=True), Stage(5, refresh_matte=True)]
    settings = replace(small_settings, stages=stages)
    assert [settings.stage_index(step) for step in (0, 2, 3, 6, 7, 11, 12)] == [0, 0, 1, 1, 2, 2, 2]
    # A refresh after the last stage counts, too.
    assert settings.matte_refresh_steps == (7, 12)


def test_schedule_is_a_cosine_cut_into_stages(small_settings):
    stages = [Stage(10, frozen=["texture"]), Stage(30, lr_scale=0.5)]
    settings = replace(small_settings, stages=stages, final_lr_fraction=0.1)
    pose, texture = schedule(settings, "pose"), schedule(settings, "texture")
    assert pose(0) == pytest.approx(1.0)
    assert texture(9) == 0.0
    assert texture(10) == pose(10) > 0.0
    assert pose(40) == pytest.approx(0.05)
