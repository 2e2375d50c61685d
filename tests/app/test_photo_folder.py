"""`predict --data.folder`: many photos, one table, one page; what is finished is never redone."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from evaluation_runs import small_samples
from photo_folders import (
    command,
    options,
    page_data,
    rows_of,
    stamps_of,
    states_of,
    write_photos,
)

from hfb.app.hfb_cli import MOST_WAITING, HfbCLI
from hfb.app.output.folder import default_output
from hfb.app.pipeline import Pipeline
from hfb.cli.programs import REFINEMENT
from hfb.evaluate.states import COLUMNS
from hfb.init import write_estimate
from hfb.report.page import run_page
from run_hfb import main

Photos = Path


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    return write_photos(tmp_path_factory.mktemp("photos"), 4)


@pytest.fixture
def photos(four: Photos, tmp_path: Path) -> Photos:
    """Four photos that a test may change."""
    return Path(shutil.copytree(four, tmp_path / "photos"))


@pytest.fixture
def predict(photos: Photos, tmp_path: Path) -> Callable[..., int]:
    """Runs `predict` on them into `out`; returns the exit code."""

    def run(*extra: str) -> int:
        try:
            main(options(photos, tmp_path / "out", *extra))
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos that are fitted, as they are."""
    run, names = Pipeline.run, []

    def listed(pipeline: Pipeline, started: list, *given: object) -> list:
        names.extend(one.sample.sample_id for one in started)
        return run(pipeline, started, *given)

    monkeypatch.setattr(Pipeline, "run", listed)
    return names


def test_a_bad_photo_is_named_and_the_others_go_on(
    predict: Callable[..., int], photos: Photos, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (photos / "p1.png").write_bytes((photos / "p1.png").read_bytes()[:99])
    assert predict() == 3
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("broken: ")]
    assert line.startswith(f"broken: p1: cannot read the image {photos / 'p1.png'}")
    assert "4 photos: 3 done, 1 broken" in lines
    assert any(line.startswith("3 refined now in ") and "photos an hour" in line for line in lines)
    out = tmp_path / "out"
    assert states_of(out) == {"p0": "done", "p1": "broken", "p2": "done", "p3": "done"}
    rows = rows_of(out)
    assert tuple(rows["p0"]) == COLUMNS
    assert float(rows["p0"]["reblur_psnr_db"]) > 5.0
    assert 0.0 < float(rows["p0"]["risk"]) < 1.0
    assert rows["p1"]["source"] == str(photos / "p1.png")
    assert rows["p1"]["reason"] in line
    assert {"motion.npz", "mesh.glb", "report.html"} <= {
        path.name for path in (out / "samples" / "p3").iterdir()
    }
    (photos / "p1.png").unlink()  # who takes it away is done with it
    assert predict() == 0
    assert list(rows_of(out)) == ["p0", "p2", "p3"]
    assert page_data(out / "report.html")["unusable"] == []


def test_what_explains_nothing_is_told_from_what_does(
    predict: Callable[..., int], photos: Photos, tmp_path: Path
) -> None:
    (sample,) = small_samples(["p0"])
    aside = sample.estimate.transl + torch.tensor([8.0, 0.0, 0.0])
    write_estimate(photos / "p0.hfbinit.npz", replace(sample.estimate, transl=aside))
    assert predict() == 3
    rows = rows_of(tmp_path / "out")
    assert rows["p0"]["state"] == "unexplained"
    assert "outside_picture" in rows["p0"]["warnings"].split()
    assert [rows[name]["state"] for name in ("p1", "p2", "p3")] == ["done"] * 3


def test_only_what_is_missing_or_changed_is_computed(
    predict: Callable[..., int],
    photos: Photos,
    tmp_path: Path,
    fitted: list[str],
    capsys: pytest.CaptureFixture,
) -> None:
    assert predict() == 0
    assert fitted == ["p0", "p1", "p2", "p3"]
    before = stamps_of(tmp_path / "out")
    fitted.clear()
    assert predict() == 0
    assert fitted == []
    assert stamps_of(tmp_path / "out") == before
    assert "nothing was left to refine" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out" / "samples" / "p2")
    shutil.copy(photos / "p1_background.png", photos / "p3_background.png")
    for name in ("p0.png", "p0_background.png", "p0_alpha.png", "p0.hfbinit.npz"):
        shutil.copy(photos / name, photos / name.replace("p0", "p9"))
    predict()
    assert fitted == ["p2", "p3", "p9"]
    after = stamps_of(tmp_path / "out")
    assert [name for name in before if after[name] == before[name]] == ["p0", "p1"]


def test_finished_photos_are_not_even_read(
    predict: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict() == 0
    from datamodules.photos.folder import UnreadPhoto

    monkeypatch.setattr(UnreadPhoto, "read", lambda self: pytest.fail("read again"))
    assert predict() == 0


def test_another_configuration_is_refused(
    predict: Callable[..., int], capsys: pytest.CaptureFixture
) -> None:
    assert predict() == 0
    capsys.readouterr()
    assert predict("--model.refine.degree=3") == 2
    assert "model.refine.degree: 2 there, 3 now" in capsys.readouterr().err


def test_a_fault_of_the_program_stops_no_other_photo(
    predict: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise = Pipeline.initialise

    def fails(self: Pipeline, sample: object) -> object:
        if sample.sample_id == "p2":
            raise RuntimeError("two\nlines")
        return initialise(self, sample)

    monkeypatch.setattr(Pipeline, "initialise", fails)
    assert predict("--data.batch_size=2") == 3
    row = rows_of(tmp_path / "out")["p2"]
    assert (row["state"], row["reason"]) == ("failed", "RuntimeError: two lines")
    assert states_of(tmp_path / "out")["p3"] == "done"


def test_the_page_shows_some_and_links_to_all(
    predict: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "MOST_CARDS", 2)
    assert predict() == 0
    run = page_data(tmp_path / "out" / "report.html")
    assert sorted(run["ranked"]) == ["p0", "p1", "p2", "p3"]
    others = run["ranked"][1:3]
    assert sorted(run["thumbnails"]) == sorted(run["pages"]) == sorted(others)
    own = tmp_path / "out" / "samples" / others[0] / "report.html"
    assert page_data(own)["ranked"] == [others[0]]
    assert page_data(own)["up"] == "../../report.html"


def test_a_run_without_a_page_has_none(predict: Callable[..., int], tmp_path: Path) -> None:
    assert predict("--model.report.page=false") == 0
    assert not list(tmp_path.rglob("report.html"))


def test_folders_go_on_where_they_were_without_an_output() -> None:
    config = "data: {init_args: {folder: photos}}\nmodel: {body: free_body}\n"
    first = default_output("predict", config)
    assert first == default_output("predict", config)
    assert first != default_output("predict", config.replace("photos", "others"))
    single = "data: {init_args: {folder: null, image: a.png}}\n"
    assert default_output("predict", single) != default_output("predict", config)
    assert not default_output("predict", single).name.startswith("predict-")


def test_processes_wait_for_each_other(photos: Photos, tmp_path: Path) -> None:
    """Lightning's half an hour is less than a share of photos may take."""

    class NothingRun(HfbCLI):
        def predict(self, **kwargs: object) -> None:
            self.timeout = self.trainer.strategy._timeout

    from hfb.app.hfb_cli import DEFAULTS, HfbModule

    given = ["--trainer.strategy=ddp", "--trainer.devices=1"]
    typed = options(photos, tmp_path / "out", *given)[1:]
    cli = NothingRun(REFINEMENT, "predict", typed, DEFAULTS, HfbModule, {"inference_mode": False})
    assert cli.timeout == MOST_WAITING


@pytest.mark.slow
def test_a_killed_run_goes_on(repo: Path, four: Photos, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(command(repo, four, out), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while len(stamps_of(out)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = stamps_of(out)
    assert 2 <= len(before) < 4
    done = subprocess.run(
        command(repo, four, out), check=True, capture_output=True, text=True, timeout=300
    )
    assert f"{4 - len(before)} refined now" in done.stderr
    after = stamps_of(out)
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    assert states_of(out) == dict.fromkeys(("p0", "p1", "p2", "p3"), "done")


@pytest.mark.slow
def test_processes_share_the_photos(repo: Path, four: Photos, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    done = subprocess.run(
        command(repo, four, out, *extra), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "4 refined now in" in done.stderr
    assert "by 2 processes" in done.stderr
    assert len(rows_of(out)) == len(stamps_of(out)) == 4
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_more_processes_than_photos(repo: Path, four: Photos, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in four.glob("p0*"):
        shutil.copy(path, photos)
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    run = command(repo, photos, tmp_path / "out", *extra)
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert states_of(tmp_path / "out") == {"p0": "done"}


@pytest.mark.slow
def test_torchrun_shares_the_photos(repo: Path, four: Photos, tmp_path: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    python, *typed = command(repo, four, tmp_path / "out", *extra)
    done = subprocess.run([python, *launcher, *typed], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "4 refined now in" in done.stderr
    assert "by 2 processes" in done.stderr


@pytest.mark.slow
def test_tasks_of_slurm_share_the_photos(repo: Path, four: Photos, tmp_path: Path) -> None:
    """As `srun` would start them: a process each, told by its environment which one it is."""
    typed = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.num_nodes=1"]
    told = {"JOB_ID": "7", "JOB_NAME": "hfb", "NTASKS": "2", "NTASKS_PER_NODE": "2",
            "NODEID": "0", "NODELIST": "localhost", "CPUS_PER_TASK": "1"}  # fmt: skip
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    tasks = []
    for number in ("0", "1"):
        own = {**told, "PROCID": number, "LOCALID": number}
        environment = {f"SLURM_{name}": value for name, value in own.items()}
        run = command(repo, four, tmp_path / "out", *typed)
        environment = {**os.environ, **environment, "MASTER_PORT": port}
        tasks.append(subprocess.Popen(run, env=environment, stderr=subprocess.PIPE))
    first, second = (task.communicate(timeout=300)[1].decode() for task in tasks)
    assert [task.returncode for task in tasks] == [0, 0], first + second
    assert "by 2 processes" in first
    assert "photos an hour" not in second
    assert len(stamps_of(tmp_path / "out")) == 4
