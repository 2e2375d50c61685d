"""The command line of `python -m hfb.lifting`."""

from __future__ import annotations

import warnings
from typing import Any

from hfb.cli import QuietCLI


class LiftingCLI(QuietCLI):
    """A `LightningCLI` that is silent about what is as it should be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Batches are made from tensors in memory: workers would only copy them.
        for message in (
            ".*does not have many workers.*",
            ".*IterableDataset.* has `__len__` defined.*",
            ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run wants it so
            ".*smaller than the logging interval.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        super().__init__(*args, **kwargs)
