"""How wrong starting poses are: pairs of true and registered poses, each with motions through it.

The pairs are those that the lifting network learns from (`python -m datamodules.lifting_pairs`):
poses in the camera frame, and what the registration of detected landmarks made of their blurry
images. A pair knows no motion; those of the recorded windows with the most similar poses are
borrowed. Without pairs the windows' own poses are seen from random sides, with random errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from datamodules.mocap.windows import Windows
from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.geometry import MODEL_TO_CAMERA, rotmat_to_rotvec, rotvec_to_rotmat

# Joints that tell poses apart: the hands do not move.
_BODY = slice(1, 22)
_PAIRS_AT_ONCE = 1024
# A stand-in for real errors, rad: those of registered starts are this large in the mean.
_ERROR_RAD = 0.25
_DISTANCE_M = (2.5, 7.0)
_OFF_AXIS = 0.15
_TILT_RAD = 0.1


@dataclass(frozen=True)
class StartErrors:
    """P people with their starts.

    Attributes:
        pose_rotmat: true pose at mid-exposure, camera frame.
        start_rotmat: what the start takes it for.
        transl: true place, camera frame, m.
        window: of each person, the numbers of windows whose motions go through about this pose.
    """

    pose_rotmat: Float[Tensor, "P J 3 3"]
    start_rotmat: Float[Tensor, "P J 3 3"]
    transl: Float[Tensor, "P 3"]
    window: Int[Tensor, "P M"]

    def __len__(self) -> int:
        return len(self.transl)


def read_start_errors(
    folder: Path, windows: Windows, num_motions: int, most_turned_rad: float
) -> StartErrors:
    """The pairs of a folder, with motions of the windows.

    Args:
        folder: of `python -m datamodules.lifting_pairs`.
        windows: tangent motions of the same people.
        num_motions: how many each pair borrows.
        most_turned_rad: pairs whose start is turned further than this are left out: people taken
            for facing the other way are for no optimisation to repair.

    Raises:
        InputError: if there are no pairs.
    """
    files = sorted(folder.glob("pairs_*.npz"))
    if not files:
        raise InputError(
            f"no pairs in {folder.absolute()}: give the folder that `python -m "
            "datamodules.lifting_pairs` wrote, or null for errors of a random size"
        )
    names = ("pose", "registered", "transl")
    parts = [read_npz(file, "file of pairs", names=names) for file in files]
    pose, start, transl = (
        torch.from_numpy(np.concatenate([part[name] for part in parts])).float() for name in names
    )
    pose_rotmat, start_rotmat = rotvec_to_rotmat(pose), rotvec_to_rotmat(start)
    turned = rotmat_to_rotvec(pose_rotmat[:, 0].mT @ start_rotmat[:, 0])
    kept = torch.linalg.vector_norm(turned, dim=-1) <= most_turned_rad
    if not kept.any():
        raise InputError(
            f"{folder.absolute()} has no pair whose start is turned by {most_turned_rad:g} rad or "
            "less: raise data.pose_errors.most_turned_rad"
        )
    pose_rotmat = pose_rotmat[kept]
    nearest = nearest_windows(pose_rotmat, windows, num_motions)
    return StartErrors(pose_rotmat, start_rotmat[kept], transl[kept], nearest)


def made_up_errors(windows: Windows, generator: torch.Generator) -> StartErrors:
    """The windows' poses from random sides, with random errors: what stands in for pairs.

    Args:
        windows: tangent motions.
        generator: source of randomness.
    """
    count, joints = windows.base_rotmat.shape[:2]
    random = torch.rand(count, 4, generator=generator)
    turn = torch.zeros(count, 3)
    turn[:, 1] = (random[:, 0] - 0.5) * 2 * torch.pi
    tilt = _TILT_RAD * torch.randn(count, 3, generator=generator)
    view = rotvec_to_rotmat(tilt) @ MODEL_TO_CAMERA @ rotvec_to_rotmat(turn)
    pose = windows.base_rotmat.clone()
    pose[:, 0] = view @ pose[:, 0]
    size = 2 * _ERROR_RAD / 3**0.5 * torch.rand(count, 1, 1, generator=generator)
    error = size * torch.randn(count, joints, 3, generator=generator)
    near, far = _DISTANCE_M
    distance = near + (far - near) * random[:, 1]
    aside = _OFF_AXIS * (2.0 * random[:, 2:] - 1.0) * distance[:, None]
    transl = torch.cat([aside, distance[:, None]], 1)
    start = pose @ rotvec_to_rotmat(error)
    return StartErrors(pose, start, transl, torch.arange(count)[:, None])


def nearest_windows(
    pose_rotmat: Float[Tensor, "P J 3 3"], windows: Windows, count: int
) -> Int[Tensor, "P M"]:
    """Windows with the most similar poses at mid-exposure, wherever the person faces.

    Args:
        pose_rotmat: poses.
        windows: tangent motions.
        count: how many of each pose.

    Raises:
        InputError: if there are fewer windows.
    """
    if len(windows) < count:
        raise InputError(f"{len(windows)} windows cannot give {count} motions a pose")
    of_windows = windows.base_rotmat[:, _BODY].flatten(1)
    square = of_windows.square().sum(1) / 2
    found = [
        (part @ of_windows.T - square).topk(count, dim=1).indices
        for part in pose_rotmat[:, _BODY].flatten(1).split(_PAIRS_AT_ONCE)
    ]
    return torch.cat(found)
