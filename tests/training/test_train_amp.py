"""`train_amp.py` from the command line, on recordings that the test makes."""

import math
import sys

import pytest
import torch
from recordings import make_clip, save_clip

from hfb.prior import load_motion_prior
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


def test_user_errors_are_one_line(run, tmp_path, capsys):
    for options, message in (
        ([f"--data.path={tmp_path / 'nowhere'}"], "no motion capture at"),
        ([f"--model.checkpoint={tmp_path / 'none.ckpt'}"], "none.ckpt"),
    ):
        with pytest.raises(SystemExit) as caught:
            run("test", *options)
        assert caught.value.code == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert message in error
