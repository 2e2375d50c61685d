"""Train the lifting network: `python -m hfb.training.lifting fit --data.pairs <folder>`."""

from __future__ import annotations

from hfb.cli.programs import LIFTING
from hfb.training.lifting.cli import run


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    run(LIFTING, *LIFTING.choose(args))


if __name__ == "__main__":
    main()
