"""`hfb app` before it serves: where it listens, and what is missing."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hfb.command import main


def test_it_is_for_this_computer_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from hfb.web import server

    asked: list[server.AppSettings] = []
    monkeypatch.setattr(server, "serve", asked.append)
    main(["app"])
    main(["app", "--host", "0.0.0.0", "--port", "0", "--max_mb", "5", "--config", "paper"])
    assert asked == [
        server.AppSettings("127.0.0.1", 7860, 200, []),
        server.AppSettings("0.0.0.0", 0, 5, ["--config=paper"]),
    ]
    with pytest.raises(SystemExit):
        main(["app", "--max_mb", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_without_the_extra_one_line_says_so(tmp_path: Path, repo: Path) -> None:
    for name in ("gradio", "fastapi"):
        text = f"raise ModuleNotFoundError('no {name}', name={name!r})\n"
        (tmp_path / f"{name}.py").write_text(text)
    known = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{known}"}
    run = subprocess.run(
        [sys.executable, "-m", "hfb", "app", "--port", "0"],
        cwd=repo, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == (
        "error: hfb app needs the extra `app` (fastapi is missing): pip install '.[app]'\n"
    )


def test_an_address_that_is_taken_is_one_line(capsys: pytest.CaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as stop:
            main(["app", "--port", port])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: --host 127.0.0.1 --port {port} cannot be had")
    assert said.count("\n") == 1
