"""The order in which pairs are learned from and validated on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import IterableDataset


def stream_seed(seed: int, epoch: int, rank: int) -> int:
    """Seed of an epoch's batches: another one in each process of a training.

    Args:
        seed: of the windows.
        epoch: its number, from 0.
        rank: number of the process, from 0.
    """
    return seed + 7919 * (1 + epoch) + 104_729 * rank


class PairStream(IterableDataset):  # type: ignore[type-arg]
    """Batches of pairs: drawn with replacement for training, in order for validation.

    Args:
        pairs_of: makes a batch of the things with these numbers, with a source of randomness.
        count: how many there are to make pairs of.
        batch_size: pairs a batch.
        seed: of validation as it is, of training for each epoch and process its own from it.
        steps: batches of an epoch of training; None: all once, in order.
        trainer: knows the epoch and the process; None: the first of both.
    """

    def __init__(
        self,
        pairs_of: Callable[[Tensor, torch.Generator], Any],
        count: int,
        batch_size: int,
        seed: int,
        steps: int | None = None,
        trainer: pl.Trainer | None = None,
    ) -> None:
        self.pairs_of, self.count, self.batch_size = pairs_of, count, batch_size
        self.seed, self.steps = seed, steps
        self.epoch = trainer.current_epoch if trainer is not None else 0
        self.rank = trainer.global_rank if trainer is not None else 0

    def __len__(self) -> int:
        return -(-self.count // self.batch_size) if self.steps is None else self.steps

    def __iter__(self) -> Iterator[Any]:
        # Counted here: Lightning stops asking at the last batch, so nothing after it would run.
        epoch, self.epoch = self.epoch, self.epoch + 1
        seed = self.seed if self.steps is None else stream_seed(self.seed, epoch, self.rank)
        generator = torch.Generator().manual_seed(seed)
        for step in range(len(self)):
            if self.steps is None:
                first = step * self.batch_size
                rows = torch.arange(first, min(first + self.batch_size, self.count))
            else:
                rows = torch.randint(self.count, (self.batch_size,), generator=generator)
            yield self.pairs_of(rows, generator)
