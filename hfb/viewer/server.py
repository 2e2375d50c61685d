"""The live view of a run: viser's server with a time line and what is to be seen."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hfb.errors import InputError
from hfb.viewer.moving import read_moving, samples_of
from hfb.viewer.scene import CAMERA, PATHS, RESULT, START, SampleScene

_FRAME_S = 0.1
_HALF_WIDTH = 0.55
"""Of what is seen at a distance of 1, beside the panel of settings."""
_FIELD_OF_VIEW = 0.9
"""Of whoever looks, rad."""


class Viewer:
    """A run on a server.

    Args:
        run: its folder.
        host: address to listen at.
        port: 0: one that is free.

    Raises:
        InputError: if the extra is missing, the run cannot be shown, or the address not be had.
    """

    def __init__(self, run: Path, host: str, port: int) -> None:
        self.run = run
        samples = samples_of(run)
        self.server = _server(host, port)
        self._lock = threading.RLock()
        gui = self.server.gui
        self._samples = gui.add_dropdown("sample", samples, initial_value=samples[0])
        self._time = gui.add_slider("time", min=0, max=1, step=1, initial_value=0)
        self._clock = gui.add_markdown("")
        self._plays = gui.add_checkbox("play", initial_value=False)
        self._seen = {
            "result": (RESULT, gui.add_checkbox("result", initial_value=True)),
            "start": (START, gui.add_checkbox("starting pose", initial_value=True)),
            "paths": (PATHS, gui.add_checkbox("joint paths", initial_value=True)),
            "camera": (CAMERA, gui.add_checkbox("camera and photo", initial_value=True)),
        }
        self.scene = self._load(samples[0])
        self._samples.on_update(lambda _: self._load(self._samples.value))
        self._time.on_update(lambda _: self._show())
        for _, box in self._seen.values():
            box.on_update(lambda _: self._set_seen())

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        host = self.server.get_host()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server.get_port()}"

    def play(self) -> None:
        """Move the time line on where that is wanted; never returns."""
        while True:
            time.sleep(_FRAME_S)
            if self._plays.value:
                self._time.value = (int(self._time.value) + 1) % len(self.scene.moving.times_ms)

    def close(self) -> None:
        """End the server, which would say so on stdout."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.server.stop()

    def _load(self, sample: str) -> SampleScene:
        with self._lock:
            try:
                moving = read_moving(self.run, sample)
            except InputError as error:
                self._clock.content = f"**{error}**"
                if not hasattr(self, "scene"):
                    raise
                return self.scene
            self.scene = SampleScene(self.server.scene, moving)
            self._time.value, self._time.max = 0, max(len(moving.times_ms) - 1, 1)
            self._look_at(self.scene)
            self._set_seen()
            self._show()
            return self.scene

    def _look_at(self, scene: SampleScene) -> None:
        """From the side and a little behind, so that camera and motion are seen whole."""
        centre = scene.centre
        way = np.linalg.norm(scene.moving.joints - centre, axis=-1).max()
        aside = (float(np.linalg.norm(centre)) / 2 + float(way)) / _HALF_WIDTH
        x, y, z = (float(value) for value in centre / 2)  # the camera is at the origin
        view = self.server.initial_camera
        view.look_at = (x, y, z)
        view.position = (x + 0.9 * aside, y + 0.25 * aside, z + 0.5 * aside)
        view.fov = _FIELD_OF_VIEW

    def _show(self) -> None:
        with self._lock:
            moving = self.scene.moving
            frame = min(int(self._time.value), len(moving.times_ms) - 1)
            self.scene.show(frame)
            photo = f", photo {moving.photo[frame] + 1} of {len(moving.photos)}"
            self._clock.content = f"{moving.times_ms[frame]:.1f} ms{photo}"

    def _set_seen(self) -> None:
        with self._lock:
            for name, box in self._seen.values():
                handle = self.server.scene.get_handle_by_name(name)
                if handle is not None:
                    handle.visible = bool(box.value)


def view(run: Path, host: str, port: int, ready: Callable[[str], Any] = print) -> None:
    """Show a run until a signal ends the program.

    Args:
        run: its folder.
        host: address to listen at.
        port: 0: one that is free.
        ready: gets the line that says where.

    Raises:
        InputError: as of `Viewer`.
    """
    viewer = Viewer(run, host, port)
    try:
        ready(f"hfb view: {viewer.address} (Ctrl-C ends it)")
        viewer.play()
    finally:
        viewer.close()


def _server(host: str, port: int) -> Any:
    """Viser's server; it would take the next port where one is taken."""
    try:
        import viser
    except ImportError as error:
        raise InputError(
            f"hfb view needs the extra `viewer` ({error.name} is missing): pip install '.[viewer]'"
        ) from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as free:
            number = free.getsockname()[1]
        with contextlib.redirect_stdout(io.StringIO()):  # a table of addresses
            server = viser.ViserServer(host, number, label="Human from Blur", verbose=False)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--host {host} --port {port} cannot be had ({error}); give another port, or 0 for one "
            "that is free"
        ) from error
    # A button in the page would open a way in from the internet.
    server.gui.configure_theme(show_share_button=False)
    server.request_share_url = lambda *_, **__: None  # type: ignore[method-assign]
    return server
