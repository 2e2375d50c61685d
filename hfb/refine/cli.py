"""The command line of `run_hfb.py`: defaults from YAML, user errors as one line."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from hfb.errors import HfbError


class KeepConfig(SaveConfigCallback):
    """Hands the resolved config to the module, which writes it beside the first result.

    Lightning would write it before anything is read, and leave a folder behind a typing error.
    """

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Keep the text; writing is the module's."""
        pl_module.config_text = self.parser.dump(self.config, skip_none=False)


class HfbCLI(LightningCLI):
    """`LightningCLI` with `--output` as a short name for the module's output folder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # What Lightning says about devices and tips is no news to the user of a photo.
        for name in ("pytorch_lightning", "lightning_fabric"):
            logging.getLogger(name).setLevel(logging.WARNING)
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        super().__init__(*args, **kwargs)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare the short names."""
        parser.add_argument(
            "--output",
            type=str | None,
            default=None,
            help="folder for the results (default: a new dated folder under outputs/)",
        )
        parser.link_arguments("output", "model.output")


@contextmanager
def user_errors_as_one_line() -> Iterator[None]:
    """Turn the named errors of this project into one line on stderr and exit code 2."""
    try:
        yield
    except HfbError as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept.", file=sys.stderr)
        sys.exit(130)
