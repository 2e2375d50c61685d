"""`python -m hfb.training.lifting` from the command line, on pairs that the test makes up."""

import sys

import pytest
import torch
from training_pairs import make_pairs

from hfb.init.lift.checkpoint import load_lifting
from hfb.training.lifting.__main__ import main

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.num_sanity_val_steps=0"]
SMALL = ["--model.network.width=64", "--model.network.token_width=16",
         "--model.network.num_layers=1", "--model.network.dropout=0.0",
         "--model.network.token_dropout=0.0", "--data.batch_size=32"]  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Calls a subcommand on made-up pairs, outputs under tmp_path."""
    make_pairs(tmp_path / "train", "ann", 256, 1)
    make_pairs(tmp_path / "val", "bob", 64, 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lifting"])

    def call(command, *options):
        folders = [f"--data.{name}={tmp_path / part}" for name, part in
                   (("pairs", "train"), ("val_pairs", "val"))]  # fmt: skip
        main([command, *folders, *QUIET, *options])

    return call


def metric(text, name):
    return float(text.split(f"\n{name} ")[1].split()[0])


def test_fit_learns_what_there_is_to_learn(run, tmp_path, capsys):
    start = ["--trainer.max_epochs=1", "--model.lr=0.0", "--data.mirror=0"]
    run("fit", *SMALL, *start)
    run("test", "--model.checkpoint=outputs/lifting/lifting.ckpt")
    before = metric(capsys.readouterr().out, "mpjpe_mm")
    run("fit", *SMALL, "--trainer.max_epochs=25", "--model.lr=0.003", "--data.mirror=0")
    run("test", "--model.checkpoint=outputs/lifting/lifting.ckpt")
    text = capsys.readouterr().out
    assert metric(text, "mpjpe_mm") < 0.6 * before
    # It knows about how wrong it still is.
    assert 0.5 < metric(text, "expected_mm") / metric(text, "mpjpe_mm") < 2.0
    assert "left_elbow" in text
    network, card = load_lifting(tmp_path / "outputs" / "lifting" / "lifting.ckpt")
    assert network.settings.width == 64
    assert card["body"] == "free_body"
    assert (tmp_path / "outputs" / "lifting" / "config.yaml").is_file()
    assert (tmp_path / "outputs" / "lifting" / "checkpoints" / "last.ckpt").is_file()


def test_a_stopped_run_goes_on(run, tmp_path):
    run("fit", *SMALL, "--trainer.max_epochs=1")
    run("fit", *SMALL, "--trainer.max_epochs=2",
        "--ckpt_path=outputs/lifting/checkpoints/last.ckpt")  # fmt: skip
    content = torch.load(tmp_path / "outputs/lifting/lifting.ckpt", weights_only=True)
    assert content["card"]["steps"] == 16


def test_user_errors_are_one_line(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("fit", "--data.pairs=nowhere")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: no pairs in nowhere")
    (tmp_path / "other.ckpt").write_bytes(b"nothing")
    with pytest.raises(SystemExit):
        run("test", "--model.checkpoint=other.ckpt")
    assert "cannot be read as a lifting network" in capsys.readouterr().err


def test_a_run_goes_on_from_a_finished_network_that_had_no_transformer(run, tmp_path, capsys):
    perceptron = [option for option in SMALL if "num_layers" not in option]
    run("fit", *perceptron, "--model.network.num_layers=0", "--trainer.max_epochs=3")
    finished = tmp_path / "finished.ckpt"
    (tmp_path / "outputs/lifting/lifting.ckpt").rename(finished)
    run("test", f"--model.checkpoint={finished}")
    before = metric(capsys.readouterr().out, "mpjpe_mm")
    begin = f"--model.begin_from={finished}"
    run("fit", *SMALL, begin, "--trainer.max_epochs=1", "--model.lr=0.0")
    run("test", "--model.checkpoint=outputs/lifting/lifting.ckpt")
    assert metric(capsys.readouterr().out, "mpjpe_mm") == pytest.approx(before, abs=0.5)
    with pytest.raises(SystemExit):
        run("fit", *SMALL, begin, "--model.network.width=32")
    assert "does not fit the network's settings" in capsys.readouterr().err


def test_a_finished_network_lies_between_what_it_was_and_what_it_became(run, tmp_path):
    written = tmp_path / "outputs/lifting/lifting.ckpt"
    states = {}
    run("fit", *SMALL, "--trainer.max_epochs=1")
    written.rename(tmp_path / "begun.ckpt")
    states["begun"] = load_lifting(tmp_path / "begun.ckpt")[0].state_dict()
    begin = f"--model.begin_from={tmp_path / 'begun.ckpt'}"
    for share in (0.0, 0.25):
        run("fit", *SMALL, begin, "--trainer.max_epochs=2", f"--model.keep_share={share}")
        states[share] = load_lifting(written)[0].state_dict()
    name = "enter.weight"
    wanted = 0.25 * states["begun"][name] + 0.75 * states[0.0][name]
    assert not torch.allclose(states[0.0][name], states["begun"][name], atol=1e-3)
    torch.testing.assert_close(states[0.25][name], wanted, atol=1e-3, rtol=0)
    with pytest.raises(SystemExit):
        run("fit", *SMALL, begin, "--model.keep_share=2")
