"""Motion capture and real starts' errors as training data of the paper's motion prior."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from datamodules.mocap.coefficient_pairs import (
    CoefficientPairs,
    PoseErrorSettings,
    make_coefficient_pairs,
)
from datamodules.mocap.data_module import MocapDataModule
from datamodules.mocap.pairs import CorruptionSettings
from datamodules.mocap.start_errors import StartErrors, made_up_errors, read_start_errors
from datamodules.mocap.windows import WindowSettings
from hfb.errors import InputError
from hfb.ranges import check_value


class CoefficientDataModule(MocapDataModule):
    """Matrices C of motions with wrong poses and wrong directions, beside the true ones.

    The degree of C is that of the windows, which are fitted by tangent polynomials first.

    Args:
        path: see `MocapDataModule`.
        pairs: folder of true and registered poses (`python -m datamodules.lifting_pairs`), of
            training subjects; null: random errors on the windows' own poses.
        val_pairs: the same of validation subjects; null: random errors there.
        pose_errors: how wrong poses and places are.
        num_motions: windows with similar poses that each pair borrows its motion from.
        pattern: see `MocapDataModule`.
        share_alike: see `MocapDataModule`.
        windows: what is cut out and fitted, in the parameterisation "paper".
        corruption: faults of motions.
        num_train: windows to learn from.
        num_val: windows of validation subjects to report on.
        batch_size: motions a step.
        steps_per_epoch: steps between two validations.
        cache: folder of the fitted windows; the user's cache if not given.
        show_progress: draw a bar while windows are fitted.
    """

    VAL_SEED = 77

    def __init__(
        self,
        path: list[str] | str,
        pairs: str | None = None,
        val_pairs: str | None = None,
        pose_errors: PoseErrorSettings = PoseErrorSettings(),  # noqa: B008 (frozen)
        num_motions: int = 4,
        pattern: str = "**/*.npz",
        share_alike: bool = False,
        windows: WindowSettings = WindowSettings(degree=2, parameterization="paper"),  # noqa: B008
        corruption: CorruptionSettings = CorruptionSettings(),  # noqa: B008 (frozen)
        num_train: int = 100_000,
        num_val: int = 8_000,
        batch_size: int = 128,
        steps_per_epoch: int = 1_250,
        cache: str | None = None,
        show_progress: bool = True,
    ) -> None:
        check_value("data.num_motions", num_motions, int, (1, 1000))
        if windows.parameterization != "paper":
            raise InputError(
                f"data.windows.parameterization {windows.parameterization}: these pairs are the "
                "paper's coefficients: give paper"
            )
        for name, folder in (("pairs", pairs), ("val_pairs", val_pairs)):
            if folder is not None and not Path(folder).is_dir():
                raise InputError(f"data.{name}: there is no folder {Path(folder).absolute()}")
        super().__init__(
            path,
            pattern,
            share_alike,
            replace(windows, parameterization="tangent"),
            corruption,
            num_train,
            num_val,
            batch_size,
            steps_per_epoch,
            cache,
            show_progress,
        )
        self.folders = {"train": pairs, "val": val_pairs}
        self.pose_errors = pose_errors
        self.num_motions = num_motions
        self._people: dict[str, StartErrors] = {}

    def people(self, split: str) -> StartErrors:
        """Poses and starts of a split ("train" or "val")."""
        if split not in self._people:
            folder, windows = self.folders[split], self.windows(split)
            if folder is None:
                generator = torch.Generator().manual_seed(self.window_settings.seed)
                self._people[split] = made_up_errors(windows, generator)
            else:
                self._people[split] = read_start_errors(
                    Path(folder), windows, self.num_motions, self.pose_errors.most_turned_rad
                )
        return self._people[split]

    def example(self, count: int) -> CoefficientPairs:
        """Training pairs from which sizes are learned, always the same."""
        generator = torch.Generator().manual_seed(self.window_settings.seed)
        rows = torch.randint(len(self.people("train")), (count,), generator=generator)
        return self.pairs_of("train", rows, generator)

    def count(self, split: str) -> int:
        """People of a split ("train" or "val")."""
        return len(self.people(split))

    def pairs_of(self, split: str, rows: Tensor, generator: torch.Generator) -> CoefficientPairs:
        """Pairs of some people of a split.

        Args:
            split: "train" or "val"; people to validate on are not mirrored.
            rows: numbers of the people.
            generator: source of randomness.
        """
        corruption = self.corruption
        if split == "val":
            corruption = replace(corruption, mirror=0.0)
        return make_coefficient_pairs(
            self.people(split),
            rows,
            self.windows(split),
            self.scale(),
            self.window_settings.degree,
            (corruption, self.pose_errors),
            generator,
        )
