"""The command line of `train_amp.py`."""

from __future__ import annotations

from pytorch_lightning.cli import LightningArgumentParser

from hfb.cli import TrainingCLI


class AmpCLI(TrainingCLI):
    """A `LightningCLI` whose model follows the data where both must agree."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Tie what data and model share."""
        parser.link_arguments("data.windows.degree", "model.prior.degree")
        parser.link_arguments("data.windows.parameterization", "model.prior.parameterization")
