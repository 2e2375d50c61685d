"""The programs that are given bad inputs, as functions of their arguments, and tiny settings."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

_STAGES = json.dumps([{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}])
TINY_FIT = (
    "--model.refine.image_size=48",
    "--model.refine.texture_size=32",
    "--model.refine.num_subframes=2",
    f"--model.refine.stages={_STAGES}",
    "--model.render.num_threads=1",
    "--trainer.logger=false",
)


def _entry(module: str, command: str | None, arguments: list[str]) -> None:
    importlib.import_module(module).main([command, *arguments] if command else arguments)


def _fit(arguments: list[str]) -> None:
    """`hfb.fit` with arrays from an npz: what callers from Python may pass."""
    import hfb
    from hfb.errors import HfbError

    with np.load(arguments[0], allow_pickle=False) as stored:
        given = {name: stored[name] for name in stored.files}
    settings: dict[str, Any] = {
        "image_size": 48,
        "texture_size": 32,
        "num_subframes": 2,
        "stages": [{"num_steps": 1}] * 3,
        "show_progress": False,
    }
    try:
        hfb.fit(given.pop("photo"), **given, **settings)
    except HfbError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _load_body(arguments: list[str]) -> None:
    from hfb.body import load_body
    from hfb.cli.errors import user_errors_as_one_line

    with user_errors_as_one_line():
        load_body(Path(arguments[0]))


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "predict": partial(_entry, "run_hfb", "predict"),
    "test": partial(_entry, "run_hfb", "test"),
    "train_amp fit": partial(_entry, "train_amp", "fit"),
    "train_amp test": partial(_entry, "train_amp", "test"),
    "train_lifting fit": partial(_entry, "hfb.training.lifting.__main__", "fit"),
    "synthetic": partial(_entry, "datamodules.synthetic.command", None),
    "lifting_pairs": partial(_entry, "datamodules.lifting_pairs", None),
    "external": partial(_entry, "datamodules.external", None),
    "restore": partial(_entry, "datamodules.restore", None),
    "hfb.fit": _fit,
    "load_body": _load_body,
}
TINY = {
    "predict": TINY_FIT,
    "test": TINY_FIT,
    "train_amp fit": (
        "--data.num_train=64",
        "--data.num_val=16",
        "--data.batch_size=16",
        "--data.steps_per_epoch=1",
        "--model.prior.width=16",
        "--trainer.max_epochs=1",
        "--trainer.enable_progress_bar=false",
    ),
    "train_amp test": ("--data.num_train=64", "--data.num_val=16", "--data.batch_size=16"),
    "train_lifting fit": (
        "--model.network.width=16",
        "--trainer.max_epochs=1",
        "--trainer.enable_progress_bar=false",
    ),
    "synthetic": ("--height=64", "--width=64", "--num_samples=1", "--workers=1"),
    "lifting_pairs": ("--count=1", "--workers=1"),
}


def run(program: str, arguments: tuple[str, ...]) -> None:
    """Run a program in this process, in little; what a case says comes last and wins."""
    PROGRAMS[program]([*TINY.get(program, ()), *arguments])
