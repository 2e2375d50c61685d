"""Settings refuse what they cannot be, whoever makes them, and say what they may be."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pytest

from datamodules.lifting_pairs import Command as PairsCommand
from datamodules.mocap.pairs import CorruptionSettings
from datamodules.mocap.windows import WindowSettings
from datamodules.photos.clip import ClipSettings
from datamodules.restore import Command as RestoreCommand
from datamodules.synthetic.camera_placement import CameraRange
from datamodules.synthetic.command import Command as SyntheticCommand
from datamodules.synthetic.command import recipe_of
from datamodules.synthetic.protocol import Recipe
from datamodules.synthetic.shot import SyntheticSettings
from hfb.baselines import BaselineSettings, RestoreSettings
from hfb.baselines.objects.settings import MfbRecipe, SfbRecipe
from hfb.errors import InputError
from hfb.init.lift.network import LiftingSettings
from hfb.init.register.registration import RegistrationSettings
from hfb.prior import MotionPriorSettings
from hfb.ranges import check_settings
from hfb.refine import LearningRates, RefineSettings, Stage
from hfb.render import RenderSettings
from hfb.training.lifting.module import LiftingLoss
from hfb.training.motion_prior.module import AmpLoss

HERE = Path(__file__).parent
SETTINGS: dict[type, dict[str, Any]] = {
    RefineSettings: {},
    Stage: {"num_steps": 3},
    LearningRates: {},
    RenderSettings: {},
    SfbRecipe: {},
    MfbRecipe: {},
    BaselineSettings: {},
    RestoreSettings: {},
    ClipSettings: {},
    SyntheticSettings: {},
    CameraRange: {},
    Recipe: {},
    WindowSettings: {},
    CorruptionSettings: {},
    MotionPriorSettings: {},
    LiftingSettings: {},
    RegistrationSettings: {},
    AmpLoss: {},
    LiftingLoss: {},
    PairsCommand: {"mocap": HERE, "output": Path("out")},
    RestoreCommand: {"data": HERE, "output": Path("out")},
    SyntheticCommand: {"output": Path("out")},
}
NEVER_A_NUMBER = (float("nan"), float("inf"), float("-inf"), 1e30, -1e30, "x", True)


def remade(valid: Any, **changes: Any) -> None:
    """Settings as the user's Python makes them: the suite checks types on its own before that."""
    other = object.__new__(type(valid))
    other.__dict__.update({**vars(valid), **changes})
    other.__post_init__()


def numeric_fields(kind: type) -> list[str]:
    hints = get_type_hints(kind)
    return [
        field.name
        for field in fields(kind)
        if hints[field.name] in (int, float, int | None, float | None)
    ]


@pytest.mark.parametrize("kind", list(SETTINGS), ids=lambda kind: kind.__name__)
def test_every_number_has_a_range_and_every_field_a_type(kind):
    valid = kind(**SETTINGS[kind])
    for name in numeric_fields(kind):
        for value in NEVER_A_NUMBER:
            with pytest.raises(InputError, match=rf"{name} must be .* got ") as error:
                remade(valid, **{name: value})
            assert "\n" not in str(error.value)
    for name in (field.name for field in fields(kind)):
        # No setting is a set: a type that no field has.
        with pytest.raises(InputError, match=f"{name} must be"):
            remade(valid, **{name: {1, 2}})


@dataclass(frozen=True)
class Blur:
    """One field of each kind."""

    formation: Literal["linear", "srgb"] = "linear"
    gain: float = 1.0
    count: int = 1
    limit: int | None = None
    edges: tuple[float, float] = (0.0, 1.0)
    weights: dict[str, float | list[float]] | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_settings(self, "blur", {"gain": (0.0, 2.0), "count": (1, 9), "edges": (0.0, 5.0)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"formation": "gamma"}, "blur.formation must be one of linear, srgb, got 'gamma'"),
        ({"gain": 2.5}, "blur.gain must be a finite number from 0 to 2, got 2.5"),
        ({"count": 1.0}, "blur.count must be a whole number from 1 to 9, got 1.0"),
        ({"limit": "all"}, "blur.limit must be a whole number or null, got 'all'"),
        ({"edges": (1.0, 9.0)}, "blur.edges must be 2 values, each a finite number from 0 to 5"),
        ({"edges": (1.0,)}, "blur.edges must be 2 values"),
        ({"names": "one"}, "blur.names must be a list, each entry text, got 'one'"),
        ({"names": "x" * 500}, f"got '{'x' * 59}…"),
    ],
)
def test_messages_say_what_is_possible(changes, message):
    with pytest.raises(InputError) as error:
        Blur(**changes)
    assert message in str(error.value)


def test_what_is_possible_is_taken():
    Blur("srgb", 2, 9, None, [0, 5], {"a": 1.0, "b": [1, 2]}, ["a"])


def test_folders_that_are_not_there_are_named_before_anything_is_made(tmp_path):
    for name in ("mocap", "cape", "background_folder", "texture_folder"):
        with pytest.raises(InputError, match=f"--{name}: there is no file or folder .*nowhere"):
            recipe_of(SyntheticCommand(tmp_path / "out", **{name: tmp_path / "nowhere"}))
    with pytest.raises(InputError, match=r"no motion capture at .*nowhere \(--mocap\)"):
        PairsCommand(mocap=tmp_path / "nowhere", output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
