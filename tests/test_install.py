"""An installed copy: a wheel from a clean source tree, used far from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from photo_files import QUICK, write_photo

from datamodules.synthetic.data_module import embedded_example
from hfb import __version__

# What a wheel is made from: files, and folders with the places that they get in it.
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
FOLDERS = {
    "hfb": "hfb",
    "datamodules": "datamodules",
    "checkpoints": "hfb/checkpoints",
    "lightning_configs": "hfb/lightning_configs",
}


@pytest.fixture(scope="module")
def wheel(repo, tmp_path_factory):
    """Built from a copy, since a build leaves its traces beside the sources."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        shutil.copy(repo / name, source)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repo / name, source / name, ignore=ignored)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(dist), str(source))
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder it is installed into."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture
def call(installed, tmp_path):
    """Runs words as a command in an empty folder, with nothing of the checkout on the path."""

    def run(*words, code=0):
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def pip(*words):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_holds_all_code_and_all_shipped_files(repo, wheel):
    expected = {
        f"{there}/{path.relative_to(repo / here).as_posix()}"
        for here, there in FOLDERS.items()
        for path in (repo / here).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"hfb/app/hfb_cli.py", "hfb/checkpoints/amp.ckpt"} < expected
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert wheel.name.startswith(f"hfb-{__version__}-")


def test_the_copy_finds_its_own_files(installed, call):
    code = (
        "import datamodules, hfb, hfb.assets as a\n"
        "from hfb.body.locate import find_body_file\n"
        "print(hfb.__file__, datamodules.__file__, a.checkpoints_dir(), a.configs_dir(),\n"
        "      find_body_file('free_body'), a.find_asset('amp.ckpt'), sep='\\n')\n"
    )
    paths = [Path(line) for line in call(sys.executable, "-c", code).splitlines()]
    assert len(paths) == 6
    for path in paths:
        assert path.exists()
        assert path.is_relative_to(installed)


def test_the_command_is_installed(installed, call):
    command = installed / "bin" / "hfb"
    if not command.is_file():
        pytest.skip("scripts of another platform; `python -m hfb` is tested below")
    assert call(sys.executable, str(command), "--version") == f"hfb {__version__}\n"
    assert "train-lifting" in call(sys.executable, str(command), "--help")
    assert "`fit`" in call(sys.executable, str(command), "fit", code=2)


@pytest.mark.slow
def test_a_photo_is_refined_far_from_the_checkout(call, tmp_path):
    """Half a minute: the kernels are compiled anew, since the copy lies in a place of its own."""
    photo = tmp_path / "photo"
    photo.mkdir()
    files = write_photo(embedded_example(0), photo)
    options = [f"--data.{name}={path}" for name, path in files.items()]
    call(sys.executable, "-m", "hfb", "predict", *options, *QUICK)
    (output,) = (tmp_path / "outputs").iterdir()
    assert (output / "samples" / "image" / "motion.npz").is_file()
    assert (output / "config.yaml").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["test"], "--data.root"),
        (["train-amp", "fit"], "--data.windows.degree"),
        (["train-lifting", "fit"], "--data.pairs"),
    ],
)
def test_the_other_commands_start(call, words, part):
    text = call(sys.executable, "-m", "hfb", *words, "--help-all")
    assert text.startswith(f"usage: hfb {' '.join(words)}")
    assert part in text


@pytest.mark.slow
def test_shipped_configurations_are_found_by_name(call):
    text = call(sys.executable, "-m", "hfb", "--config", "paper", "predict", "--print_config")
    assert "mode: dibr" in text
