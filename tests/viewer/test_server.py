"""`hfb view`: the nodes of the scene, the time line, and how it ends."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hfb.command import main
from hfb.errors import InputError
from hfb.viewer import scene as names
from hfb.viewer.moving import samples_of

WITHOUT = "needs viser, of the extra viewer"
ENDED = "stopped; what was finished is kept.\n"


@pytest.fixture(scope="module")
def two(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two samples."""
    root = Path(shutil.copytree(run, tmp_path_factory.mktemp("two") / "run"))
    (sample,) = samples_of(root)
    shutil.copytree(root / "samples" / sample, root / "samples" / f"{sample}_again")
    return root


@pytest.fixture(scope="module")
def viewer(two: Path) -> Iterator:
    pytest.importorskip("viser", reason=WITHOUT)
    from hfb.viewer.server import Viewer

    opened = Viewer(two, "127.0.0.1", 0)
    yield opened
    opened.close()


def node(viewer, name: str):
    return viewer.server.scene.get_handle_by_name(name)


def test_it_listens_on_a_free_port_of_this_computer(viewer) -> None:
    assert viewer.address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(viewer.address, timeout=20) as page:
        assert page.status == 200


def test_body_start_camera_and_floor_are_there(viewer) -> None:
    moving = viewer.scene.moving
    for name in (names.RESULT, names.START, names.PATHS, names.CAMERA, names.FLOOR):
        assert node(viewer, name) is not None, name
    bodies = [node(viewer, f"{names.RESULT}/body_{k:03d}") for k in range(len(moving.times_ms))]
    assert [body.visible for body in bodies] == [True] + [False] * (len(bodies) - 1)
    camera = node(viewer, names.CAMERA)
    np.testing.assert_array_equal(camera.image, moving.photos[0])
    assert camera.fov == pytest.approx(moving.vertical_view)
    assert viewer.scene.has_start


def test_the_time_line_moves_body_and_joints(viewer) -> None:
    last = len(viewer.scene.moving.times_ms) - 1
    before = node(viewer, f"{names.RESULT}/joints").points.copy()
    viewer._time.value = last
    assert node(viewer, f"{names.RESULT}/body_{last:03d}").visible
    assert not node(viewer, f"{names.RESULT}/body_000").visible
    assert np.abs(node(viewer, f"{names.RESULT}/joints").points - before).max() > 0.01
    assert "photo 1 of 1" in viewer._clock.content
    viewer._time.value = 0


def test_it_plays_when_it_is_told_to(viewer) -> None:
    threading.Thread(target=viewer.play, daemon=True).start()
    time.sleep(0.4)
    assert viewer._time.value == 0
    viewer._plays.value = True
    until = time.monotonic() + 20
    while viewer._time.value < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    viewer._plays.value = False
    time.sleep(0.3)
    viewer._time.value = 0


def test_photos_of_a_clip_follow_each_other_on_one_time_line(viewer) -> None:
    one = viewer.scene.moving
    count = len(one.times_ms)
    moving = replace(
        one,
        verts=np.concatenate([one.verts, one.verts + 1.0]),
        joints=np.concatenate([one.joints, one.joints + 1.0]),
        times_ms=(*one.times_ms, *(time + 33.0 for time in one.times_ms)),
        photo=(0,) * count + (1,) * count,
        photos=(one.photos[0], 255 - one.photos[0]),
        starts=(one.starts[0], one.starts[0] + 1.0),
    )
    scene = names.SampleScene(viewer.server.scene, moving)
    start = node(viewer, f"{names.START}/joints").points.copy()
    scene.show(count)
    np.testing.assert_array_equal(node(viewer, names.CAMERA).image, moving.photos[1])
    np.testing.assert_allclose(node(viewer, f"{names.START}/joints").points, start + 1.0, atol=1e-5)
    scene.show(count - 1)
    np.testing.assert_array_equal(node(viewer, names.CAMERA).image, moving.photos[0])
    viewer._load(viewer._samples.value)


def test_what_is_not_wanted_is_hidden(viewer) -> None:
    _, box = viewer._seen["start"]
    box.value = False
    assert not node(viewer, names.START).visible
    box.value = True
    assert node(viewer, names.START).visible


def test_another_sample_takes_the_place(viewer, two: Path) -> None:
    before = viewer.scene
    viewer._samples.value = samples_of(two)[1]
    assert viewer.scene is not before
    assert node(viewer, f"{names.RESULT}/body_000").visible


def test_nobody_can_open_it_to_the_internet(viewer) -> None:
    asked = viewer.server.request_share_url
    assert getattr(asked, "__func__", None) is not type(viewer.server).request_share_url
    assert asked() is None


def test_a_port_that_is_taken_is_said(viewer, two: Path) -> None:
    from hfb.viewer.server import Viewer

    with pytest.raises(InputError, match="cannot be had"):
        Viewer(two, "127.0.0.1", viewer.server.get_port())


def test_it_ends_with_one_line(two: Path, repo: Path) -> None:
    pytest.importorskip("viser", reason=WITHOUT)
    process = subprocess.Popen(
        [sys.executable, "-m", "hfb", "view", str(two), "--port=0"],
        cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = process.stdout.readline()
    assert said.startswith("hfb view: http://127.0.0.1:"), process.stderr.read()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (130, "", ENDED)


def test_without_the_extra_one_line_says_so(two: Path, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "viser.py").write_text("raise ModuleNotFoundError('no viser', name='viser')\n")
    known = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{known}"}
    done = subprocess.run(
        [sys.executable, "-m", "hfb", "view", str(two)],
        cwd=repo, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: hfb view needs the extra `viewer` (viser is missing): pip install '.[viewer]'\n"
    )


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["view", str(tmp_path)])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path} holds no finished sample")
    assert said.count("\n") == 1
