"""AIST++'s annotations: joints of dancers in the world, and the cameras that saw them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hfb.errors import InputError
from hfb.files.json_file import read_json
from hfb.files.numbers import MAX_METRES, numbers_of, per_row
from hfb.files.pickles import read_pickled_arrays
from hfb.structures import Target

SHARP_PER_BLUR = 7
AIST_FPS = 60.0
_NUM_COCO = 17
# AIST++'s keypoints are COCO's; those that SMPL has too, by SMPL's names.
_COCO = {
    "left_hip": 11, "right_hip": 12, "left_knee": 13, "right_knee": 14, "left_ankle": 15,
    "right_ankle": 16, "left_shoulder": 5, "right_shoulder": 6, "left_elbow": 7,
    "right_elbow": 8, "left_wrist": 9, "right_wrist": 10,
}  # fmt: skip


@dataclass(frozen=True)
class AistTruth:
    """Joints of AIST++ for the frames of a blurry video.

    How the blurry frames lie in time is not part of the published layout: look at some overlays
    before trusting these.

    Attributes:
        root: AIST++'s annotations: `keypoints3d/`, `cameras/`.
        first_frame: AIST++'s frame (60 a second) at which blurry frame 0 opens its shutter.
        frames_per_blur: AIST++'s frames from one blurry frame to the next.
        exposure_frames: AIST++'s frames that a blurry frame averages.
    """

    root: Path
    first_frame: float = 0.0
    frames_per_blur: float = 1.0
    exposure_frames: float = 1.0

    def target(self, video: str, numbers: list[int]) -> Target:
        """Joints of one exposure that spans consecutive blurry frames, camera frame, m.

        Raises:
            InputError: if annotations are missing or do not reach that far.
        """
        keypoints, rotation, shift = self._annotation(video)
        opened = self.first_frame + numbers[0] * self.frames_per_blur
        closed = self.first_frame + numbers[-1] * self.frames_per_blur + self.exposure_frames
        num = SHARP_PER_BLUR * len(numbers)
        position = opened + (np.arange(num) + 0.5) / num * (closed - opened)
        if position[-1] > len(keypoints) - 1:
            raise InputError(
                f"{video}: frame {position[-1]:.0f} of AIST++ is wanted, it has {len(keypoints)}"
            )
        low = np.minimum(np.floor(position).astype(int), len(keypoints) - 2)
        share = (position - low)[:, None, None]
        world = (1 - share) * keypoints[low] + share * keypoints[low + 1]
        joints = torch.from_numpy(world @ rotation.T + shift).float()
        if not bool((joints.abs() < MAX_METRES).all()):  # NaN is not smaller either
            raise InputError(
                f"{video}: the dancer is not known at the frames {numbers[0]} to {numbers[-1]}"
            )
        times = torch.from_numpy((position - opened) / AIST_FPS).float()
        return Target(joints[None], times[None], joint_names=tuple(_COCO))

    def _annotation(self, video: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints (N, 12, 3) m in the world, and the camera's rotation and translation."""
        found_camera = re.search(r"_(c\d\d)_", video)
        name = video.removesuffix("_cropped_32X")
        if found_camera is None:
            raise InputError(f"{video}: no camera (_c01_ …) in its name")
        sequence = name.replace(found_camera.group(0), "_cAll_")
        path = self.root / "keypoints3d" / f"{sequence}.pkl"
        content = read_pickled_arrays(path, "AIST++ keypoints")
        key = "keypoints3d_optim" if "keypoints3d_optim" in content else "keypoints3d"
        # NaN where a recording lacks the dancer: only the frames that are used must be there.
        found = numbers_of(content.get(key), key, path, needs_finite=False)
        if found.ndim != 3 or found.shape[1:] != (_NUM_COCO, 3):
            raise InputError(f"{path}: {key} has the shape {found.shape}, not (N, {_NUM_COCO}, 3)")
        keypoints = found[:, list(_COCO.values())] / 100.0
        camera, where = self._camera(sequence, found_camera.group(1)), "camera"
        rotation, shift = (
            per_row(numbers_of(camera.get(name), name, where), 1, (3,), name, where)[0]
            for name in ("rotation", "translation")
        )
        return keypoints, _rotation(rotation), shift / 100.0

    def _camera(self, sequence: str, name: str) -> dict[str, Any]:
        mapping = self.root / "cameras" / "mapping.txt"
        try:
            lines = [line.split() for line in mapping.read_text().splitlines()]
            setting = dict(line for line in lines if len(line) == 2)[sequence]
            cameras = read_json(self.root / "cameras" / f"{setting}.json", "camera setting")
            return next(camera for camera in cameras if camera["name"] == name)
        except (OSError, LookupError, ValueError, TypeError, StopIteration) as error:
            raise InputError(f"no camera {name} of {sequence} below {mapping.parent}") from error


def _rotation(rotvec: np.ndarray) -> np.ndarray:
    """OpenCV's rotation vector as a matrix."""
    angle = float(np.linalg.norm(rotvec))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
