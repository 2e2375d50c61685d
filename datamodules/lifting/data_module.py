"""Pairs of detections and poses for training the lifting network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.init.detect.detector_output import CROP_SIZE, NUM_POINTS
from hfb.init.detect.landmarks import FLIP
from hfb.init.lift.encoding import LiftingInput
from hfb.motion.tracks import mirror_joints
from hfb.ranges import SHARE, check_value
from hfb.training.lifting.batch import INPUT_ARRAYS, TRUTH_ARRAYS, batch_of

_NUM_TYPICAL = 4096


class LiftingDataModule(pl.LightningDataModule):
    """Pairs written by `python -m datamodules.lifting_pairs`, held in memory.

    Args:
        pairs: folder of the pairs to learn from.
        val_pairs: folder of pairs of other subjects, to report on.
        batch_size: pairs a step.
        mirror: share of training pairs that are seen in a mirror.
        without_matte: share of training pairs that are seen without their background's matte.
    """

    def __init__(
        self,
        pairs: str,
        val_pairs: str,
        batch_size: int = 128,
        mirror: float = 0.5,
        without_matte: float = 0.15,
    ) -> None:
        super().__init__()
        check_value("data.batch_size", batch_size, int, (1, 1_000_000))
        check_value("data.mirror", mirror, float, SHARE)
        check_value("data.without_matte", without_matte, float, SHARE)
        self.pairs = Path(pairs)
        self.val_pairs = Path(val_pairs)
        self.batch_size = batch_size
        self.mirror = mirror
        self.without_matte = without_matte
        self._arrays: dict[str, dict[str, Tensor]] = {}

    def arrays(self, split: str) -> dict[str, Tensor]:
        """All pairs of a split ("train" or "val").

        Raises:
            InputError: if the folder holds none, or shares a subject with the validation pairs.
        """
        if split not in self._arrays:
            folder = self.pairs if split == "train" else self.val_pairs
            self._arrays[split], subjects = read_pairs(folder)
            if split == "train":
                self._check_subjects(subjects, folder)
        return self._arrays[split]

    def _check_subjects(self, subjects: set[str], folder: Path) -> None:
        _, others = read_pairs(self.val_pairs)
        if subjects & others:
            raise InputError(
                f"{folder} and {self.val_pairs} both hold pairs of subject "
                f"{min(subjects & others)!r}: what is reported would not be about new people."
            )

    def typical_input(self) -> LiftingInput:
        """Some training pairs, from which the network learns the size of its inputs."""
        arrays = {name: values[:_NUM_TYPICAL] for name, values in self.arrays("train").items()}
        return batch_of(arrays)[0]

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """All pairs once, in a new order at every call."""
        return DataLoader(_Batches(self, "train"), batch_size=None, num_workers=0)

    def val_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """The validation pairs, in order."""
        return DataLoader(_Batches(self, "val"), batch_size=None, num_workers=0)

    def test_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """The validation pairs: subjects that were never trained on."""
        return self.val_dataloader()


class _Batches(IterableDataset):  # type: ignore[type-arg]
    """Batches of a split; shuffled, and some mirrored, for training."""

    def __init__(self, data: LiftingDataModule, split: str) -> None:
        self.data, self.split, self.epoch = data, split, 0
        self.count = len(data.arrays(split)["roi"])

    def __len__(self) -> int:
        return -(-self.count // self.data.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        arrays, size = self.data.arrays(self.split), self.data.batch_size
        order = torch.arange(self.count)
        generator = torch.Generator().manual_seed(self.epoch)
        # Counted here: a trainer that knows the length never comes to the end of the loop.
        self.epoch += 1
        if self.split == "train":
            order = torch.randperm(self.count, generator=generator)
        for rows in order.split(size):
            batch = {name: values[rows] for name, values in arrays.items()}
            if self.split == "train":
                batch = self._varied(batch, generator)
            yield batch

    def _varied(self, batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """A batch with some of its pairs mirrored, and some that know no background."""
        unknown = torch.rand(len(batch["roi"]), generator=generator) < self.data.without_matte
        matte = torch.where(unknown[:, None, None], batch["mask"], batch["matte"])
        batch = batch | {"matte": matte}
        chosen = torch.rand(len(batch["roi"]), generator=generator) < self.data.mirror
        mirrored = mirrored_pairs(batch)
        return {
            name: torch.where(chosen.reshape(-1, *[1] * (values.ndim - 1)), mirrored[name], values)
            for name, values in batch.items()
        }


def mirrored_pairs(pairs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same pairs as they would be if the image were mirrored left to right.

    Args:
        pairs: as they are stored. Pixels are counted from the other side of the image's left edge,
            which is as good as any place.
    """
    landmarks = [*FLIP.tolist(), *range(len(FLIP), NUM_POINTS)]
    joints = mirror_joints()
    to_side = torch.tensor([-1.0, 1.0, 1.0])
    points = pairs["points"][:, landmarks].clone()
    points[..., 0] = CROP_SIZE - points[..., 0]
    return pairs | {
        "points": points,
        "heat": pairs["heat"][:, landmarks],
        "world": pairs["world"][:, landmarks] * to_side,
        "roi": pairs["roi"] * torch.tensor([-1.0, 1.0, 1.0, -1.0]),
        "camera": pairs["camera"] * torch.tensor([1.0, 1.0, -1.0, 1.0]),
        "mask": pairs["mask"].flip(-1),
        "matte": pairs["matte"].flip(-1),
        "joints": pairs["joints"][:, joints] * to_side,
        # Mirrored in x, a rotation changes its sense about y and z.
        "pose": pairs["pose"][:, joints] * -to_side,
        "registered": pairs["registered"][:, joints] * -to_side,
    }


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
