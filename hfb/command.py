"""Where `hfb`, `run_hfb.py` and `train_amp.py` begin: each command imports what it needs.

Nothing in hfb imports `datamodules`: the configurations name the classes that read the data.
"""

from __future__ import annotations

from dataclasses import replace

from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.programs import HFB, LIFTING, MOTION_PRIOR, REFINEMENT, Program
from hfb.cli.stopping import begin_program


def main(args: list[str] | None = None) -> None:
    """Run `hfb`; `args` instead of `sys.argv` where a test calls it."""
    command, options = _choose(HFB, args)
    if command == "train-amp":
        train_amp(options, replace(MOTION_PRIOR, name="hfb train-amp"))
    elif command == "train-lifting":
        train_lifting(options, replace(LIFTING, name="hfb train-lifting"))
    elif command == "app":
        from hfb.web.command import main as app

        app(options)
    elif command == "view":
        from hfb.viewer.command import main as view

        view(options)
    else:
        run_hfb([command, *options], replace(REFINEMENT, name="hfb"))


def run_hfb(args: list[str] | None = None, program: Program = REFINEMENT) -> None:
    """Refine photos (predict) or a data set (test).

    Args:
        args: instead of `sys.argv`.
        program: how it is called, for messages.
    """
    command, options = _choose(program, args)
    from hfb.app.hfb_cli import run

    run(program, command, options)


def train_amp(args: list[str] | None = None, program: Program = MOTION_PRIOR) -> None:
    """Train the motion prior; arguments as of `run_hfb`."""
    command, options = _choose(program, args)
    from hfb.training.motion_prior.cli import run

    run(program, command, options)


def train_lifting(args: list[str] | None = None, program: Program = LIFTING) -> None:
    """Train the lifting network; arguments as of `run_hfb`."""
    command, options = _choose(program, args)
    from hfb.training.lifting.cli import run

    run(program, command, options)


def _choose(program: Program, args: list[str] | None) -> tuple[str, list[str]]:
    """The command and its options; from here on a signal ends the program in an orderly way."""
    if args is None:
        begin_program()
    with user_errors_as_one_line():
        return program.choose(args)
