"""What users type wrongly ends with one line and code 2, at once, and nothing of theirs is run."""

import functools
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

import hfb
from datamodules.external import main as external
from datamodules.lifting_pairs import main as pairs
from datamodules.restore import main as restore
from datamodules.synthetic.command import main as synthetic
from hfb.cli.safe_yaml import UnsafeYamlError, check_yaml, load_yaml
from hfb.command import run_hfb, train_amp, train_lifting
from hfb.errors import HfbError

Run = Callable[[list[str]], None]

PREDICT = [
    # Seeds and the trainer's settings.
    ("--seed_everything=-1", "seed_everything must be a whole number from 0 to 4294967295, got -1"),
    ("--seed_everything=1099511627776", "seed_everything must be a whole number from 0"),
    ("--seed_everything=many", "expected a whole number"),
    ("--trainer.accelerator=tpu", "trainer's settings cannot be used: "),
    ("--trainer.accelerator=nonsense", "invalid accelerator name"),
    ("--trainer.strategy=nonsense", "invalid strategy name"),
    ("--trainer.strategy=fsdp", "trainer's settings cannot be used: "),
    ("--trainer.devices=-1", "trainer.devices -1 cannot be had"),
    ("--trainer.devices=100000", "trainer.devices 100000 cannot be had"),
    ("--trainer.num_nodes=0", "`num_nodes` must be a positive integer"),
    ("--trainer.precision=16", "trainer.precision 16: everything here is computed in 32 bits"),
    ("--trainer.precision=64-true", "trainer.precision 64-true"),
    ("--trainer.precision=transformer-engine", "trainer.precision transformer-engine"),
    ("--trainer.precision=nonsense", "expected one of transformer-engine"),
    ("--trainer.barebones=true", "barebones"),
    ("--trainer.log_every_n_steps=-1", "trainer.log_every_n_steps must be"),
    # Settings of the fit.
    ("--model.refine.image_size=100000", "refine.image_size must be a whole number from 8 to 4096"),
    ("--model.refine.degree=50", "refine.degree must be a whole number from 1 to 10, got 50"),
    ("--model.refine.lr.pose=1e30", "refine.lr.pose must be"),
    ("--model.refine.stages=[]", "refine.stages is empty"),
    ("--model.refine.formation=gamma", "expected one of linear, srgb"),
    ("--model.render.backend=cuda", "must be one of auto, torch, numba, warp, kaolin"),
    ("--model.initialiser.num_threads=0", "initialiser.num_threads must be"),
    ("--model.image_every=-1", "model.image_every must be"),
    ("--model.baselines.sfb.num_steps=0", "baselines.num_steps must be"),
    # Options that need another one.
    ("--data.background_frame=3", "background_frame given, but neither an image nor a video"),
    ("--data.clip.part=0:5", "clip given, but neither"),
    ("--data.clip.average=0", "clip.average must be a whole number from 1"),
    ("--data.region=[0,0,50,50]", "region given, but neither"),
    ("--data.alpha=x.png", "alpha given, but neither"),
    ("--data.example_seed=-1", "data.example_seed must be"),
    # Classes that are none of ours.
    ("--data=os.system", "does not correspond to a subclass of LightningDataModule"),
    ("--data=hfb.api.fit", "does not correspond to a subclass"),
    ("--data=datamodules.captured.Nope", "has no attribute 'Nope'"),
    ("--data=[]", "Not a valid subclass"),
    ("--model.initialiser=nope", "expected a class (module.Class): nope"),
    ("--model.initialiser=hfb.init.Initialiser", "is abstract"),
    ("--config=", "is a folder"),
    ("--config=/nowhere.yaml", "the configuration /nowhere.yaml is not there"),
]  # fmt: skip
OTHERS = [
    (run_hfb, ["test", "--data.batch_size=0"], "data.batch_size must be a whole number from 1"),
    (run_hfb, ["test", "--data.limit=-2"], "data.limit must be"),
    (run_hfb, ["test", "--model.methods=[]"], "methods []: name at least one"),
    (run_hfb, ["test", "--model.table=table9"], "expected one of table1, table2"),
    (train_amp, ["fit", "--ckpt_path=/nowhere"], "--ckpt_path /nowhere: there is no such file"),
    (train_amp, ["fit", "--ckpt_path={text}"], "it is no file of weights that torch has written"),
    (train_amp, ["test", "--model.checkpoint=/nowhere"], "model.checkpoint /nowhere: there is no"),
    (train_amp, ["test", "--model.checkpoint={text}"], "cannot be read as a motion prior"),
    (train_amp, ["fit", "--data.batch_size=-1"], "data.batch_size must be"),
    (train_amp, ["fit", "--data.corruption.noise=2"], "corruption.noise must be"),
    (train_amp, ["fit", "--model.lr=-1"], "model.lr must be"),
    (train_amp, ["fit", "--model.prior.width=1000000"], "prior.width must be"),
    (train_lifting, ["test", "--model.checkpoint=/nowhere"], "there is no such file"),
    (train_lifting, ["fit", "--data.mirror=2"], "data.mirror must be"),
    (synthetic, ["--output={out}", "--protocol=bt_amass", "--mocap=/nowhere"], "--mocap: there is"),
    (synthetic, ["--output={out}", "--num_samples=-1"], "num_samples must be"),
    (synthetic, ["--output={out}", "--per_bin=[0,0]"], "ask for a sample in one bin at least"),
    (synthetic, ["--output={out}", "--body=/nowhere"], "--body: there is no file /nowhere"),
    (synthetic, ["--output={out}", "--protocol=x"], "expected one of procedural"),
    (synthetic, ["--output={out}", "--config={bomb}"], "stands for more than"),
    (synthetic, [], "required: output"),
    (pairs, ["--mocap=/nowhere", "--output={out}"], "no motion capture at /nowhere"),
    (pairs, ["--mocap={out}", "--output={out}", "--background_folder=/no"], "--background_folder"),
    (restore, ["--data={loop}", "--output={loop}"], "must not be the data set itself"),
    (external, ["--tool=x", "--source=x", "--output={out}"], "expected one of hybrik"),
    (
        external,
        ["--tool=cliff", "--source=x", "--output=x", "--num_photos=0"],
        "num_photos must be",
    ),
]
LETTERS = "abcdefg"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(LETTERS)
)
FILES = {
    "itself": (b"a: &a [*a]\n", "contains itself"),
    "merged": (b"a: &a {<<: *a}\n", "contains itself"),
    "bomb": (BOMB.encode(), "stands for more than 20000 values"),
    "deep": (b"[" * 5000, "nest"),
    "levels": (b"a: " + b"[" * 60 + b"]" * 60, "nested more than 50 levels"),
    "latin": ("model: {body: 'für'}".encode("latin-1"), "UTF-8"),
    "binary": (bytes(range(128, 256)), "UTF-8"),
    "zeros": (bytes(300), "control characters"),
    "empty": (b"", "holds no settings"),
    "words": (b"just words", "holds no settings"),
    "twice": (b"model: {body: x}\nmodel: {body: y}\n", "model stands twice"),
    "tagged": (b"model: !!python/object/apply:os.mkdir [ran]\n", "constructor"),
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """An empty folder to work in, a text, a link to itself, a configuration that grows."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("predict", "test", "fit", "validate"):
        _forbid(monkeypatch, name)
    found = {name: tmp_path / name for name in ("text", "loop", "bomb", "out")}
    found["text"].write_text("some words")
    found["bomb"].write_text(BOMB)
    found["out"].mkdir()
    os.symlink("loop", found["loop"])
    return found


def _forbid(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    @functools.wraps(getattr(pl.Trainer, name))
    def run(trainer: pl.Trainer, model: Any = None, **kwargs: Any) -> None:
        pytest.fail("nothing was refused")

    monkeypatch.setattr(pl.Trainer, name, run)


def said(run: Run, args: list[str], capsys: pytest.CaptureFixture) -> str:
    """The one line that a command ends with."""
    capsys.readouterr()
    begin = time.perf_counter()
    with pytest.raises(SystemExit) as stop:
        run(args)
    assert stop.value.code == 2
    assert time.perf_counter() - begin < 10.0  # a bomb takes minutes
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(("option", "part"), PREDICT)
def test_predict_refuses(option: str, part: str, places: dict, capsys: Any) -> None:
    assert part in said(run_hfb, ["predict", option], capsys)
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(places: dict, capsys: Any) -> None:
    line = said(run_hfb, ["predict", "--trainer.accelerator=gpu"], capsys)
    assert "trainer.accelerator gpu: there is no GPU here that PyTorch can use" in line


@pytest.mark.parametrize(("run", "args", "part"), OTHERS)
def test_other_commands_refuse(
    run: Run, args: list[str], part: str, places: dict, capsys: Any
) -> None:
    assert part in said(run, [arg.format(**places) for arg in args], capsys)
    assert list(places["out"].iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_configuration(name: str, places: dict, capsys: Any) -> None:
    content, part = FILES[name]
    path = Path("own.yaml")
    path.write_bytes(content)
    for args in (["predict", "--config", "own.yaml"], ["--config=own.yaml", "predict"]):
        line = said(run_hfb, args, capsys)
        assert part in line
        assert "own.yaml" in line or name == "tagged"
    with pytest.raises(HfbError, match=r"own\.yaml") as error:
        hfb.fit(torch.rand(3, 9, 9), background=torch.zeros(3, 9, 9), config="own.yaml")
    assert "\n" not in str(error.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize("key", ["data", "model", "trainer", "model.refine", "data.clip"])
def test_files_behind_other_options(key: str, places: dict, capsys: Any) -> None:
    for name in ("itself", "bomb", "binary", "deep"):
        Path("own.yaml").write_bytes(FILES[name][0])
        said(run_hfb, ["predict", f"--{key}=own.yaml"], capsys)


def test_a_link_to_itself_is_no_file(places: dict, capsys: Any) -> None:
    for name in ("config", "data", "model"):
        assert "loop" in said(run_hfb, ["predict", f"--{name}={places['loop']}"], capsys)


@pytest.mark.parametrize("key", ["data", "model.initialiser", "trainer.logger"])
def test_no_class_of_another_kind_is_ever_called(key: str, places: dict, capsys: Any) -> None:
    for name, argument in (("os.mkdir", "path"), ("os.system", "command")):
        value = f'{{"class_path": "{name}", "init_args": {{"{argument}": "mkdir ran"}}}}'
        assert "subclass" in said(run_hfb, ["predict", f"--{key}={value}"], capsys)
    assert list(Path().iterdir()) == []


def test_settings_that_contain_themselves() -> None:
    settings: dict[str, Any] = {}
    settings["body"] = settings
    with pytest.raises(HfbError, match="cannot be kept as text"):
        hfb.fit(torch.rand(3, 9, 9), background=torch.zeros(3, 9, 9), config={"model": settings})


def test_plain_documents_and_a_few_aliases_pass() -> None:
    assert load_yaml("a: &a {x: 1}\nb: *a\nc: [*a, *a]") == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": [{"x": 1}, {"x": 1}],
    }
    check_yaml("plain")
    with pytest.raises(UnsafeYamlError, match="longer than"):
        check_yaml("x" * 1_000_001)
