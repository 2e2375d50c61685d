"""One run at a time writes to a folder."""

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from hfb.errors import InputError
from hfb.storage import folder_lock, lock

HOLDER = """
import sys, time
from hfb.storage import folder_lock
with folder_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that writes to `tmp_path / "out"`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_run_is_refused_and_named(tmp_path: Path, holder: subprocess.Popen) -> None:
    wanted = rf"another run \(process {holder.pid} on .*\) is writing to .*out: wait until it ends"
    with pytest.raises(InputError, match=wanted), folder_lock(tmp_path / "out"):
        pass
    with folder_lock(tmp_path / "other"):
        pass


def test_a_run_that_was_killed_locks_nothing(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / "out" / ".lock").exists()
    with folder_lock(tmp_path / "out"):
        pass
    assert not (tmp_path / "out" / ".lock").exists()


def test_waiting_until_the_other_ends(tmp_path: Path, holder: subprocess.Popen) -> None:
    said = []

    def on_wait(who: str) -> None:
        said.append(who)
        holder.kill()

    with folder_lock(tmp_path / "out", on_wait):
        assert len(said) == 1
    assert f"process {holder.pid}" in said[0]


def test_nothing_is_left_of_a_folder_that_nothing_was_written_to(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with folder_lock(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "result").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["result"]


def test_file_systems_without_locks_go_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(handle: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(lock, "_lock", fails)
    with folder_lock(tmp_path / "out"), folder_lock(tmp_path / "out"):
        (tmp_path / "out" / "result").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result"]


def test_what_cannot_be_written_is_found_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in ("file", "file/below", "loop", "loop/below", "x" * 300):
        with pytest.raises(InputError, match=r"cannot write to .*choose another output folder"):
            with folder_lock(tmp_path / place):
                pass

    def denied(*args: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", denied)
        with pytest.raises(InputError, match="out: Permission denied; choose another"):
            with folder_lock(tmp_path / "out"):
                pass
    usage = namedtuple("usage", "total used free")(10**12, 10**12, 3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"3 MB are free there, 20 are the least"):
        with folder_lock(tmp_path / "out"):
            pass
    assert not (tmp_path / "out").exists()
