"""TensorBoard in a run's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from hfb.errors import InputError
from hfb.storage import utf8_path

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class RunLogger(TensorBoardLogger):
    """A `TensorBoardLogger` whose folder appears with the first value that is logged.

    Lightning opens its loggers before anything is read, which would leave a folder behind a typing
    error. The settings of the run are in its `config.yaml`: no `hparams.yaml` is written.

    Args:
        folder: of the run; the events go to `tensorboard` below it.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(save_dir=folder, name="tensorboard", version="")
        self._writer = LazyWriter(Path(self.log_dir))

    @property
    @rank_zero_experiment
    def experiment(self) -> LazyWriter:  # type: ignore[override]
        """What values, images and texts are added to, as to a `SummaryWriter`."""
        return self._writer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values.

        Args:
            metrics: values by tag.
            step: at which they hold.

        Raises:
            InputError: if the folder cannot be written.
        """
        if metrics:
            self._writer.open()  # Lightning takes every error in the call below for a wrong value
        super().log_metrics(metrics, step)

    def save(self) -> None:
        """Write what is still in memory, if anything has been logged."""
        self._writer.flush()

    def finalize(self, status: str) -> None:
        """Close the event file, if there is one."""
        self._writer.close()


class LazyWriter:
    """A `SummaryWriter` that makes its folder when it is first written to.

    Args:
        folder: of the event file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: SummaryWriter | None = None
        self._ways = ExitStack()

    def open(self) -> SummaryWriter:
        """The `SummaryWriter`, made when first asked for.

        Raises:
            InputError: if the folder cannot be written.
        """
        if self._made is None:
            # Importing TensorBoard takes a second that runs without it should not pay.
            from torch.utils.tensorboard import SummaryWriter

            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                name = self._ways.enter_context(utf8_path(self._folder))
                self._made = SummaryWriter(str(name))
            except OSError as error:
                raise InputError(
                    f"cannot write {self._folder}: {error.strerror}; choose another --output"
                ) from error
        return self._made

    def __getattr__(self, name: str) -> Any:
        """The methods of the `SummaryWriter`: `add_image`, `add_text` and so on."""
        if name.startswith("_"):  # whoever asks copies or inspects: nothing is written
            raise AttributeError(name)
        return getattr(self.open(), name)

    def flush(self) -> None:
        """Write what is still in memory."""
        if self._made is not None:
            self._made.flush()

    def close(self) -> None:
        """Close the event file; later values open another."""
        if self._made is not None:
            self._made.close()
            self._made = None
            self._ways.close()
