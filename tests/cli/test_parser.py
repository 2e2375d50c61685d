"""Help and errors of the parser, and the search for configurations."""

import pytest
import yaml

from hfb.assets import configs_dir
from hfb.cli.parser import find_config, one_line
from hfb.command import main as hfb
from run_hfb import main
from train_amp import main as train


def said(capsys, args, run=main):
    """What a command line that stops with code 2 says: one line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(args)
    assert stop.value.code == 2
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    return output.err


def printed(capsys, args, run=main):
    """The output of a command line that stops with code 0."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(args)
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--model.refine.num_images=3", "--model.refine.num_images=3"),
        ("--modle.body=x", "--modle.body=x"),
        ("--data.roof=x", "data.roof: datamodules.benchmark.BenchmarkDataModule"),
        ("--model.initialiser.lift=x", "model.initialiser.lift: hfb.init.BlazePoseInitialiser"),
        ("--model.refine.degree=high", "model.refine.degree"),
        ("--model.render.mode=best", "model.render.mode"),
        ("--data=nowhere.Reader", "No module named 'nowhere'"),
        ("--model.output=x", "--output"),
        ("--ckpt_path=x", "--ckpt_path=x"),
    ],
)
def test_wrong_settings_are_one_line_that_names_them(capsys, option, part):
    text = said(capsys, ["test", option])
    assert part in text
    assert "run_hfb.py test --help-all" in text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"model": {"refine": {"num_images": 3}}}, "model.refine.num_images"),
        ({"modle": {"body": "x"}}, "modle.body"),
        ({"data": {"init_args": {"roof": "x"}}}, "data.roof"),
    ],
)
def test_wrong_keys_in_a_file_are_one_line_that_names_them(capsys, tmp_path, content, part):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(content))
    assert part in said(capsys, ["--config", str(path), "test"])


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["predict"], "hfb predict --help-all"),
        (["train-amp", "fit"], "hfb train-amp fit --help-all"),
        (["train-lifting", "fit"], "hfb train-lifting fit --help-all"),
    ],
)
def test_hfb_runs_the_same_commands(capsys, words, part):
    assert part in said(capsys, [*words, "--modle.body=x"], hfb)
    text = printed(capsys, ["--seed_everything=7", *words, "--print_config"], hfb)
    assert yaml.safe_load(text)["seed_everything"] == 7


def test_faults_of_the_trainers_settings_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "fast_dev_run" in said(capsys, ["test", "--trainer.fast_dev_run=-1"])
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_means_the_same_before_and_after_the_command(capsys, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("model: {refine: {image_size: 77}}\n")
    after = printed(capsys, ["test", "--config", str(path), "--print_config"])
    before = printed(capsys, ["--config", str(path), "test", "--print_config"])
    assert before == after
    assert yaml.safe_load(after)["model"]["refine"]["image_size"] == 77


def test_shipped_configurations_are_known_by_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = str(configs_dir() / "paper.yaml")
    for name in ("paper", "paper.yaml", "lightning_configs/paper.yaml"):
        assert find_config(name) == shipped
        text = printed(capsys, ["predict", "--config", name, "--print_config"])
        assert yaml.safe_load(text)["model"]["render"]["mode"] == "dibr"
    for name in ("other.yaml", "folder/paper.yaml", "paper.json", "", "model: {body: x}"):
        assert find_config(name) == name
    (tmp_path / "paper.yaml").write_text("model: {body: mine}\n")
    assert find_config("paper.yaml") == "paper.yaml"


def test_help_shows_the_settings_of_the_classes_in_use(capsys):
    text = printed(capsys, ["predict", "--help-all"])
    places = [text.index(name) for name in ("--output", "--data.image", "--model.refine.degree")]
    assert places == sorted(places)
    for part in ("--data.clip.part", "--model.initialiser.lifting", "--trainer.devices"):
        assert part in text
    assert "(default: 256)" in text  # image_size, from the configuration
    for clutter in ("known subclasses", "--trainer.profiler", "--optimizer", "--data.root"):
        assert clutter not in text
    assert "--data.root" in printed(capsys, ["test", "--help-all"])
    text = printed(capsys, ["fit", "--help-all"], train)
    for part in ("--data.windows.min_frames", "--ckpt_path", "--trainer.max_epochs"):
        assert part in text


def test_help_of_another_class(capsys):
    name = "datamodules.captured_folder.CapturedFolderDataModule"
    assert "--data.root" in printed(capsys, ["predict", "--data.help", name])


def test_the_gist_of_an_error():
    tree = (
        'Parser key "data":\n  Does not validate against any of the Union subtypes\n'
        "  Subtypes: [<class 'X'>, <class 'NoneType'>]\n  Errors:\n"
        "    - Problem with given class_path 'a.X':\n        No room\n"
        "    - Expected a <class 'NoneType'>\n  Given value type: <class 'str'>\n"
    )
    assert one_line(tree) == "Parser key \"data\": - Problem with given class_path 'a.X': No room"
    assert one_line("plain\n  words") == "plain words"
