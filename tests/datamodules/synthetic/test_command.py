"""The command that writes data sets."""

import json
import os

import pytest
import torch

from datamodules.blur_folder import read_sample
from datamodules.synthetic import command
from datamodules.synthetic.command import main
from datamodules.synthetic.data_module import make_sample
from datamodules.synthetic.shot import SyntheticSettings


def test_command_writes_readable_samples(tmp_path, capsys):
    main(
        ["--output", str(tmp_path), "--num-samples", "1", "--first-seed=3", "--height=96",
         "--width", "80"]
    )  # fmt: skip
    (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
    record = json.loads((folder / "sample.json").read_text())
    assert record["body"]["name"] == "free_body"
    sample = read_sample(folder)
    expected = make_sample(SyntheticSettings(height=96, width=80), 3)
    torch.testing.assert_close(sample.blurry, expected.blurry, atol=1e-4, rtol=0)
    assert torch.equal(sample.target.silhouettes, expected.target.silhouettes)
    assert (tmp_path / "contact_sheet.png").is_file()
    assert "blur rate" in capsys.readouterr().out


def test_workers_are_counted_on_systems_that_confine_no_process(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    asked = []

    def make_all(recipe, folder, slots, workers, *_):
        asked.append(workers)
        return []

    monkeypatch.setattr(command, "make_all", make_all)
    main([f"--output={tmp_path}"])
    main([f"--output={tmp_path}", "--workers=2"])
    assert asked == [3, 2]


def test_mistakes_are_one_line(tmp_path, capsys):
    for mistake, part in (("--blur_rate=[0.5, 0.2]", "blur_rate"), ("--table=table3", "table3")):
        with pytest.raises(SystemExit) as stop:
            main([f"--output={tmp_path}", mistake])
        assert stop.value.code == 2
        assert part in capsys.readouterr().err
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "sample.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([f"--output={tmp_path}", "--num_samples=1"])
    assert "unknown origin" in capsys.readouterr().err


def test_help_lists_the_wild_protocol_and_its_ingredients(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "{procedural,bt_amass,bc_cape,wild}" in text
    assert "--world.shadow.chance" in text
    assert "--without" in text


def test_ingredients_of_the_world_reach_the_recipe(tmp_path, capsys, monkeypatch):
    recipes = []

    def make_all(recipe, folder, slots, workers, *_):
        recipes.append(recipe.world)
        return []

    monkeypatch.setattr(command, "make_all", make_all)
    wild = [f"--output={tmp_path}", "--protocol=wild"]
    main([*wild, "--world.ghost.strength=2", "--without=[shadow]"])
    main([*wild, "--only=[ghost, hair]"])
    assert recipes[0].ghost.strength == 2.0
    assert recipes[0].shadow.chance == 0.0
    assert recipes[0].hair.chance > 0.0
    assert {n for n in recipes[1].names() if getattr(recipes[1], n).chance > 0} == {"ghost", "hair"}
    for mistake, part in (
        ([*wild, "--only=[rain]"], "there is no ingredient 'rain'"),
        ([*wild, "--world.ghost.chance=2"], "chance"),
        ([f"--output={tmp_path}", "--without=[ghost]"], "are for --protocol wild"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(mistake)
        assert stop.value.code == 2
        assert part in " ".join(capsys.readouterr().err.split())
