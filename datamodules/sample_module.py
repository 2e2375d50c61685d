"""What all sources of blurry samples share: batches are lists of samples."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from hfb.structures import BlurSample


class SampleDataModule(pl.LightningDataModule):
    """Base of the data modules whose batches are lists of `BlurSample`.

    Samples differ in size and in what is known about them, so they are not stacked: the refinement
    crops each to a common size itself and moves the crops to its device.
    """

    def transfer_batch_to_device(
        self, batch: list[BlurSample], device: torch.device, dataloader_idx: int
    ) -> list[BlurSample]:
        """Leave full-size photos where they are; only the crops made from them are worked on."""
        return batch


def sample_loader(
    samples: Sequence[BlurSample] | Dataset[BlurSample], batch_size: int = 1
) -> DataLoader[BlurSample]:
    """Batches of samples in order, as lists, read in this process.

    Args:
        samples: the samples, or a data set that reads them.
        batch_size: samples refined together.

    Returns:
        A loader whose batches are lists of at most `batch_size` samples.
    """
    return DataLoader(
        samples,  # type: ignore[arg-type]  # any sequence serves as a data set
        batch_size=batch_size,
        shuffle=False,
        num_workers=0,  # a fit takes seconds, reading a sample milliseconds
        collate_fn=_as_list,
    )


def _as_list(samples: list[BlurSample]) -> list[BlurSample]:
    return list(samples)
