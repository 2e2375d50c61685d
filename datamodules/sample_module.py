"""What all sources of blurry samples share: batches are lists of samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler

from hfb.cli.stopping import raise_if_stopped
from hfb.structures import BlurSample, BrokenSample
from hfb.unread import UnreadSample

Sample = BlurSample | UnreadSample
Samples = Sequence[BlurSample] | Dataset[BlurSample] | Dataset[UnreadSample]


class SampleDataModule(pl.LightningDataModule):
    """Base of the data modules whose batches are lists of `BlurSample`.

    Samples differ in size and in what is known about them, so they are not stacked: the refinement
    crops each to a common size itself and moves the crops to its device.
    """

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Leave full-size photos where they are; only the crops made from them are worked on."""
        return batch

    def loader(
        self,
        samples: Samples,
        batch_size: int = 1,
        names: Sequence[str] | None = None,
        ahead: bool | None = None,
    ) -> Iterable[Any]:
        """The batches that fall to this process of the run.

        Args:
            samples: see `sample_loader`.
            batch_size: see `sample_loader`.
            names: see `sample_loader`.
            ahead: whether workers of the module that is run may read and start the next batch;
                None: in tests.
        """
        trainer = self.trainer
        if trainer is None:
            return sample_loader(samples, batch_size, names=names)
        loader = sample_loader(
            samples, batch_size, trainer.world_size, trainer.global_rank, names=names
        )
        # Only the module knows how samples are started; it takes plain batches as well.
        looking_ahead = getattr(trainer.lightning_module, "looking_ahead", None)
        wanted = trainer.testing if ahead is None else ahead
        return looking_ahead(loader) if wanted and looking_ahead is not None else loader


class BatchDataset(Dataset[list[Sample | BrokenSample]]):
    """Batches of consecutive samples. What cannot be read becomes a `BrokenSample` if wanted.

    Batches are the same however many processes share them, so that results are: a batch's samples
    are refined together, and the last digits of a sum depend on how many there are.

    Args:
        samples: the samples, or a data set that reads them.
        batch_size: samples a batch.
        names: of the samples, to report those that cannot be read; None: reading raises.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        names: Sequence[str] | None = None,
    ) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.names = names

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch_size)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> list[Sample | BrokenSample]:
        first = index * self.batch_size
        last = min(first + self.batch_size, len(self.samples))  # type: ignore[arg-type]
        return [self._read(k) for k in range(first, last)]

    def _read(self, index: int) -> Sample | BrokenSample:
        if self.names is None:
            return self.samples[index]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # decoders warn about what is reported here
                return self.samples[index]
        except Exception as error:  # damaged files raise all kinds of errors
            raise_if_stopped()
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            return BrokenSample(self.names[index], " ".join(f"{kind}{error}".split()))


class ShareOfBatches(DistributedSampler):  # Lightning leaves loaders with such a sampler alone
    """Every n-th batch for each of n processes, none twice.

    All processes get the same number of batches; where there are too few, the last ones are empty.

    Args:
        num_batches: of all processes.
        num_processes: that share them.
        rank: of this one.
    """

    def __init__(self, num_batches: int, num_processes: int, rank: int) -> None:
        super().__init__(range(num_batches), num_processes, rank, shuffle=False)  # type: ignore[arg-type]
        self.num_samples = -(-num_batches // num_processes)

    def __iter__(self) -> Iterator[int]:
        for k in range(self.num_samples):
            yield k * self.num_replicas + self.rank


def sample_loader(
    samples: Samples,
    batch_size: int = 1,
    num_processes: int = 1,
    rank: int = 0,
    names: Sequence[str] | None = None,
) -> DataLoader[Any]:
    """Batches of samples in order, as lists, read in this process.

    Args:
        samples: the samples, or a data set that reads them.
        batch_size: samples refined together.
        num_processes: that share the batches.
        rank: of this process among them.
        names: of the samples, to report those that cannot be read; None: reading raises.

    Returns:
        A loader whose batches are lists of at most `batch_size` samples.
    """
    batches = BatchDataset(samples, batch_size, names)
    return DataLoader(
        batches,
        batch_size=None,
        sampler=ShareOfBatches(len(batches), num_processes, rank),
        num_workers=0,  # a fit takes seconds, reading a sample milliseconds
    )
