"""Pairs of detections and poses for training the lifting network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from datamodules.lifting_noise import NoisyPairs, fit_noise
from datamodules.mocap_files import iterate_mocap
from datamodules.mocap_windows import join_clips
from datamodules.npz_file import read_npz
from hfb.body import load_body
from hfb.errors import InputError
from hfb.init.lifting import LiftingInput
from hfb.lifting.batch import INPUT_ARRAYS, TRUTH_ARRAYS, LiftingBatch, batch_of

_NUM_TYPICAL = 4096
_FRAME_RATE = 120.0


class LiftingDataModule(pl.LightningDataModule):
    """Pairs written by `python -m datamodules.lifting_pairs`, held in memory.

    Args:
        pairs: folder of the pairs to learn from.
        val_pairs: folder of pairs of other subjects, to report on.
        batch_size: pairs a step.
        without_features: share of training pairs whose detector features are withheld, so that the
            landmarks alone must do.
        mocap: motion capture whose poses get the errors of real pairs (`datamodules.lifting_noise`)
            and are learnt from beside them; null: real pairs only.
        noisy_share: how many such pairs a step gets, as a share of `batch_size`.
    """

    def __init__(
        self,
        pairs: str,
        val_pairs: str,
        batch_size: int = 256,
        without_features: float = 0.2,
        mocap: str | None = None,
        noisy_share: float = 0.5,
    ) -> None:
        super().__init__()
        self.pairs = Path(pairs)
        self.val_pairs = Path(val_pairs)
        self.batch_size = batch_size
        self.without_features = without_features
        self.mocap = Path(mocap) if mocap else None
        self.noisy_share = noisy_share
        self._arrays: dict[str, dict[str, Tensor]] = {}
        self._noisy: NoisyPairs | None = None

    def arrays(self, split: str) -> dict[str, Tensor]:
        """All pairs of a split ("train" or "val").

        Raises:
            InputError: if the folder holds none, or both splits share a subject.
        """
        if split not in self._arrays:
            folder = self.pairs if split == "train" else self.val_pairs
            self._arrays[split], subjects = read_pairs(folder)
            if split == "train":
                self._check_subjects(subjects)
        return self._arrays[split]

    def noisy(self) -> NoisyPairs | None:
        """Pairs beyond the real ones, or None where there is no motion capture to take them from.

        Raises:
            InputError: if it holds no training subject.
        """
        if self._noisy is None and self.mocap is not None and self.noisy_share > 0:
            clips = [clip for clip in iterate_mocap(self.mocap) if clip.split == "train"]
            body = load_body()
            noise = fit_noise(self.arrays("train"), body)
            self._noisy = NoisyPairs(noise, join_clips(clips, _FRAME_RATE), body)
        return self._noisy

    def _check_subjects(self, subjects: set[str]) -> None:
        _, others = read_pairs(self.val_pairs)
        if subjects & others:
            raise InputError(
                f"{self.pairs} and {self.val_pairs} both hold pairs of subject "
                f"{min(subjects & others)!r}: what is reported would not be about new people."
            )

    def typical_input(self) -> LiftingInput:
        """Some training pairs, from which the network learns the size of its inputs."""
        arrays = {name: values[:_NUM_TYPICAL] for name, values in self.arrays("train").items()}
        return batch_of(arrays)[0]

    def train_dataloader(self) -> DataLoader[LiftingBatch]:
        """All pairs once, in a new order at every call."""
        return DataLoader(_Batches(self, "train"), batch_size=None, num_workers=0)

    def val_dataloader(self) -> DataLoader[LiftingBatch]:
        """The validation pairs, in order."""
        return DataLoader(_Batches(self, "val"), batch_size=None, num_workers=0)

    def test_dataloader(self) -> DataLoader[LiftingBatch]:
        """The validation pairs: subjects that were never trained on."""
        return self.val_dataloader()


class _Batches(IterableDataset):  # type: ignore[type-arg]
    """Batches of a split; shuffled, with some features withheld, for training."""

    def __init__(self, data: LiftingDataModule, split: str) -> None:
        self.data, self.split, self.epoch = data, split, 0
        self.count = len(data.arrays(split)["roi"])
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return -(-self.count // self.data.batch_size)

    def __iter__(self) -> Iterator[LiftingBatch]:
        arrays, size = self.data.arrays(self.split), self.data.batch_size
        order = torch.arange(self.count)
        generator = torch.Generator().manual_seed(self.epoch)
        if self.split == "train":
            order = torch.randperm(self.count, generator=generator)
        for rows in order.split(size):
            batch = {name: values[rows] for name, values in arrays.items()}
            if self.split == "train":
                known = torch.rand(len(rows), generator=generator) >= self.data.without_features
                batch = self._with_noisy(batch | {"has_features": known})
            yield batch_of(batch)
        self.epoch += 1

    def _with_noisy(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Real pairs of a batch, and behind them those with borrowed errors."""
        noisy = self.data.noisy()
        count = round(self.data.noisy_share * len(batch["roi"]))
        if noisy is None or count == 0:
            return batch
        more = noisy.draw(count, self.rng)
        return {name: torch.cat([values, more[name].to(values)]) for name, values in batch.items()}


def read_pairs(folder: Path) -> tuple[dict[str, Tensor], set[str]]:
    """All pairs of a folder, and whose they are.

    Args:
        folder: written by `python -m datamodules.lifting_pairs`.

    Raises:
        InputError: if there are none, or a file is damaged or lacks something.
    """
    files = sorted(folder.glob("pairs_*.npz"))
    if not files:
        raise InputError(
            f"no pairs in {folder}: make them with `python -m datamodules.lifting_pairs --mocap "
            f"PATH --output {folder}`"
        )
    names = (*INPUT_ARRAYS, *TRUTH_ARRAYS)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    subjects: set[str] = set()
    for file in files:
        content = read_npz(file, "file of pairs")
        missing = [name for name in (*names, "subject") if name not in content]
        if missing:
            raise InputError(f"{file} lacks {', '.join(missing)}: it is no file of pairs")
        if len({len(content[name]) for name in names}) != 1:
            raise InputError(f"{file} is damaged: its arrays differ in length")
        for name in names:
            parts[name].append(content[name])
        subjects |= {str(name) for name in content["subject"]}
    try:
        arrays = {name: torch.from_numpy(np.concatenate(values)) for name, values in parts.items()}
    except (ValueError, TypeError) as error:
        raise InputError(f"the pairs in {folder} do not fit together: {error}") from error
    return arrays, subjects
