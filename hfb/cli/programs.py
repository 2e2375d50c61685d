"""The commands that users type, and which one is meant, found out before anything slow is imported.

Importing torch and Lightning takes seconds: help, version and misspelt commands need neither.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import NoReturn

from hfb import __version__
from hfb.cli.first_options import (
    LIFTING_FIT,
    LIFTING_METRICS,
    MOTION_PRIOR_FIT,
    MOTION_PRIOR_METRICS,
    PREDICT,
    TEST,
    FirstOptions,
)

_HELP = ("-h", "--help")
HELP_ALL = "--help-all"
_VERSION = "--version"
# Options without a value: the word after any other `--option` is its value, not the command.
_FLAGS = {*_HELP, HELP_ALL, _VERSION, "--print_config"}
_OTHER_CONFIG = "--config FILE, before or after the command, lays a YAML file over the defaults."


@dataclass(frozen=True)
class Program:
    """A program with commands, as `program command --option value`.

    Attributes:
        name: how it is called.
        what: what it does, one sentence.
        commands: the commands and what each does, a few words.
        first: the options of a command that its `--help` shows; `--help-all` is the parser's. A
            command that is a program of its own answers by itself.
    """

    name: str
    what: str
    commands: dict[str, str]
    first: dict[str, FirstOptions] = field(default_factory=dict)

    def choose(self, args: list[str] | None = None) -> tuple[str, list[str]]:
        """Find the command; options before it mean the same as behind it.

        Args:
            args: what was typed behind the program's name; None: of this process.

        Returns:
            The command, and everything else that was typed.

        Raises:
            SystemExit: after help or version (code 0), or if there is no such command (code 2).
                `--help-all` behind a command is left to its parser.
        """
        typed = sys.argv[1:] if args is None else args
        position = _position_of_word(typed)
        options = typed if position is None else typed[:position]
        asking = {*_HELP, HELP_ALL} if position is None else {*_HELP}
        if asking & {*options}:
            print(self.help_text())
            sys.exit(0)
        if _VERSION in options:
            print(f"{self.name.split()[0]} {__version__}")
            sys.exit(0)
        if position is None:
            self._fail("a command is missing")
        if typed[position] not in self.commands:
            self._fail(f"there is no command `{typed[position]}`")
        command, given = typed[position], [*options, *typed[position + 1 :]]
        if command in self.first and {*_HELP} & {*given}:
            print(self.first[command].help_text(self.name, command, self.commands[command]))
            sys.exit(0)
        return command, given

    def help_text(self) -> str:
        """What `--help` prints."""
        width = max(len(name) for name in self.commands)
        lines = [f"  {name.ljust(width)}  {what}" for name, what in self.commands.items()]
        return "\n".join(
            [
                f"usage: {self.name} COMMAND [--config FILE] [--SETTING VALUE ...]",
                "",
                self.what,
                "",
                *lines,
                "",
                _OTHER_CONFIG,
                f"Options of a command: {self.name} COMMAND --help",
            ]
        )

    def _fail(self, problem: str) -> NoReturn:
        names = ", ".join(self.commands)
        print(f"error: {problem}: {self.name} has {names} (see --help)", file=sys.stderr)
        sys.exit(2)


def _position_of_word(typed: list[str]) -> int | None:
    """Where the first word stands that is neither an option nor an option's value."""
    for position, word in enumerate(typed):
        before = typed[position - 1] if position else ""
        is_value = before.startswith("-") and "=" not in before and before not in _FLAGS
        if not word.startswith("-") and not is_value:
            return position
    return None


_REFINEMENT = {
    "predict": "your own photos or clip: body, motion and sharp video from blurry photos",
    "test": "a data set: the paper's tables, resumable",
}
_TRAINING = {
    "fit": "train, and write the finished network",
    "validate": "metrics of a trained network on the validation data",
    "test": "metrics of the shipped network, or of --model.checkpoint",
}

REFINEMENT = Program(
    "run_hfb.py",
    "3D body and sub-frame motion from blurry photos of a moving person.",
    _REFINEMENT,
    {"predict": PREDICT, "test": TEST},
)
MOTION_PRIOR = Program(
    "train_amp.py",
    "Train the motion prior (eq. 10) on motion capture.",
    _TRAINING,
    {
        "fit": MOTION_PRIOR_FIT,
        "validate": MOTION_PRIOR_METRICS,
        "test": MOTION_PRIOR_METRICS,
    },
)
LIFTING = Program(
    "python -m hfb.training.lifting",
    "Train the network that corrects starting poses.",
    _TRAINING,
    {"fit": LIFTING_FIT, "validate": LIFTING_METRICS, "test": LIFTING_METRICS},
)
HFB = Program(
    "hfb",
    REFINEMENT.what,
    {
        **_REFINEMENT,
        "app": "a page in the browser that takes photos and clips and shows the results",
        "view": "a finished run in 3D, live in the browser",
        "train-amp": "train the motion prior on motion capture: fit, validate, test",
        "train-lifting": "train the network that corrects starting poses: fit, validate, test",
    },
)
