"""What the command lines of refinement and training share."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningCLI, SaveConfigCallback

from hfb.errors import HfbError


class QuietCLI(LightningCLI):
    """`LightningCLI` without Lightning's talk of devices and tips, which is no news to users."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name in ("pytorch_lightning", "lightning_fabric"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # Lightning 2.6 uses a name that torch 2.13 has deprecated.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        # Writers of predictions get the batch itself and need no numbers of its samples.
        warnings.filterwarnings("ignore", message=".*infer the batch indices fetched.*")
        super().__init__(*args, **kwargs)


class TrainingCLI(QuietCLI):
    """The same for trainings, silent about what is as it should be there."""

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


class KeepConfig(SaveConfigCallback):
    """Hands the resolved config to the module, which writes it beside the first result.

    Lightning would write it before anything is read, and leave a folder behind a typing error.
    """

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Keep the text; writing is the module's."""
        pl_module.config_text = self.parser.dump(self.config, skip_none=False)


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


def run_training(
    defaults: Path,
    args: list[str] | None,
    model: type[pl.LightningModule],
    cli: type[TrainingCLI] = TrainingCLI,
    data: type[pl.LightningDataModule] | None = None,
) -> None:
    """Run the command line of a training: fit, validate or test; errors of users in one line.

    Args:
        defaults: the configuration that flags and other configurations are laid over.
        args: instead of `sys.argv`, where a test calls it.
        model: what is trained.
        cli: the command line.
        data: what it is trained on; None: what the configuration names, since nothing in hfb
            imports what is built on it.
    """
    files = {"default_config_files": [str(defaults)]}
    with user_errors_as_one_line():
        cli(
            model,
            data,
            subclass_mode_data=data is None,
            args=args,
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            parser_kwargs={name: files for name in ("fit", "validate", "test")},
        )
