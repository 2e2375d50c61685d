"""The options of `hfb app`; imports nothing slow."""

from __future__ import annotations

import argparse

from hfb.cli.errors import user_errors_as_one_line

DEFAULT_HOST, DEFAULT_PORT, DEFAULT_MB = "127.0.0.1", 7860, 200


def main(options: list[str], name: str = "hfb app") -> None:
    """Serve the page.

    Args:
        options: what was typed.
        name: of the program.
    """
    parser = argparse.ArgumentParser(
        name,
        description="A page in the browser: drop a photo and the scene without the person, or a "
        "clip; it shows the progress, the report and the files. Uploads are deleted.",
    )
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="address to listen at; 0.0.0.0 lets others in, who may then use this computer's "
        "processors (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0: a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--max_mb",
        type=_positive,
        default=DEFAULT_MB,
        help="largest upload, MB (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help="settings of the fits, as for `hfb predict`; may be repeated",
    )
    given = parser.parse_args(options)
    with user_errors_as_one_line():
        from hfb.web.server import AppSettings, serve

        configs = [f"--config={file}" for file in given.config]
        serve(AppSettings(given.host, given.port, given.max_mb, configs))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
