"""Fits for visitors: each in a process and a folder of its own, which go with the visit."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hfb
from hfb.errors import InputError

TICK_S = 1.0
MOST_LINES = 200
REPORT, ARCHIVE = "report.html", "result.zip"
_EXPLAINS_NOTHING = 3


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        lines: what the fit has said.
        seconds: since it began.
        token: of the result, once there is one.
    """

    lines: tuple[str, ...]
    seconds: float
    token: str | None = None


class Jobs:
    """The fits of all visitors and what they left.

    Args:
        root: a temporary folder; the jobs' folders are made in it.
        options: of `hfb predict`, laid over its defaults.
    """

    def __init__(self, root: Path, options: Sequence[str] = ()) -> None:
        self._root = root
        self._options = list(options)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._folders: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def run(
        self, visitor: str, inputs: dict[str, Path], options: Sequence[str]
    ) -> Iterator[Progress]:
        """Fit, and say every second how far it is.

        Args:
            visitor: whose earlier result is deleted.
            inputs: files by the name of their option: `data.image`; they are copied.
            options: what else `hfb predict` is told.

        Raises:
            InputError: what the fit said was wrong.
        """
        self.forget(visitor)
        folder = self._root / secrets.token_urlsafe(24)
        given, output = folder / "input", folder / "result"
        words = [*self._options, *options, f"--output={output}", *_copied(inputs, given)]
        process = self._start(visitor, folder, words)
        lines: list[str] = []
        began = time.monotonic()
        try:
            for line in _lines(process):
                if line:
                    lines = [*lines, line.replace(f"{folder}{os.sep}", "")][-MOST_LINES:]
                yield Progress(tuple(lines), time.monotonic() - began)
            code = process.wait()
        finally:
            _kill(process)
            shutil.rmtree(given, ignore_errors=True)
        self._check(visitor, code, lines, output)
        _pack(output, folder / ARCHIVE)
        yield Progress(tuple(lines), time.monotonic() - began, folder.name)

    def file(self, token: str, name: str) -> Path | None:
        """A file of a result, or the archive of all; None where there is none of that name.

        Args:
            token: of the result.
            name: below its folder.
        """
        folder = next((f for f in list(self._folders.values()) if f.name == token), None)
        if folder is None:
            return None
        if name == ARCHIVE:
            path, base = folder / ARCHIVE, folder
        else:
            path, base = (folder / "result" / name).resolve(), (folder / "result").resolve()
        return path if path.is_relative_to(base) and path.is_file() else None

    def stop(self, visitor: str) -> None:
        """End a visitor's fit."""
        process = self._processes.pop(visitor, None)
        if process is not None:
            _kill(process)

    def forget(self, visitor: str) -> None:
        """End a visitor's fit and delete what it left."""
        self.stop(visitor)
        folder = self._folders.pop(visitor, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Forget all visitors; nothing runs any more."""
        self._is_closed = True
        for visitor in {*self._processes, *self._folders}:
            self.forget(visitor)

    def _start(self, visitor: str, folder: Path, words: list[str]) -> subprocess.Popen[str]:
        environment = dict(os.environ)
        package = str(Path(hfb.__file__).resolve().parents[1])
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = package if not known else f"{package}{os.pathsep}{known}"
        with self._lock:
            if self._is_closed:
                shutil.rmtree(folder)
                raise InputError("the app is ending")
            process = subprocess.Popen(
                [sys.executable, "-m", "hfb", "predict", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._processes[visitor], self._folders[visitor] = process, folder
        return process

    def _check(self, visitor: str, code: int, lines: list[str], output: Path) -> None:
        """Raise unless there is a result to look at."""
        was_stopped = self._processes.pop(visitor, None) is None
        if code in (0, _EXPLAINS_NOTHING) and (output / REPORT).is_file():
            return
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        self.forget(visitor)
        if was_stopped:
            raise InputError("stopped")
        raise InputError(errors[-1] if errors else f"the fit ended with code {code}: {lines[-1:]}")


def _copied(inputs: dict[str, Path], folder: Path) -> list[str]:
    """The files under names of our own, for those of strangers become no paths; as options."""
    folder.mkdir(parents=True)
    words = []
    for option, path in inputs.items():
        own = folder / f"{option.rsplit('.', 1)[-1]}{path.suffix.lower()}"
        shutil.copyfile(path, own)
        words.append(f"--{option}={own}")
    return words


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What a process says, line by line, and an empty line every second."""
    said: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    stream = process.stdout

    def read() -> None:
        with stream:
            for line in stream:
                said.put(line.rstrip())
        said.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=TICK_S)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line


def _kill(process: subprocess.Popen[str]) -> None:
    """End a fit and what it has started; it has nothing that is worth keeping."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, 9)
            else:
                process.kill()
        process.wait()


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder))
