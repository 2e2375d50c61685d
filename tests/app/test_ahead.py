"""Workers that start the next batch and write the last one: the same results, and a clean end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import evaluation_runs
import pytest
import torch
from evaluation_runs import evaluate, small_samples
from photo_folders import command, options, rows_of, stamps_of, states_of, write_photos

from hfb.app import ahead
from hfb.app.output.result_store import ResultStore
from hfb.export import write_image
from run_hfb import main

WORKER, AUTOMATIC = "--model.workers=1", "--model.workers=auto"
OF_TIME = {"page.json", "report.html", "result.json", "per_sample.csv", "config.yaml"}
"""Files that say how long a fit took; `result.json` is compared without."""


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, of which one is damaged and one shows nobody."""
    photos = write_photos(tmp_path_factory.mktemp("photos"), 6)
    (photos / "p2.png").write_bytes((photos / "p2.png").read_bytes()[:99])
    (sample,) = small_samples(["p4"])
    noise = 0.02 * torch.randn(sample.background.shape, generator=torch.Generator().manual_seed(0))
    write_image(photos / "p4.png", (sample.background + noise).clamp(0, 1))
    write_image(photos / "p4_background.png", sample.background)
    for name in ("p4_alpha.png", "p4.hfbinit.npz"):
        (photos / name).unlink()
    return photos


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the batches that a worker has prepared."""
    take, numbers = ahead.Ahead.take, []

    def listed(self: ahead.Ahead, index: int) -> list | None:
        batch = take(self, index)
        if batch is not None:
            numbers.append(index)
        return batch

    monkeypatch.setattr(ahead.Ahead, "take", listed)
    return numbers


@pytest.fixture
def written_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The samples that this process writes by itself."""
    write, names = ResultStore.write, []

    def listed(store: ResultStore, results: list, *given: object) -> dict:
        names.append(results[0].item.sample.sample_id)
        return write(store, results, *given)

    monkeypatch.setattr(ResultStore, "write", listed)
    return names


def predict(photos: Path, out: Path, *extra: str) -> int:
    try:
        main(options(photos, out, *extra))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def assert_same(one: Path, other: Path) -> None:
    """Every file bit for bit, but for the seconds of the fits."""
    names = [
        sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        for root in (one, other)
    ]
    assert names[0] == names[1]
    for name in names[0]:
        if Path(name).name == "result.json":
            assert _timeless(one / name) == _timeless(other / name)
        elif Path(name).name not in OF_TIME:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def _timeless(path: Path) -> dict:
    record = json.loads(path.read_text())
    for metrics in (record["initial"], *record["methods"].values()):
        metrics.pop("seconds", None)
    return record


def test_photos_come_out_the_same(
    six: Path,
    tmp_path: Path,
    prepared: list[int],
    written_here: list[str],
    capsys: pytest.CaptureFixture,
) -> None:
    assert predict(six, tmp_path / "alone") == 3
    alone = capsys.readouterr().err.splitlines()
    assert prepared == []
    written_here.clear()
    assert predict(six, tmp_path / "ahead", WORKER) == 3
    beside = capsys.readouterr().err.splitlines()
    assert prepared == [1, 2, 3, 4, 5]
    assert written_here == []
    assert_same(tmp_path / "alone", tmp_path / "ahead")
    rows = [rows_of(tmp_path / name) for name in ("alone", "ahead")]
    for row in (*rows[0].values(), *rows[1].values()):
        row.pop("seconds")
    assert rows[0] == rows[1]
    assert states_of(tmp_path / "ahead")["p4"] == "failed"
    for lines in (alone, beside):
        assert sum(line.startswith("broken: p2: cannot read the image") for line in lines) == 1
        assert sum(line.startswith("failed: p4: ") for line in lines) == 1
        assert "6 photos: 4 done, 1 broken, 1 failed" in lines


def test_an_evaluation_comes_out_the_same(
    copied: Path, tmp_path: Path, prepared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few samples for a worker, and then enough."""
    (copied / "test" / "s1" / "blurry_000.png").write_bytes(b"no image")
    methods = '--model.methods=["hfb", "static"]'
    for name in ("alone", "ahead"):
        with pytest.raises(SystemExit):
            evaluate(copied, tmp_path / name, "--data.batch_size=2", methods, AUTOMATIC)
        assert prepared == ([1] if name == "ahead" else [])
        monkeypatch.setattr(ahead, "worth_workers", lambda *_: 1)
    assert_same(tmp_path / "alone", tmp_path / "ahead")


@pytest.mark.parametrize(
    ("batches", "size", "here", "processors", "gigabytes", "expected"),
    [
        (12, 1, 1, 2, 8, 1),
        (11, 1, 1, 2, 8, 0),
        (3, 4, 1, 2, 8, 1),
        (2, 32, 1, 2, 8, 0),
        (12, 1, 1, 1, 8, 0),
        (12, 1, 2, 2, 8, 0),
        (12, 1, 2, 4, 8, 1),
        (12, 1, 2, 4, 7, 0),
        (12, 1, 1, 2, None, 1),
        (12, 1, 1, 2, 3, 0),
    ],
)
def test_a_worker_is_had_where_it_pays(
    batches: int,
    size: int,
    here: int,
    processors: int,
    gigabytes: int | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = None if gigabytes is None else gigabytes * 2**30
    monkeypatch.setattr(ahead, "available_memory", lambda: free)
    monkeypatch.setattr(ahead, "share_of_processors", lambda count: processors // count)
    assert ahead.worth_workers(batches, size, here) == expected


def test_where_nothing_is_left_there_are_no_workers(
    six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = Path(shutil.copytree(six, tmp_path / "photos"))
    for name in ("p2", "p4"):
        for path in photos.glob(f"{name}*"):
            path.unlink()
    assert predict(photos, tmp_path / "out") == 0
    before = stamps_of(tmp_path / "out")
    monkeypatch.setattr(ahead, "ProcessPoolExecutor", lambda *_: pytest.fail("a worker"))
    assert predict(photos, tmp_path / "out", WORKER) == 0
    assert stamps_of(tmp_path / "out") == before


def test_a_run_goes_on_without_a_worker_that_is_killed(
    six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """As the system does where memory runs out."""
    begin_next = ahead.Ahead.begin_next

    def kills(self: ahead.Ahead, is_new: bool) -> None:
        begin_next(self, is_new)
        for process in self._processes:
            process.kill()

    monkeypatch.setattr(ahead.Ahead, "begin_next", kills)
    assert predict(six, tmp_path / "out", WORKER) == 3
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("warning: going on without workers: ") for line in lines) == 1
    assert "6 photos: 4 done, 1 broken, 1 failed" in lines


def test_a_part_that_cannot_be_sent_stays_here(
    six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from hfb.init import BlazePoseInitialiser

    init = BlazePoseInitialiser.__init__

    def with_a_closure(self: BlazePoseInitialiser, *args: object, **given: object) -> None:
        init(self, *args, **given)
        self.mine = lambda: None

    monkeypatch.setattr(BlazePoseInitialiser, "__init__", with_a_closure)
    assert predict(six, tmp_path / "out", WORKER) == 3
    lines = capsys.readouterr().err.splitlines()
    assert sum("going on without workers: " in line for line in lines) == 1
    assert "6 photos: 4 done, 1 broken, 1 failed" in lines


def test_faults_of_the_installation_stop_at_once(
    six: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Only the second photo needs the file that is missing: a worker meets the fault."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("p0", "p1", "p3"):
        for path in six.glob(f"{name}*"):
            shutil.copy(path, photos)
    (photos / "p1.hfbinit.npz").unlink()
    missing = f"--model.initialiser.detector_path={tmp_path / 'none.tflite'}"
    assert predict(photos, tmp_path / "alone", missing) == 2
    alone = capsys.readouterr().err.splitlines()[-1]
    assert predict(photos, tmp_path / "ahead", missing, WORKER) == 2
    assert capsys.readouterr().err.splitlines()[-1] == alone
    assert alone.startswith("error: ")
    assert list(stamps_of(tmp_path / "ahead")) == ["p0"]


@pytest.fixture
def running(
    repo: Path, six: Path, tmp_path: Path
) -> Iterator[Callable[..., tuple[subprocess.Popen, list[int]]]]:
    """Starts a run; returns it with its worker's number when that has begun."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("children are found in /proc")
    started = []

    def run(*extra: str) -> tuple[subprocess.Popen, list[int]]:
        long = '--model.refine.stages=[{"num_steps": 400}, {"num_steps": 1}, {"num_steps": 1}]'
        typed = [*command(repo, six, tmp_path / "out", WORKER), long, *extra]
        process = subprocess.Popen(typed, stderr=subprocess.PIPE, text=True)
        started.append(process)
        deadline = time.monotonic() + 120
        while not (workers := _workers(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert workers
        return process, workers

    yield run
    for process in started:
        process.kill()


def _workers(pid: int) -> list[int]:
    """Processes that a process has spawned for work."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"spawn_main" in line:
                found.append(int(child))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [("INT", 130), ("TERM", 143), ("KILL", -9)])
def test_workers_end_with_their_run(
    running: Callable[..., tuple[subprocess.Popen, list[int]]], number: str, code: int
) -> None:
    process, workers = running()
    os.kill(process.pid, signal.Signals[f"SIG{number}"])
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    if number != "KILL":
        assert told.splitlines()[-1] == "stopped; what was finished is kept."
        assert "Traceback" not in told
    deadline = time.monotonic() + 10
    while any(_is_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if _is_alive(pid)]


@pytest.mark.slow
def test_a_killed_run_goes_on(repo: Path, six: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(command(repo, six, out, WORKER), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while len(stamps_of(out)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = stamps_of(out)
    assert len(before) >= 2
    done = subprocess.run(command(repo, six, out, WORKER), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    after = stamps_of(out)
    assert {name: after[name] for name in before} == before
    assert sorted(after) == ["p0", "p1", "p3", "p5"]
    assert not list((out / "samples").glob(".*"))


@pytest.mark.slow
def test_each_process_of_a_run_has_workers(repo: Path, data: Path, tmp_path: Path) -> None:
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp", "--data.batch_size=1", WORKER]
    out = tmp_path / "out"
    done = subprocess.run(
        evaluation_runs.command(repo, data, out, *extra),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    alone = tmp_path / "alone"
    evaluate(data, alone, "--data.batch_size=1")
    assert (out / "metrics.json").read_bytes() == (alone / "metrics.json").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="has no cleaner of semaphores")
def test_what_a_stopped_run_leaves_is_cleared_in_silence(tmp_path: Path) -> None:
    """Python's cleaner wrote a warning behind the last line of a run that left in a hurry."""
    script = tmp_path / "leaves.py"
    script.write_text(
        "import multiprocessing, os, sys\n"
        "from hfb.app.ahead import _keep_tracker_quiet\n"
        "_keep_tracker_quiet()\n"
        "left = multiprocessing.get_context('spawn').Semaphore()\n"
        "os._exit('PYTHONWARNINGS' in os.environ)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    # Until the cleaner has closed its end, too, the pipe stays open.
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
