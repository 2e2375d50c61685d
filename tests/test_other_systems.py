"""Systems that lack what Linux has: no path of a user needs it. Needs no fixture of others."""

import os
import subprocess
import sys
from pathlib import Path

from hfb.files import memory
from hfb.processors import count_processors

PROGRAM = Path(__file__).with_name("other_system.py")


def test_commands_run_where_linux_calls_are_missing(tmp_path: Path) -> None:
    """No sched_getaffinity, no /proc, no fork, no fcntl, fewer signals; spawned processes only."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "USER": "user"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all done\n")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "tested" / "metrics.json").is_file()
    assert (tmp_path / "predicted" / "samples" / "image" / "motion.npz").is_file()
    assert len(list((tmp_path / "made").glob("*/sample.json"))) == 2
    assert not list(tmp_path.rglob(".*"))


def test_processors_and_memory_of_systems_that_tell_nothing(monkeypatch) -> None:
    for name in ("sched_getaffinity", "sysconf"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(memory.Path, "read_text", _fails)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_processors() == 1
    assert memory.available_memory() is None
    memory.check_memory(10**5, 10**5)


def _fails(*args: object) -> str:
    raise FileNotFoundError
