"""Motion capture as training data of the motion prior."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from rich.progress import Progress
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.mocap.clip import MocapClip
from datamodules.mocap.files import iterate_mocap, mocap_files
from datamodules.mocap.frames import Recording, StoredFrames, write_frames
from datamodules.mocap.packed import MANIFEST_NAME
from datamodules.mocap.pair_stream import PairStream
from datamodules.mocap.pairs import PLAIN, CorruptionSettings, make_pairs
from datamodules.mocap.window_cache import no_cache, read_windows, write_windows
from datamodules.mocap.windows import Windows, WindowSettings, draw_windows, fit_windows
from hfb.assets import cache_dir
from hfb.errors import InputError
from hfb.ranges import LIMIT, check_value

_logger = logging.getLogger(__name__)

# Changes whenever the same settings give other windows than before.
_CACHE_VERSION = 2

# A recording counts with at most this time in validation, so that long dances do not dominate.
_MOST_VAL_SECONDS = 25.0


@dataclass(frozen=True)
class _Split:
    name: str
    count: int
    seed: int


class MocapDataModule(pl.LightningDataModule):
    """Windows of motion capture, fitted by polynomials, with faults put in on the fly.

    Frames are resampled into a file first and read from there, so that a collection may have any
    number of them. The windows are fitted once and kept in the user's cache, under a name that
    depends on the recordings and on all settings that matter; a damaged file is noticed and made
    again.

    Args:
        path: folder of AMASS files, one file, a packed collection, or several of these: `[A, B]`.
        pattern: which files of a folder are read.
        share_alike: read recordings with a share-alike licence as well.
        windows: what is cut out and fitted.
        corruption: faults and variations.
        num_train: windows to learn from.
        num_val: windows of validation subjects to report on.
        batch_size: motions a step.
        steps_per_epoch: steps between two validations.
        cache: folder of the fitted windows; the user's cache if not given.
        show_progress: draw a bar while windows are fitted.
    """

    VAL_SEED: ClassVar[int] = 0
    """Added to the seed of the windows for the validation batches."""

    def __init__(
        self,
        path: list[str] | str,
        pattern: str = "**/*.npz",
        share_alike: bool = False,
        windows: WindowSettings = WindowSettings(),  # noqa: B008 (frozen)
        corruption: CorruptionSettings = CorruptionSettings(),  # noqa: B008 (frozen)
        num_train: int = 100_000,
        num_val: int = 8_000,
        batch_size: int = 128,
        steps_per_epoch: int = 1_250,
        cache: str | None = None,
        show_progress: bool = True,
    ) -> None:
        super().__init__()
        check_value("data.num_train", num_train, int, LIMIT)
        check_value("data.num_val", num_val, int, LIMIT)
        check_value("data.batch_size", batch_size, int, (1, 1_000_000))
        check_value("data.steps_per_epoch", steps_per_epoch, int, LIMIT)
        self.path = path
        self.pattern = pattern
        self.share_alike = share_alike
        self.window_settings = windows
        self.corruption = corruption
        self.num_train = num_train
        self.num_val = num_val
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.cache = Path(cache) if cache else cache_dir() / "mocap"
        self.show_progress = show_progress
        self._windows: dict[str, Windows] = {}
        self._scale: Tensor | None = None

    def prepare_data(self) -> None:
        """Fit the windows that are not in the cache yet."""
        splits = [_Split("train", self.num_train, self.window_settings.seed)]
        # Another seed for validation: the same draw on other recordings is no harm, but a
        # number in a file name that means one thing is easier to follow.
        splits += [_Split("val", self.num_val, self.window_settings.seed + 1)]
        missing = [split for split in splits if not self._is_cached(split)]
        if not missing:
            return
        with self._frames() as frames:
            of_split = splits_of(frames.recordings)
            for split in missing:
                chosen = [name == split.name for name in of_split]
                self._fit(replace(frames, chosen=chosen), split)

    def windows(self, split: str) -> Windows:
        """All windows of a split ("train" or "val"), from memory, the cache or the recordings."""
        if split not in self._windows:
            self.prepare_data()
        return self._windows[split]

    def scale(self) -> Tensor:
        """Typical size (root mean square) of each order and track of the training windows.

        Floored at a hundredth of the order's mean, since some joints never move in some captures.
        """
        if self._scale is None:
            size = self.windows("train").coeffs.square().mean((0, 3)).sqrt()
            self._scale = size.clamp(min=1e-4).maximum(0.05 * size.mean(1, keepdim=True))
        return self._scale

    def count(self, split: str) -> int:
        """Of what pairs are made of, in a split ("train" or "val")."""
        return len(self.windows(split))

    def pairs_of(self, split: str, rows: Tensor, generator: torch.Generator) -> Any:
        """A batch.

        Args:
            split: "train": faults at random; "val": one chain played backwards as the only fault.
            rows: numbers below `count`.
            generator: source of randomness.
        """
        settings = self.corruption if split == "train" else PLAIN
        return make_pairs(self.windows(split).select(rows), self.scale(), settings, generator)

    def train_dataloader(self) -> DataLoader[Any]:
        """Endlessly varied pairs, `steps_per_epoch` batches at a time."""
        return self._loader("train", self.window_settings.seed, self.steps_per_epoch)

    def val_dataloader(self) -> DataLoader[Any]:
        """All that is there to validate on once, the same at every call."""
        return self._loader("val", self.window_settings.seed + self.VAL_SEED, None)

    def _loader(self, split: str, seed: int, steps: int | None) -> DataLoader[Any]:
        pairs_of, count = partial(self.pairs_of, split), self.count(split)
        stream = PairStream(pairs_of, count, self.batch_size, seed, steps, self.trainer)
        return DataLoader(stream, batch_size=None, num_workers=0)

    def test_dataloader(self) -> DataLoader[Any]:
        """The validation windows: subjects that were never trained on."""
        return self.val_dataloader()

    def _file_of(self, split: _Split) -> Path:
        return self.cache / f"{split.name}-{self._fingerprint(split)}.npz"

    def _is_cached(self, split: _Split) -> bool:
        """Whether the windows are in memory, now if not before."""
        path = self._file_of(split)
        if split.name not in self._windows and path.is_file():
            try:
                self._windows[split.name] = read_windows(path)
            except InputError as error:
                _logger.warning("%s; it is made again", error)
        return split.name in self._windows

    @contextmanager
    def _frames(self) -> Iterator[StoredFrames]:
        """All frames of all recordings, in files for as long as windows are fitted.

        A collection of AMASS's size does not fit into memory.
        """
        clips = iterate_mocap(self.path, self.pattern, self.share_alike)
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            folder = TemporaryDirectory(prefix="frames-", dir=self.cache)
        except OSError as error:
            raise no_cache(self.cache, error) from error
        with folder as path:
            yield write_frames(clips, self.window_settings.frame_rate, Path(path))

    def _fit(self, frames: StoredFrames, split: _Split) -> None:
        settings = self._settings(split)
        start, length = draw_windows(frames, settings, split.count)
        with Progress(disable=not self.show_progress) as progress:
            task = progress.add_task(f"fitting {split.name} windows", total=split.count)
            windows = fit_windows(
                frames, start, length, settings, lambda done: progress.advance(task, done)
            )
        write_windows(windows, self._file_of(split))
        self._windows[split.name] = windows

    def _fingerprint(self, split: _Split) -> str:
        """Short checksum of everything that the windows depend on."""
        files = mocap_files(self.path, self.pattern)
        files += sorted({file.parent / MANIFEST_NAME for file in files})
        stats = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
        facts = [_CACHE_VERSION, asdict(self._settings(split)), split.count, stats]
        facts.append(self.share_alike)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def _settings(self, split: _Split) -> WindowSettings:
        """How the windows of a split are drawn.

        Those of validation are drawn by recording whatever the training does, so that its figures
        compare.
        """
        settings = replace(self.window_settings, seed=split.seed)
        if split.name == "train":
            return settings
        return replace(settings, person_power=1.0, most_seconds=_MOST_VAL_SECONDS)


def splits_of(recordings: Sequence[Recording | MocapClip]) -> list[str]:
    """Split of each recording; the smallest subject is kept for validation if none is.

    Args:
        recordings: all of them.

    Raises:
        InputError: if all recordings are of one subject.
    """
    if {"train", "val"} <= {one.split for one in recordings}:
        return [one.split or "" for one in recordings]
    frames = {one.subject: 0 for one in recordings}
    for one in recordings:
        frames[one.subject] += len(one)
    if len(frames) < 2:
        raise InputError(
            f"all {len(recordings)} recordings are of subject {next(iter(frames))!r}: at least two "
            "subjects are needed, one of them to validate on."
        )
    held_out = min(frames, key=lambda name: (frames[name], name))
    return ["val" if one.subject == held_out else "train" for one in recordings]
