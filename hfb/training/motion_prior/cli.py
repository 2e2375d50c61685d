"""The command line of the motion prior's training."""

from __future__ import annotations

from pytorch_lightning.cli import LightningArgumentParser

from hfb.cli.lightning import TrainingCLI, run_training
from hfb.cli.programs import Program
from hfb.training.module import TrainingModule


class AmpCLI(TrainingCLI):
    """A `LightningCLI` whose model follows the data where both must agree."""

    names_model = True

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Tie what data and model share."""
        for name in ("degree", "parameterization"):
            parser.link_arguments(f"data.init_args.windows.{name}", f"model.init_args.prior.{name}")
        parser.link_arguments("data.init_args.windows.degree", "model.init_args.networks.degree")


def run(program: Program, command: str, options: list[str]) -> None:
    """Run one command.

    Args:
        program: how it is called, for messages.
        command: fit, validate or test.
        options: what was typed beside it.
    """
    run_training(program, command, options, TrainingModule, "train_amp.yaml", AmpCLI)
