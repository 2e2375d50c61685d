"""The command line of `train_amp.py`."""

from __future__ import annotations

import warnings
from typing import Any

from pytorch_lightning.cli import LightningArgumentParser

from hfb.cli import QuietCLI


class AmpCLI(QuietCLI):
    """A `LightningCLI` whose model follows the data where both must agree."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Batches are made on the fly from tensors in memory: workers would only copy them.
        for message in (
            ".*does not have many workers.*",
            ".*IterableDataset.* has `__len__` defined.*",
            ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run wants it so
            ".*smaller than the logging interval.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        super().__init__(*args, **kwargs)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Tie what data and model share."""
        parser.link_arguments("data.windows.degree", "model.prior.degree")
        parser.link_arguments("data.windows.parameterization", "model.prior.parameterization")
