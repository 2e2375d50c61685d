"""A training shared by two processes."""

import os
import subprocess
import sys

import torch
from recordings import make_clip, save_clip

from hfb.prior import load_motion_prior


def test_two_processes_train_one_prior(tmp_path, repo):
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    options = {
        "data.path": tmp_path / "mocap",
        "data.cache": tmp_path / "cache",
        "data.num_train": 120,
        "data.num_val": 40,
        "data.batch_size": 16,
        "data.steps_per_epoch": 6,
        "model.prior.width": 16,
        "trainer.devices": 2,
        "trainer.strategy": "ddp",
        "trainer.max_epochs": 1,
        "trainer.log_every_n_steps": 2,
        "trainer.default_root_dir": tmp_path / "out",
    }
    command = [sys.executable, str(repo / "train_amp.py"), "fit"]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, "PYTHONPATH": str(repo), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    file = tmp_path / "out" / "amp.ckpt"
    assert load_motion_prior(file).settings.width == 16
    card = torch.load(file, weights_only=True)["card"]
    assert card["steps"] == 6
    # Each process has judged all validation windows.
    assert card["figures"]["windows"] == 40
    assert len(list((tmp_path / "cache").glob("train-*.npz"))) == 1
    assert not list((tmp_path / "cache").glob("frames-*"))
