"""Evaluations that were stopped, killed or shared out to processes: the same result."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from evaluation_runs import command, evaluate, read_metrics

from hfb.app.output.result_store import ResultStore
from hfb.storage import unfinished
from hfb.storage.unfinished import PART, new_name


@pytest.mark.usefixtures("light")
def test_a_stopped_run_goes_on_and_ends_the_same(
    data: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = ResultStore.write, []

    def stops_after_three(store: ResultStore, *args: object) -> dict:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(args[0][0].item.sample.sample_id)
        return write(store, *args)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(ResultStore, "write", stops_after_three)
        with pytest.raises(SystemExit):
            evaluate(data, out)
    assert written == ["s0", "s1", "s2"]
    new_name(out / "samples", PART).mkdir()  # as this process leaves it while it writes
    left = subprocess.run(  # and as one that was killed in the middle of writing
        [
            sys.executable,
            "-c",
            "import os, sys; from pathlib import Path; from hfb.storage.unfinished import new_name;"
            "new_name(Path(sys.argv[1]), '.part').mkdir(); os._exit(9)",
            str(out / "samples"),
        ]
    )
    assert left.returncode == 9
    assert len(list((out / "samples").glob(".*"))) == 2
    unfinished._tidied.clear()  # a run of its own
    stamps = {k: (out / "samples" / f"s{k}" / "result.json").stat().st_mtime_ns for k in range(3)}
    evaluate(data, out)
    assert (out / "metrics.json").read_bytes() == (undisturbed / "metrics.json").read_bytes()
    for k, stamp in stamps.items():
        assert (out / "samples" / f"s{k}" / "result.json").stat().st_mtime_ns == stamp
    assert len(list((out / "samples").glob(".*"))) == 1
    unfinished.discard_unfinished()
    assert not list((out / "samples").glob(".*"))


@pytest.mark.usefixtures("light")
def test_a_changed_sample_is_evaluated_again(copied: Path, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        evaluate(copied, tmp_path / "out", "--data.limit=2")
        found.append(read_metrics(tmp_path / "out")["methods"]["hfb"]["overall"]["reblur_psnr_db"])
        shutil.copy(copied / "test" / "s3" / "background.png", copied / "test" / "s0")
    assert found[0] != found[1]


def test_configurations_are_not_mixed(
    data: Path, undisturbed: Path, capsys: pytest.CaptureFixture
) -> None:
    before = (undisturbed / "metrics.json").read_bytes()
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        evaluate(data, undisturbed, "--model.refine.degree=3")
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "model.refine.degree: 2 there, 3 now" in lines[0]
    assert (undisturbed / "metrics.json").read_bytes() == before


@pytest.mark.slow
def test_killed_processes_leave_nothing_half_done(
    repo: Path, data: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for wanted in (1, 3):
        process = subprocess.Popen(command(repo, data, out), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(out.glob("samples/s*"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command(repo, data, out), check=True, capture_output=True)
    assert (out / "metrics.json").read_bytes() == (undisturbed / "metrics.json").read_bytes()


@pytest.mark.slow
def test_processes_share_the_samples_with_equal_results(
    repo: Path, data: Path, undisturbed: Path, tmp_path: Path
) -> None:
    extra = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    done = subprocess.run(
        command(repo, data, tmp_path / "out", *extra), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    same = (tmp_path / "out" / "metrics.json").read_bytes()
    assert same == (undisturbed / "metrics.json").read_bytes()
