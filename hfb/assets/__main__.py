"""`python -m hfb.assets`: fetch what is missing, or list what is where."""

from __future__ import annotations

import argparse
import sys

from hfb.assets.find import fetch_all, list_all
from hfb.errors import HfbError


def main(args: list[str] | None = None) -> int:
    """Run the command line; `args` instead of `sys.argv` where a test calls it.

    Returns:
        Exit code: 0, or 2 with one line on stderr where a file cannot be had.
    """
    parser = argparse.ArgumentParser(prog="python -m hfb.assets", description="Model files.")
    parser.add_argument("command", choices=["fetch", "list"], help="fetch what is missing, or list")
    command = parser.parse_args(args).command
    try:
        for line in fetch_all() if command == "fetch" else list_all():
            print(line)
    except HfbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
