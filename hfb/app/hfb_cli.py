"""The command line of `run_hfb.py`."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningArgumentParser

from hfb.app.config_overlay import ConfigOverlay
from hfb.cli import QuietCLI


class HfbCLI(QuietCLI):
    """A `LightningCLI` with `--output` as a short name for the module's output folder."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Lightning's, with configurations that are laid over one another weight by weight."""
        kwargs.setdefault("dump_header", [f"pytorch_lightning=={pl.__version__}"])
        parser = LightningArgumentParser(**kwargs)
        parser.add_argument(
            "-c", "--config", action=ConfigOverlay, help="configuration file (YAML); repeatable"
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare the short names."""
        parser.add_argument(
            "--output",
            type=str | None,
            default=None,
            help="folder for the results (default: a new dated folder under outputs/)",
        )
        parser.link_arguments("output", "model.output")
