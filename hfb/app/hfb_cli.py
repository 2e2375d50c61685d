"""The command line of `run_hfb.py`."""

from __future__ import annotations

from pytorch_lightning.cli import LightningArgumentParser

from hfb.cli import QuietCLI


class HfbCLI(QuietCLI):
    """A `LightningCLI` with `--output` as a short name for the module's output folder."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare the short names."""
        parser.add_argument(
            "--output",
            type=str | None,
            default=None,
            help="folder for the results (default: a new dated folder under outputs/)",
        )
        parser.link_arguments("output", "model.output")
