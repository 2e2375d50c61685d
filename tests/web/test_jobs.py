"""Fits of visitors: processes and folders that go with the visit."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfb.errors import InputError
from hfb.web import jobs as module
from hfb.web.jobs import ARCHIVE, Jobs
from hfb.web.page import clip_options, frames_text

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
# Stands for `hfb predict`: what it does depends on the photo that it is given.
FAKE = """\
import pathlib, sys, time
given = dict(word[2:].split('=', 1) for word in sys.argv[4:])
photo = pathlib.Path(given['data.image'])
output = pathlib.Path(given['output'])
print('found', photo, flush=True)
deed = photo.read_text()
if deed == 'wait': time.sleep(600)
if deed == 'fail': print('error: nobody in', photo, file=sys.stderr); sys.exit(2)
(output / 'samples').mkdir(parents=True)
(output / 'report.html').write_text('report')
sys.exit(3 if deed == 'poor' else 0)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    script = tmp_path / "python"
    (tmp_path / "fake.py").write_text(FAKE)
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "fake.py"} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(script))
    made = Jobs(tmp_path / "jobs")
    yield made
    made.close()
    assert [*(tmp_path / "jobs").glob("*")] == []


def photo(tmp_path: Path, deed: str) -> dict[str, Path]:
    path = tmp_path / "Foto ..PNG"
    path.write_text(deed)
    return {"data.image": path}


@pytest.mark.parametrize("deed", ["work", "poor"])
def test_a_result_can_be_fetched_by_its_name_only(jobs: Jobs, tmp_path: Path, deed: str) -> None:
    *_, last = jobs.run("a", photo(tmp_path, deed), [])
    assert last.lines == ("found input/image.png",), "no name of the visitor, no folder of ours"
    assert last.token is not None
    report = jobs.file(last.token, "report.html")
    assert report is not None
    assert report.read_text() == "report"
    assert jobs.file(last.token, ARCHIVE) is not None
    for name in ("../result.zip", "../../../python", "/etc/hostname", "samples", ""):
        assert jobs.file(last.token, name) is None
    assert jobs.file("guess", "report.html") is None
    assert not [*tmp_path.glob("jobs/*/input")]
    jobs.forget("a")
    assert jobs.file(last.token, "report.html") is None


def test_an_error_of_the_fit_is_handed_on(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^nobody in input/image\.png$"):
        list(jobs.run("a", photo(tmp_path, "fail"), []))
    assert [*(tmp_path / "jobs").glob("*")] == []


def test_a_fit_can_be_stopped(jobs: Jobs, tmp_path: Path) -> None:
    began = time.monotonic()
    threading.Timer(1.0, jobs.stop, ["a"]).start()
    with pytest.raises(InputError, match="stopped"):
        list(jobs.run("a", photo(tmp_path, "wait"), []))
    assert time.monotonic() - began < 10


def test_nobody_waits_for_a_visitor_who_has_gone(jobs: Jobs, tmp_path: Path) -> None:
    running = jobs.run("a", photo(tmp_path, "wait"), [])
    assert next(running).token is None
    running.close()
    assert not [*tmp_path.glob("jobs/*/input")]


def test_nothing_starts_when_the_app_ends(jobs: Jobs, tmp_path: Path) -> None:
    jobs.close()
    with pytest.raises(InputError, match="ending"):
        list(jobs.run("a", photo(tmp_path, "work"), []))


@pytest.mark.parametrize("given", [(-1, 9, 3), (0, 0, 1), (0, 9, 5), (0, 9, 0)])
def test_frames_that_cannot_be(given: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="from frame 0"):
        frames_text(*given)


def test_a_moment_comes_before_frames() -> None:
    assert clip_options(None, 40, 9, 2) == ["--data.frames=40:49,49:58"]
    assert clip_options(7.8, 40, 3, 2) == ["--data.at=7.8", "--data.clip.average=3"]
    assert clip_options(0.0, 40, 1, 2) == ["--data.at=0.0", "--data.clip.average=1"]
