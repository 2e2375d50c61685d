"""The examples run: the script, and the notebook's cells in their order."""

import json
import os
import runpy
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from photo_files import SETTINGS, write_photo

import hfb
import run_hfb
from datamodules.synthetic import embedded_example
from hfb.assets import find_asset
from hfb.errors import AssetNotFoundError

FILES = {"comparison.png", "mesh.glb", "motion.npz", "subframes.mp4", "texture.png"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Few steps from a given start, which needs no networks; returns the example as files."""
    files = write_photo(embedded_example(0), tmp_path)
    few = partial(hfb.fit, estimate=files["estimate"], show_progress=False, **SETTINGS)
    monkeypatch.setattr(hfb, "fit", few)
    return files


@pytest.fixture(scope="module")
def main(repo: Path) -> Callable[[list[str]], hfb.Fit]:
    return runpy.run_path(str(repo / "examples" / "fit_photo.py"))["main"]


@pytest.mark.usefixtures("quick")
def test_the_script_without_arguments(main: Callable[..., hfb.Fit], capsys: Any) -> None:
    fit = main([])
    assert {path.name for path in Path("outputs/example/samples").glob("*/*")} >= FILES
    text = capsys.readouterr().out
    assert f"-> {fit.report['fit']['mpjpe_mm']}" in text
    assert " moves " in text


def test_the_script_with_a_photo_of_ones_own(
    main: Callable[..., hfb.Fit], quick: dict[str, Path]
) -> None:
    main([str(quick["image"]), str(quick["background"])])
    assert {path.name for path in Path("outputs/example/samples/image").iterdir()} >= FILES


@pytest.mark.usefixtures("quick")
def test_the_notebook(repo: Path) -> None:
    notebook = json.loads((repo / "examples" / "fit_photo.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for source in sources:
        exec(source, names)
    assert len(sources) >= 4
    assert names["fit"].result.item.sample.sample_id == "photo"
    assert {path.name for path in Path("outputs/notebook/samples/photo").iterdir()} >= FILES


def test_the_job_of_a_cluster_names_options_that_there_are(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "srun").write_text("#!/bin/bash\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in (("CPUS_PER_TASK", "2"), ("JOB_NUM_NODES", "3"), ("NTASKS_PER_NODE", "4")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    job = ["bash", str(repo / "examples" / "slurm_photos.sh"), "my photos", "out"]
    done = subprocess.run(job, capture_output=True, text=True, check=True)
    program, script, *typed = done.stdout.splitlines()
    assert (program, script, typed[0]) == ("python", "run_hfb.py", "predict")
    with pytest.raises(SystemExit) as stop:
        run_hfb.main([*typed, "--print_config"])
    assert stop.value.code == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["data"]["init_args"]["folder"] == "my photos"
    assert (config["trainer"]["num_nodes"], str(config["trainer"]["devices"])) == (3, "4")


@pytest.mark.slow
def test_the_script_as_it_is(main: Callable[..., hfb.Fit]) -> None:
    try:
        find_asset("pose_landmark_heavy.tflite")
    except AssetNotFoundError as error:
        pytest.skip(f"the landmark models are neither cached nor to be had: {error}")
    report = main([]).report
    assert report["fit"]["mpjpe_mm"] < report["start"]["mpjpe_mm"]
