"""Train the lifting network: `python -m hfb.training.lifting fit --data.pairs <folder>`."""

from __future__ import annotations

from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.programs import LIFTING


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    with user_errors_as_one_line():
        command, options = LIFTING.choose(args)
    from hfb.training.lifting.cli import run

    run(LIFTING, command, options)


if __name__ == "__main__":
    main()
