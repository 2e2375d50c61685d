"""Every command of the README runs as it is written, on small data of the names that it uses."""

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from evaluation_runs import small_samples, write_data_set
from photo_files import QUICK, SETTINGS
from PIL import Image
from recordings import make_clip, save_clip
from torch import Tensor
from training_pairs import make_pairs

import hfb
from datamodules import benchmark
from hfb.cli import programs
from hfb.init import write_estimate
from hfb.structures import BlurSample

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [
    line.split("  #")[0].strip()
    for language, block in BLOCKS
    if not language
    for line in block.splitlines()
    if line.strip()
]
PYTHON = [block for language, block in BLOCKS if language == "python"]
# First cells of the tables: `--option value`, several with commas between them.
OPTIONS = [
    option
    for row in re.findall(r"^\| (`--.*?) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    for option in re.findall(r"`(.+?)`", row)
]
FRAMES = 230  # the README's clip has a frame 229

TINY = {
    "predict": [*QUICK, "--data.estimate=start.hfbinit.npz", "--trainer.logger=false"],
    "test": [*QUICK, "--trainer.logger=false"],
    "train_amp": [
        "--data.num_train=64",
        "--data.num_val=16",
        "--data.batch_size=16",
        "--data.steps_per_epoch=2",
        "--data.cache=cache",
        "--model.prior.width=16",
        "--trainer.max_epochs=1",
        "--trainer.enable_progress_bar=false",
        "--trainer.log_every_n_steps=1",
    ],
    "hfb.training.lifting": [
        "--trainer.enable_progress_bar=false",
        "--trainer.num_sanity_val_steps=0",
        "--trainer.log_every_n_steps=1",
        "--trainer.max_epochs=1",
        "--model.network.width=32",
    ],
    "datamodules.synthetic": [
        "--height=96",
        "--width=80",
        "--per_bin=[1,0,0,0,0,0,0,0,0,0]",
        "--workers=1",
    ],
    "datamodules.lifting_pairs": ["--count=1"],
}
# Making pairs takes a network and minutes: of these commands the options are read, no more.
READ_ONLY = {"datamodules.lifting_pairs"}


@pytest.fixture(scope="module")
def samples() -> list[BlurSample]:
    return small_samples(["one"])


@pytest.fixture
def place(samples: list[BlurSample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that the README's commands name."""
    monkeypatch.chdir(tmp_path)
    (sample,) = samples
    photo, scene = (_pixels(image) for image in (sample.blurry[0], sample.background))
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    Image.fromarray(scene).save(tmp_path / "empty_scene.jpg", quality=95)
    _write_starts(tmp_path / "start.hfbinit.npz", sample)
    _write_clip(tmp_path / "clip.mp4", photo, scene)
    for number, subject in enumerate(("ann", "bob", "hal")):  # hal is kept for validation
        save_clip(tmp_path / "AMASS", make_clip("walk", subject, None, seed=number))
    data = write_data_set(tmp_path / "data", samples)
    (tmp_path / "DIR").mkdir()
    (data / "test").rename(tmp_path / "DIR" / "NAME")
    make_pairs(tmp_path / "outputs" / "lifting_pairs" / "train", "ann", 32, 1)
    make_pairs(tmp_path / "outputs" / "lifting_pairs" / "val", "bob", 16, 2)
    monkeypatch.setattr(benchmark, "cache_dir", lambda: tmp_path / "user_cache")
    monkeypatch.setattr(
        benchmark,
        "make_built_in",
        lambda folder: write_data_set(folder.parent, samples),
    )
    return tmp_path


def _pixels(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray((image.permute(1, 2, 0) * 255).round().byte().numpy())


def _write_starts(path: Path, sample: BlurSample) -> None:
    """The same starting pose for each frame of the clip, as a tool would write it."""
    write_estimate(path, sample.estimate)
    with np.load(path) as stored:
        arrays = dict(stored)
    for name in ("poses", "betas", "trans", "score"):
        arrays[name] = np.repeat(arrays[name], FRAMES, axis=0)
    np.savez(path, **(arrays | {"frame_ids": np.arange(FRAMES)}))


def _write_clip(path: Path, photo: np.ndarray, scene: np.ndarray) -> None:
    """The photo for 60 frames, then the scene without the person."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.height, stream.width = photo.shape[:2]
        stream.bit_rate = 4_000_000
        for number in range(FRAMES):
            image = photo if number < 60 else scene
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _program(words: list[str]) -> tuple[str, Callable[[list[str]], Any], list[str]]:
    """What TINY calls it, its entry point, and the arguments of `python …`."""
    assert words[0] == "python"
    if words[1] == "-m":
        name = words[2]
        module = name if name != "hfb.training.lifting" else f"{name}.__main__"
        module = f"{name}.command" if name == "datamodules.synthetic" else module
        return name, importlib.import_module(module).main, words[3:]
    name = words[1].removesuffix(".py")
    entry = importlib.import_module(name).main
    return (words[2] if name == "run_hfb" else name), entry, words[2:]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python ")])
def test_commands_run(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, entry, arguments = _program(shlex.split(command))
    monkeypatch.setattr(sys, "argv", ["program"])
    if name in READ_ONLY:
        module = importlib.import_module(name)
        monkeypatch.setattr(module, "generate", lambda command, console: None)
    extra = TINY[name]
    if "--data.clip.part" in arguments:
        extra = [*extra, "--data.clip.part=0:4", "--model.refine.overlap=1"]
    entry([*arguments, *extra])
    made = {path.name for path in place.rglob("*")}
    if name == "predict":
        assert {"motion.npz", "mesh.glb", "subframes.mp4"} <= made
    elif name == "test":
        assert {"metrics.json", "table.md"} <= made
    elif name == "datamodules.synthetic":
        assert list((place / "DIR" / "test").glob("contact_sheet*.png"))
    elif name not in READ_ONLY:
        assert {"amp.ckpt", "lifting.ckpt"} & made


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_knows_its_targets(command: str, repo: Path) -> None:
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=repo, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.usefixtures("place")
def test_the_python_example_runs(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    few = partial(
        hfb.fit, estimate=str(place / "start.hfbinit.npz"), show_progress=False, **SETTINGS
    )
    monkeypatch.setattr(hfb, "fit", few)
    assert len(PYTHON) == 1
    exec(PYTHON[0], {})
    assert (place / "out" / "samples" / "photo" / "motion.npz").is_file()


def test_everything_in_the_readme_is_run() -> None:
    """What starts with neither word would be left out above."""
    assert len(COMMANDS) >= 10
    assert all(command.startswith(("python ", "make ")) for command in COMMANDS)


PLACEHOLDERS = {"N": "3", "[x0,y0,x1,y1]": "[0,0,60,60]", "DIR": "out", "FOLDER": "out"}


def test_options_are_known(capsys: pytest.CaptureFixture) -> None:
    """predict or test reads each of them, with a value of the kind that stands there."""
    options = [shlex.split(option) for option in OPTIONS if option.startswith("--")]
    assert len(options) >= 14
    main = importlib.import_module("run_hfb").main
    for words in options:
        typed = [PLACEHOLDERS.get(word, word) for word in words]
        faults = []
        for command in ("predict", "test"):
            with pytest.raises(SystemExit):
                main([command, *typed, "--print_config"])
            faults.append(capsys.readouterr().err)
        assert "" in faults, (words, faults)


def test_installed_commands_are_those_of_the_table() -> None:
    text = README.read_text(encoding="utf-8")
    for installed, here in re.findall(r"^\| `hfb (.+?)` \| `python (.+?)` \|", text, re.MULTILINE):
        assert installed.split()[0] in programs.HFB.commands
        assert here.split()[-1] == installed.split()[-1]
