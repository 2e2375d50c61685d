"""Which ingredients a photo has, and that without any it is the plain one."""

from pathlib import Path

import pytest
import torch
from synthetic_wild import planned

from datamodules.synthetic.protocol import Recipe, plan_in_bin
from datamodules.synthetic.scene import default_body, draw_scene
from datamodules.synthetic.wild.draw import draw_wild_scene
from datamodules.synthetic.wild.record import read_world
from datamodules.synthetic.wild.settings import Ingredient, Mix, WorldSettings
from datamodules.synthetic.writer import Slot, keep_recipe, make_slot
from hfb.errors import InputError


@pytest.mark.parametrize("how", ["never", "with strength 0"])
def test_nothing_in_the_world_gives_the_plain_photo(how: str) -> None:
    nothing = Ingredient(0.0) if how == "never" else Ingredient(1.0, 0.0)
    world = WorldSettings(**dict.fromkeys(WorldSettings.names(), nothing))
    body = default_body()
    wild = draw_wild_scene(planned(world, 3, body), world, keep_sharp=True)
    plain = draw_scene(planned(WorldSettings.plain(), 3, body), keep_sharp=True)
    assert wild.mix.strengths == {}
    assert wild.details == {}
    assert torch.equal(wild.sample.blurry, plain.sample.blurry)
    assert torch.equal(wild.sample.background, plain.sample.background)
    assert torch.equal(wild.sample.target.joints, plain.sample.target.joints)
    torch.testing.assert_close(wild.sharp, plain.sharp, atol=1e-4, rtol=0)


def test_ingredients_come_as_often_as_they_should_and_leave_one_another_alone() -> None:
    world = WorldSettings()
    mixes = [Mix.draw(world, seed) for seed in range(400)]
    for name in WorldSettings.names():
        share = sum(name in mix for mix in mixes) / len(mixes)
        assert share == pytest.approx(getattr(world, name).chance, abs=0.08)
    for seed in range(20):
        mix, other = mixes[seed], Mix.draw(world.without(["shadow"]), seed)
        assert "shadow" not in other
        assert set(mix.strengths) - {"shadow"} == set(other.strengths)
        assert mix.rng("noise").random() == other.rng("noise").random()
    assert mixes[0].rng("noise").random() != mixes[1].rng("noise").random()


def test_ingredients_are_named() -> None:
    assert set(Mix.draw(WorldSettings().only(["ghost", "hair"]), 1).strengths) == {"ghost", "hair"}
    with pytest.raises(InputError, match="there is no ingredient 'rain': there are garments"):
        WorldSettings().without(["rain"])
    with pytest.raises(InputError, match=r"world\.chance must be a finite number from 0 to 1"):
        Ingredient(1.5)


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    world = WorldSettings(**dict.fromkeys(WorldSettings.names(), Ingredient(1.0)))
    recipe = Recipe(protocol="wild", seed=5, height=96, width=80, bins=(0.1, 0.6), world=world)
    for name in ("one", "two"):
        made = make_slot(recipe, tmp_path / name, Slot(0, 0))
        assert made.fault is None
    folder = tmp_path / "one" / "wild_bin0_000"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "background.png", "blurry_000.png", "preview.png", "sample.json", "target.npz",
        "true_matte.png", "world.json",
    }  # fmt: skip
    for name in names:
        assert (folder / name).read_bytes() == (
            tmp_path / "two" / "wild_bin0_000" / name
        ).read_bytes()
    record = read_world(folder)
    assert set(record["ingredients"]) == set(WorldSettings.names())
    assert {"shadow", "exposure", "noise", "ghost", "shake"} <= set(record["details"])
    assert read_world(tmp_path) == {}


def test_recipes_of_other_data_sets_stay_as_they_are(tmp_path: Path) -> None:
    keep_recipe(Recipe(), tmp_path)
    assert "world" not in (tmp_path / "recipe.json").read_text()
    keep_recipe(Recipe(protocol="wild"), tmp_path / "wild")
    with pytest.raises(InputError, match="another recipe"):
        keep_recipe(Recipe(protocol="wild", world=WorldSettings.plain()), tmp_path / "wild")


def test_wild_motions_are_captured_and_procedural(mocap: Path) -> None:
    world = WorldSettings.plain()
    recipe = Recipe(
        protocol="wild", mocap=mocap, subjects="all", height=96, width=80, bins=(0.0, 9.0),
        world=world,
    )  # fmt: skip
    names = [plan_in_bin(recipe, 0, index).shot.source.name for index in range(8)]
    captured = [name.startswith(("01_", "02_")) for name in names]
    assert any(captured)
    assert not all(captured)
