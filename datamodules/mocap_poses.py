"""Poses of motion capture as training data of the pose prior."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from datamodules.mocap import split_clips
from datamodules.mocap_files import MocapClip, iterate_mocap
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.motion.tracks import SMPL_PARENTS, mirror_joints

_NUM_JOINTS = len(SMPL_PARENTS) - 1
# A pose is kept if it differs from the last one kept by this much, rad: rest counts less.
_THIN_RAD = 0.3
# A clip slower than this gives half the share: at 60 fps there is salsa only.
_FULL_RATE_HZ = 100.0
# The capture's skeleton lacks collars and hands and has hinges for knees and toes, so these hardly
# vary in the data though they do in people. Standard deviation in rad added to every axis.
_FLOOR_RAD = 0.08
_FLOOR_ABSENT_RAD, _ABSENT = 0.2, (12, 13, 21, 22)
_FLOOR_TOES_RAD, _TOES = 0.12, (9, 10)


class PoseBatch(NamedTuple):
    """Poses of people.

    Attributes:
        body_pose: rotation vectors of the 23 body joints, at most half a turn each, rad.
    """

    body_pose: Float[Tensor, "B 69"]


class PoseDataModule(pl.LightningDataModule):
    """Poses of training subjects, varied on the fly, and those of all others as they are.

    Args:
        path: folder of AMASS files, one file, or a packed collection.
        pattern: which files of a folder are read.
        poses_per_clip: how many poses a recording gives to learn from at most.
        val_poses_per_clip: how many to report on.
        batch_size: poses a step.
        steps_per_epoch: steps between two validations.
        seed: which poses are drawn.
    """

    def __init__(
        self,
        path: str,
        pattern: str = "**/*.npz",
        poses_per_clip: int = 400,
        val_poses_per_clip: int = 150,
        batch_size: int = 256,
        steps_per_epoch: int = 1_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self.pattern = pattern
        self.poses_per_clip = poses_per_clip
        self.val_poses_per_clip = val_poses_per_clip
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self._poses: dict[str, Tensor] = {}

    def setup(self, stage: str) -> None:
        """Read the recordings."""
        self.poses("train")

    def poses(self, split: str) -> Float[Tensor, "P 69"]:
        """All poses of a split ("train" or "val").

        Raises:
            InputError: if there are none.
        """
        if not self._poses:
            clips = split_clips(list(iterate_mocap(self.path, self.pattern)))
            generator = torch.Generator().manual_seed(self.seed)
            for name, most in (("train", self.poses_per_clip), ("val", self.val_poses_per_clip)):
                parts = [spread_poses(clip, most, generator) for clip in clips[name]]
                self._poses[name] = torch.cat(parts)
                if not len(self._poses[name]):
                    raise InputError(f"no valid frame in the {name} recordings of {self.path}.")
        return self._poses[split]

    def train_dataloader(self) -> DataLoader[PoseBatch]:
        """Endlessly varied poses, `steps_per_epoch` batches at a time."""
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        stream = _PoseStream(self.poses("train"), self.batch_size, self.steps_per_epoch, epoch)
        return DataLoader(stream, batch_size=None, num_workers=0)

    def val_dataloader(self) -> DataLoader[PoseBatch]:
        """All validation poses at once: faults are made by mixing them."""
        return DataLoader([PoseBatch(self.poses("val"))], batch_size=None, num_workers=0)  # type: ignore[arg-type]

    def test_dataloader(self) -> DataLoader[PoseBatch]:
        """The validation poses: subjects that were never trained on."""
        return self.val_dataloader()


def spread_poses(clip: MocapClip, most: int, generator: torch.Generator) -> Float[Tensor, "P 69"]:
    """Poses of a recording that differ from each other, in the shortest rotation vectors."""
    poses = torch.from_numpy(clip.poses[clip.valid, 3:]).float()
    poses = rotmat_to_rotvec(rotvec_to_rotmat(poses.unflatten(-1, (-1, 3)))).flatten(-2)
    kept: list[int] = []
    for index, pose in enumerate(poses):
        if not kept or torch.linalg.vector_norm(pose - poses[kept[-1]]) > _THIN_RAD:
            kept.append(index)
    chosen = poses[kept]
    limit = most if clip.frame_rate > _FULL_RATE_HZ else most // 2
    return chosen[torch.randperm(len(chosen), generator=generator)[:limit]]


def mirror_poses(body_pose: Float[Tensor, "*B 69"]) -> Float[Tensor, "*B 69"]:
    """The poses seen in a mirror, as those of a body with sides exchanged."""
    joints = body_pose.unflatten(-1, (_NUM_JOINTS, 3))[..., mirror_joints()[1:] - 1, :]
    return (joints * joints.new_tensor([1.0, -1.0, -1.0])).flatten(-2)


def _floor() -> Float[Tensor, "69"]:
    sigma = torch.full((_NUM_JOINTS, 3), _FLOOR_RAD)
    sigma[list(_ABSENT)] = _FLOOR_ABSENT_RAD
    sigma[list(_TOES)] = _FLOOR_TOES_RAD
    return sigma.flatten()


class _PoseStream(IterableDataset):  # type: ignore[type-arg]
    """Poses drawn with replacement, half of them mirrored, with the floor's noise."""

    def __init__(self, poses: Tensor, batch_size: int, steps: int, epoch: int) -> None:
        self.poses, self.batch_size, self.steps, self.epoch = poses, batch_size, steps, epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[PoseBatch]:
        generator = torch.Generator().manual_seed(7919 * (1 + self.epoch))
        self.epoch += 1
        floor = _floor()
        for _ in range(self.steps):
            index = torch.randint(len(self.poses), (self.batch_size,), generator=generator)
            is_mirrored = torch.rand(self.batch_size, 1, generator=generator) < 0.5
            poses = self.poses[index]
            poses = torch.where(is_mirrored, mirror_poses(poses), poses)
            yield PoseBatch(poses + floor * torch.randn(poses.shape, generator=generator))
