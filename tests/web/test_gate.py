"""What is let in to Gradio, seen from its place."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hfb.web.gate import MOST_FILES, Gate

multipart = pytest.importorskip("python_multipart", reason="needs gradio, of the extra app")

LIMIT = 10_000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
UPLOAD = "/gradio_api/upload"


def body_of(*files: tuple[str, bytes]) -> bytes:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="'
        + name.encode() + b'"\r\n\r\n' + content + b"\r\n"
        for name, content in files
    ]  # fmt: skip
    return b"".join([*parts, b"--b--\r\n"])


def ask(
    path: str,
    body: bytes = b"",
    method: str = "POST",
    length: int | None = None,
    step: int = 7,
    uploads: Path = Path("nowhere"),
) -> tuple[int, str, bytes]:
    """Status, what was said, and what the app behind the gate has read."""
    from starlette.formparsers import MultiPartException

    read, sent = bytearray(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        status, said = 200, b""
        try:
            while True:
                message = await receive()
                read.extend(message.get("body", b""))
                if not message.get("more_body"):
                    break
        except MultiPartException as error:  # as Gradio does
            status, said = 400, error.message.encode()
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "body": said})

    chunks = [body[k : k + step] for k in range(0, len(body), step)] or [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    length = len(body) if length is None else length
    headers = [
        (b"content-type", b"multipart/form-data; boundary=b"),
        (b"content-length", str(length).encode()),
    ]
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(Gate(app, LIMIT, uploads)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode(), bytes(read)


def test_a_photo_is_let_in_whole() -> None:
    body = body_of(("photo.png", PNG))
    for step in (1, 7, 1000):
        assert ask(UPLOAD, body, step=step) == (200, "", body)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("../../etc/photo.png", PNG, "holds a path"),
        ("C:\\photo.png", PNG, "holds a path"),
        ("photo.zip", b"PK\x03\x04" + bytes(40), ".zip is not taken"),
        ("page.html", b"<html>" * 9, ".html is not taken"),
        ("photo.png", b"PK\x03\x04" + bytes(40), "is not what its name says"),
        ("photo.png", b"<p>", "is not what its name says"),
        ("photo.png", b"", "is not what its name says"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_refused(name: str, content: bytes, part: str, step: int) -> None:
    status, said, _ = ask(UPLOAD, body_of(("ok.png", PNG), (name, content)), step=step)
    assert status == 400
    assert part in said


def test_sizes_are_believed_and_counted() -> None:
    status, said, read = ask(UPLOAD, body_of(("photo.png", PNG)), length=500_000_000)
    assert (status, read) == (413, b"")
    assert "too large" in said
    large = body_of(("photo.png", PNG + bytes(2 * LIMIT)))
    status, said, read = ask(UPLOAD, large, length=0, step=1000)
    assert "maximum allowed size" in said  # for which Gradio says 413
    assert len(read) <= LIMIT


def test_the_disk_is_not_filled(tmp_path: Path) -> None:
    body = body_of(("photo.png", PNG))
    for k in range(10):
        (tmp_path / f"{k}.png").write_bytes(bytes(LIMIT))
    assert ask(UPLOAD, body, uploads=tmp_path)[0] == 200
    (tmp_path / "more.png").write_bytes(b"1")
    status, said, read = ask(UPLOAD, body, uploads=tmp_path)
    assert (status, read) == (503, b"")
    assert "come back later" in said


def test_many_files_are_refused() -> None:
    many = body_of(*[(f"{k}.png", PNG) for k in range(MOST_FILES + 1)])
    assert "files at once" in ask(UPLOAD, many)[1]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/gradio_api/vibe-code/", "POST"),
        ("/gradio_api/process_recording", "POST"),
        ("/gradio_api/run/predict", "POST"),
        ("/gradio_api/upload", "PUT"),
        ("/gradio_api/proxy=https://other.example/", "GET"),
        ("/login", "POST"),
    ],
)
def test_what_the_page_does_not_need_is_closed(path: str, method: str) -> None:
    assert ask(path, method=method)[0] == 403


def test_what_the_page_needs_is_open() -> None:
    assert ask("/", method="GET")[0] == 200
    assert ask("/gradio_api/queue/join", b"{}")[0] == 200
