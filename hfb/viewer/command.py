"""The options of `hfb view`; imports nothing slow."""

from __future__ import annotations

import argparse
from pathlib import Path

from hfb.cli.errors import user_errors_as_one_line

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080


def main(options: list[str], name: str = "hfb view") -> None:
    """Show a run.

    Args:
        options: what was typed.
        name: of the program.
    """
    parser = argparse.ArgumentParser(
        name,
        description="A finished run in 3D, live in the browser: a time line over all photos, the "
        "starting pose against the result, the camera with its photo.",
    )
    parser.add_argument("run", metavar="RUN", help="folder of the results: what --output named")
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen at; 0.0.0.0 lets others look, too (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0: a free one (default: %(default)s)"
    )
    given = parser.parse_args(options)
    with user_errors_as_one_line():
        from hfb.viewer.server import view

        view(Path(given.run), given.host, given.port, lambda line: print(line, flush=True))
