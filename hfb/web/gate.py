"""In front of Gradio: only what the page needs is let in, and uploads are looked at as they come.

Gradio would store whatever is sent and look at it when it is used; it also has routes that edit
recordings or code, which the page does not need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hfb.web.uploads import HEAD_BYTES, why_content_refused, why_name_refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_UPLOAD = "/gradio_api/upload"
_POSTS = {_UPLOAD, "/gradio_api/queue/join", "/gradio_api/reset", "/gradio_api/cancel"}
_READING = {"GET", "HEAD"}
# Fetches from other servers on a stranger's behalf.
_CLOSED = "/gradio_api/proxy="
_LONGEST_REQUEST = 1 << 20
"""Bytes of what is not an upload."""
_MOST_UPLOADS = 10
"""Largest uploads that lie there at a time."""
MOST_FILES = 3
"""Of one upload."""


class Gate:
    """Refuses requests before Gradio sees them.

    Args:
        app: Gradio's.
        most_bytes: of an upload.
        uploads: the folder that Gradio puts them in.
    """

    def __init__(self, app: App, most_bytes: int, uploads: Path) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.uploads = uploads

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # the page uses no websockets
        path, method = scope["path"].rstrip("/") or "/", scope["method"]
        is_open = method in _READING or (method == "POST" and path in _POSTS)
        if not is_open or path.startswith(_CLOSED):
            await _refuse(send, 403, "this is not offered here")
            return
        limit = self.most_bytes if path == _UPLOAD else _LONGEST_REQUEST
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await _refuse(send, 413, too_large(limit))
            return
        if path == _UPLOAD and _size_of(self.uploads) > _MOST_UPLOADS * self.most_bytes:
            await _refuse(send, 503, "too much has been uploaded in the last hour; come back later")
            return
        inspect = _Inspection(headers.get(b"content-type", b""), limit) if path == _UPLOAD else None
        await self.app(scope, _watched(receive, inspect) if inspect else receive, send)


def _size_of(folder: Path) -> int:
    """Bytes of all files; some go while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def too_large(limit: int) -> str:
    """What is said of uploads that are too large.

    Args:
        limit: bytes.
    """
    return f"the file is too large: at most {limit / 1e6:.0f} MB are taken"


class _Inspection:
    """Looks at the files of an upload while it comes in.

    Args:
        content_type: of the request.
        limit: bytes of all.
    """

    def __init__(self, content_type: bytes, limit: int) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        self._options_of = parse_options_header
        self._limit, self._received, self._num_files = limit, 0, 0
        self._field, self._value = b"", b""
        self._name: str | None = None
        self._head = b""
        self.problem: str | None = None if boundary else "this is no upload of files"
        self._parser = MultipartParser(
            boundary or b"none",
            {
                "on_part_begin": self._begin,
                "on_header_field": self._add_field,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes; `problem` says what is wrong with them."""
        self._received += len(chunk)
        if self._received > self._limit:
            # Gradio answers 413 where these words are in the message.
            self.problem = f"{too_large(self._limit)} (maximum allowed size)"
        if self.problem is None and chunk:
            self._parser.write(chunk)

    def _begin(self) -> None:
        self._name, self._head, self._field, self._value = None, b"", b"", b""

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._look_at_name(self._value)
        self._field, self._value = b"", b""

    def _look_at_name(self, disposition: bytes) -> None:
        _, options = self._options_of(disposition)
        # The parser drops paths that old browsers sent: look at the header as it came, too.
        has_path = b"/" in disposition or b"\\" in disposition
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._name = name
        self._num_files += 1
        if self._num_files > MOST_FILES:
            self.problem = self.problem or f"more than {MOST_FILES} files at once are not taken"
        self.problem = self.problem or why_name_refused("/" if has_path else name)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if len(self._head) < HEAD_BYTES:
            self._head += data[start : min(end, start + HEAD_BYTES)]
            if len(self._head) >= HEAD_BYTES:
                self._look_at_head()

    def _end_part(self) -> None:
        if len(self._head) < HEAD_BYTES:
            self._look_at_head()

    def _look_at_head(self) -> None:
        if self.problem is None and self._name is not None:
            self.problem = why_content_refused(self._name, self._head)


def _watched(receive: Receive, inspect: _Inspection) -> Receive:
    """Hand on what comes in until something is wrong with it; Gradio deletes what it has then."""
    from python_multipart.exceptions import MultipartParseError
    from starlette.formparsers import MultiPartException

    async def watched() -> Message:
        message = await receive()
        try:
            inspect.feed(message.get("body", b""))
        except MultipartParseError as error:
            raise MultiPartException("the upload is damaged; send it again") from error
        if inspect.problem is not None:
            raise MultiPartException(inspect.problem)
        return message

    return watched


async def _refuse(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
