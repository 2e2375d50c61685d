"""`python -m hfb.assets`: fetch what is missing, or list what is where."""

from __future__ import annotations

import argparse

from hfb.assets.find import fetch_all, list_all
from hfb.cli.errors import user_errors_as_one_line


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it.

    Raises:
        SystemExit: code 2, with one line on stderr, where a file cannot be had.
    """
    parser = argparse.ArgumentParser(prog="python -m hfb.assets", description="Model files.")
    parser.add_argument("command", choices=["fetch", "list"], help="fetch what is missing, or list")
    with user_errors_as_one_line():
        command = parser.parse_args(args).command
        for line in fetch_all() if command == "fetch" else list_all():
            print(line)


if __name__ == "__main__":
    main()
