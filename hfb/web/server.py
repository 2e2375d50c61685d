"""The server of the page: a temporary folder, Gradio behind the gate, the results beside it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfb.errors import InputError
from hfb.web.gate import Gate
from hfb.web.jobs import ARCHIVE, Jobs

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_SANDBOX = "sandbox allow-scripts allow-downloads"


@dataclass(frozen=True)
class AppSettings:
    """How the page is offered.

    Attributes:
        host: address to listen at.
        port: 0: one that is free.
        most_mb: of an upload.
        options: for each `hfb predict`.
    """

    host: str
    port: int
    most_mb: int
    options: Sequence[str] = ()


def serve(settings: AppSettings) -> None:
    """Serve the page until a signal ends the program; what was uploaded goes with it.

    Raises:
        InputError: if the extra is missing or the address cannot be had.
    """
    root = Path(tempfile.mkdtemp(prefix="hfb-app-"))
    jobs = Jobs(root / "jobs", settings.options)
    server = None
    try:
        listening = _listen(settings)
        server = _server(_application(settings, jobs, root / "uploads"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"hfb app: http://{shown}:{port} (Ctrl-C ends it)", flush=True)
        while thread.is_alive():
            thread.join(0.5)
    finally:
        if server is not None:
            server.should_exit = True
        jobs.close()
        shutil.rmtree(root, ignore_errors=True)


def _listen(settings: AppSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--host {settings.host} --port {settings.port} cannot be had ({error}); give another "
            "port, or 0 for one that is free"
        ) from error


def _application(settings: AppSettings, jobs: Jobs, uploads: Path) -> Any:
    """Gradio, the results and the gate."""
    # Gradio reads these when it is imported; it neither reports home nor asks for its news.
    os.environ |= {
        "GRADIO_TEMP_DIR": str(uploads),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    try:
        import fastapi
        import gradio
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError as error:
        raise InputError(
            f"hfb app needs the extra `app` ({error.name} is missing): pip install '.[app]'"
        ) from error
    from hfb.web.page import make_page

    uploads.mkdir(parents=True)
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if settings.host in _LOCAL or settings.host == "::1":
        # No page of another name that points here may use it.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOCAL, "::1"])
    _offer_results(app, jobs)
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    most_bytes = settings.most_mb * 1_000_000
    gradio.mount_gradio_app(
        app,
        make_page(gradio, jobs, uploads),
        "/",
        theme=theme,
        max_file_size=most_bytes,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        show_error=True,
    )
    return Gate(app, most_bytes, uploads)


def _offer_results(app: Any, jobs: Jobs) -> None:
    """Add the route to the files of a result, which only who has seen its name can ask for."""
    from fastapi.responses import FileResponse, PlainTextResponse, Response

    def result(token: str, name: str) -> Response:
        path = jobs.file(token, name)
        if path is None:
            return PlainTextResponse("there is no such file (any more)", status_code=404)
        # A report runs its scripts without any right to the page around it.
        headers = {"Content-Security-Policy": _SANDBOX, "Cache-Control": "no-store"}
        return FileResponse(path, headers=headers, filename=name if name == ARCHIVE else None)

    app.add_api_route("/result/{token}/{name:path}", result, response_model=None)


def _server(application: Any) -> Any:
    import uvicorn

    config = uvicorn.Config(application, log_level="error", ws="none", timeout_graceful_shutdown=1)
    return uvicorn.Server(config)
