"""`train_amp.py` from the command line, on recordings that the test makes."""

import math
import sys

import pytest
import torch
from recordings import make_clip, save_clip
from training_pairs import make_pairs

from hfb.prior import load_coefficient_prior, load_motion_prior
from train_amp import main

TINY = [
    "--data.num_train=200",
    "--data.num_val=64",
    "--data.batch_size=32",
    "--data.show_progress=false",
    "--trainer.enable_progress_bar=false",
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Calls a subcommand on three synthetic subjects, outputs under tmp_path."""
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_amp.py"])

    def call(command, *options):
        paths = [f"--data.path={tmp_path / 'mocap'}", f"--data.cache={tmp_path / 'cache'}"]
        main([command, *paths, *TINY, *options])

    return call


FIT = ["--data.steps_per_epoch=40", "--model.prior.width=32", "--trainer.log_every_n_steps=10"]


def test_fit_resume_and_test(run, tmp_path, capsys):
    run("fit", *FIT, "--trainer.max_epochs=2")
    prior = load_motion_prior(tmp_path / "outputs" / "amp" / "amp.ckpt")
    assert prior.settings.width == 32
    content = torch.load(tmp_path / "outputs/amp/amp.ckpt", weights_only=True)
    metrics = content["card"]["figures"]
    # Synthetic people walk forwards with one phase of arms and legs: easy to learn.
    assert metrics["score_accuracy_over_10cm"] > 0.8
    assert metrics["pose_accuracy_over_10cm"] > 0.8
    assert metrics["windows"] == 64
    assert (tmp_path / "outputs" / "amp" / "config.yaml").is_file()
    assert list((tmp_path / "outputs" / "amp" / "tensorboard").glob("events*"))
    last = tmp_path / "outputs" / "amp" / "checkpoints" / "last.ckpt"
    assert last.is_file()
    run("fit", *FIT, "--trainer.max_epochs=3", f"--ckpt_path={last}")
    content = torch.load(tmp_path / "outputs/amp/amp.ckpt", weights_only=True)
    assert content["card"]["steps"] == 120
    capsys.readouterr()
    run("test", f"--model.checkpoint={tmp_path / 'outputs' / 'amp' / 'amp.ckpt'}")
    text = capsys.readouterr().out
    assert "direction_accuracy" in text
    value = float(text.split("direction_accuracy ")[1].split()[0])
    assert math.isclose(value, content["card"]["figures"]["direction_accuracy"], abs_tol=0.05)


def test_the_papers_parameterisation_trains_too(run, tmp_path):
    run(
        "fit",
        *FIT,
        "--trainer.max_epochs=1",
        "--data.windows.parameterization=paper",
        "--data.steps_per_epoch=4",
    )
    prior = load_motion_prior(tmp_path / "outputs" / "amp" / "amp.ckpt", "paper")
    assert prior.scale.shape == (4, 25)


def test_everything_goes_below_the_root_that_is_given(run, tmp_path):
    run("fit", *FIT, "--trainer.max_epochs=1", f"--trainer.default_root_dir={tmp_path / 'out'}")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"amp.ckpt", "config.yaml", "tensorboard", "checkpoints"}
    assert not (tmp_path / "outputs").exists()


def test_a_wrong_checkpoint_is_noticed_before_any_work(run, tmp_path, capsys, monkeypatch):
    def work(*args, **kwargs):
        raise AssertionError("recordings were read")

    monkeypatch.setattr("datamodules.mocap.data_module.iterate_mocap", work)
    for command, option in (
        ("test", f"--model.checkpoint={tmp_path / 'none.ckpt'}"),
        ("fit", f"--ckpt_path={tmp_path / 'none.ckpt'}"),
        ("test", f"--ckpt_path={tmp_path / 'none.ckpt'}"),
    ):
        with pytest.raises(SystemExit) as caught:
            run(command, option)
        assert caught.value.code == 2
        assert "none.ckpt" in capsys.readouterr().err


PAPER = [
    "--config=train_amp_paper.yaml",
    "--data.steps_per_epoch=30",
    "--model.networks.width=32",
    "--trainer.log_every_n_steps=10",
    "--trainer.max_epochs=1",
]


def test_the_papers_own_form_trains_and_is_tested(run, tmp_path, capsys):
    make_pairs(tmp_path / "pairs", "ann", 120, 0)
    make_pairs(tmp_path / "val_pairs", "cat", 40, 1)
    pairs = [f"--data.pairs={tmp_path / 'pairs'}", f"--data.val_pairs={tmp_path / 'val_pairs'}"]
    run("fit", *PAPER, *pairs)
    file = tmp_path / "outputs/amp_paper/amp_paper.ckpt"
    prior = load_coefficient_prior(file)
    assert prior.settings.shape == (3, 25, 4)
    figures = torch.load(file, weights_only=True)["card"]["figures"]
    assert figures["people"] == 40
    capsys.readouterr()
    run("test", "--config=train_amp_paper.yaml", *pairs, f"--model.checkpoint={file}")
    text = capsys.readouterr().out
    assert "led_in_right_direction" in text
    assert float(text.split("followed_mpjpe_mm ")[1].split()[0]) > 0


def test_the_papers_own_form_trains_without_pairs(run, tmp_path):
    run("fit", *PAPER, "--data.steps_per_epoch=4", "--data.windows.degree=3")
    prior = load_coefficient_prior(tmp_path / "outputs/amp_paper/amp_paper.ckpt")
    assert prior.settings.degree == 3


def test_user_errors_are_one_line(run, tmp_path, capsys):
    for options, message in (
        ([f"--data.path={tmp_path / 'nowhere'}"], "no motion capture at"),
        ([f"--model.checkpoint={tmp_path / 'none.ckpt'}"], "none.ckpt"),
        (
            ["--config=train_amp_paper.yaml", "--data.pairs=nowhere"],
            "data.pairs: there is no folder",
        ),
        (
            ["--config=train_amp_paper.yaml", "--data.windows.parameterization=tangent"],
            "give paper",
        ),
    ):
        with pytest.raises(SystemExit) as caught:
            run("test", *options)
        assert caught.value.code == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert message in error
