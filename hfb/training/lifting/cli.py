"""The command line of the lifting network's training."""

from __future__ import annotations

from hfb.cli.lightning import run_training
from hfb.cli.programs import Program
from hfb.training.lifting.module import LiftingModule


def run(program: Program, command: str, options: list[str]) -> None:
    """Run one command.

    Args:
        program: how it is called, for messages.
        command: fit, validate or test.
        options: what was typed beside it.
    """
    run_training(program, command, options, LiftingModule, "train_lifting.yaml")
