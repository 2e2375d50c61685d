"""`hfb app` before it serves: where it listens, and what is missing."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
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


def test_uploads_that_nobody_uses_are_deleted(tmp_path: Path, repo: Path) -> None:
    pytest.importorskip("gradio", reason="needs gradio, of the extra app")
    code = (
        "from hfb.command import main; from hfb.web import page\n"
        "page._SWEPT_EVERY_S, page._KEPT_S = 1, 2\n"
        "main(['app', '--port=0'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repo, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = process.stdout.readline().split()[2]
        photo = b"\x89PNG\r\n\x1a\n" + bytes(100)
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        request = urllib.request.Request(
            f"{address}/gradio_api/upload",
            head + photo + b"\r\n--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            (stored,) = json.loads(answer.read())
        assert Path(stored).is_relative_to(tmp_path)
        until = time.monotonic() + 30
        while Path(stored).exists():
            assert time.monotonic() < until
            time.sleep(0.2)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 143
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
