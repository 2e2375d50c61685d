"""B-AIST++: blurry crops of dance videos, and AIST++'s joints or an estimate as their truth.

Layout: `<root>/<video>_cropped_32X/` with `blur/%08d.png`, `blur_anno/%08d.pkl`,
`sharp/%08d_%03d.png` (seven a blurry frame) and `sharp_anno/`. No background comes with it: the
median over the video stands in. The first and last 40 frames and frames without annotation are left
out, as by the data set's authors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.files.npz import read_npz
from datamodules.files.safe_pickle import read_pickled_arrays
from datamodules.sample_module import SampleDataModule
from hfb.errors import InputError
from hfb.files.images import existing_file, read_image
from hfb.files.sample_checks import check_pair, sample_name
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.ranges import BATCH_SIZE, LIMIT, check_value
from hfb.structures import BlurSample, Target

SHARP_PER_BLUR = 7
EDGE_FRAMES = 40
AIST_FPS = 60.0
_MEDIAN_FRAMES = 41
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
        times = torch.from_numpy((position - opened) / AIST_FPS).float()
        return Target(joints[None], times[None], joint_names=tuple(_COCO))

    def _annotation(self, video: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints (N, 12, 3) m in the world, and the camera's rotation and translation."""
        found = re.search(r"_(c\d\d)_", video)
        name = video.removesuffix("_cropped_32X")
        if found is None:
            raise InputError(f"{video}: no camera (_c01_ …) in its name")
        sequence = name.replace(found.group(0), "_cAll_")
        path = self.root / "keypoints3d" / f"{sequence}.pkl"
        content = read_pickled_arrays(path, "AIST++ keypoints")
        array = content.get("keypoints3d_optim", content.get("keypoints3d"))
        keypoints = np.asarray(array, np.float64)[:, list(_COCO.values())] / 100.0
        camera = self._camera(sequence, found.group(1))
        rotation = _rotation(np.asarray(camera["rotation"], np.float64))
        return keypoints, rotation, np.asarray(camera["translation"], np.float64) / 100.0

    def _camera(self, sequence: str, name: str) -> dict[str, Any]:
        mapping = self.root / "cameras" / "mapping.txt"
        try:
            lines = [line.split() for line in mapping.read_text().splitlines()]
            setting = dict(line for line in lines if len(line) == 2)[sequence]
            cameras = json.loads((self.root / "cameras" / f"{setting}.json").read_text())
            return [camera for camera in cameras if camera["name"] == name][0]  # noqa: RUF015
        except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
            raise InputError(f"no camera {name} of {sequence} below {mapping.parent}") from error


class BaistDataset(Dataset[BlurSample]):
    """Samples of B-AIST++: each the mean of consecutive blurry frames in linear light.

    Args:
        videos: folders of the videos.
        num_averaged: blurry frames a sample, 1 to 3 in the paper.
        stride: blurry frames from one sample to the next.
        aist: AIST++'s annotations, if there.
        truth_folder: files `<video>.npz` with `frame_ids` (N,), `joints` (N, S, J, 3) m in the
            camera frame and optional `joint_names`, for example of an estimate on sharp frames.
    """

    def __init__(
        self,
        videos: list[Path],
        num_averaged: int = 1,
        stride: int = 20,
        aist: AistTruth | None = None,
        truth_folder: Path | None = None,
    ) -> None:
        self.num_averaged = num_averaged
        self.aist = aist
        self.truth_folder = truth_folder
        self._backgrounds: dict[Path, Tensor] = {}
        self.samples = [
            (video, numbers)
            for video in videos
            for numbers in usable_runs(video, num_averaged, stride)
        ]
        if not self.samples:
            raise InputError(f"no usable frames in {len(videos)} videos of B-AIST++")

    def __len__(self) -> int:
        return len(self.samples)

    def name(self, index: int) -> str:
        """Name of a sample."""
        video, numbers = self.samples[index]
        return sample_name(f"{video.name}_{numbers[0]:08d}_{len(numbers)}")

    def __getitem__(self, index: int) -> BlurSample:
        video, numbers = self.samples[index]
        frames = [read_image(video / "blur" / f"{n:08d}.png") for n in numbers]
        blurry = linear_to_srgb(torch.stack([srgb_to_linear(f) for f in frames]).mean(0))
        background = self._background(video)
        check_pair(blurry, background, f"{video} frame {numbers[0]}", "its median background")
        target = self._target(video, numbers)
        duration = len(numbers) / AIST_FPS
        if target is not None and self.aist is not None:
            span = self.aist.frames_per_blur * (len(numbers) - 1) + self.aist.exposure_frames
            duration = span / AIST_FPS
        return BlurSample(
            sample_id=self.name(index),
            blurry=blurry[None],
            background=background,
            target=target,
            exposure=torch.tensor([[0.0, duration]]),
            fps=1.0 / duration,
            source=f"B-AIST++ {video.name}, frames {numbers[0]} to {numbers[-1]}",
        )

    def _background(self, video: Path) -> Float[Tensor, "3 H W"]:
        """Median over sharp frames spread over the video; made once a video."""
        if video not in self._backgrounds:
            files = sorted((video / "sharp").glob("*.png")) or sorted((video / "blur").glob("*"))
            count = min(_MEDIAN_FRAMES, len(files))
            if count < 3:
                raise InputError(f"{video} has too few frames for a median background")
            chosen = np.linspace(0, len(files) - 1, count).round().astype(int)
            stack = torch.stack([read_image(files[k]) for k in chosen])
            self._backgrounds = {video: stack.median(0).values}
        return self._backgrounds[video]

    def _target(self, video: Path, numbers: list[int]) -> Target | None:
        if self.aist is not None:
            return self.aist.target(video.name, numbers)
        if self.truth_folder is None:
            return None
        path = self.truth_folder / f"{video.name}.npz"
        data = read_npz(path, "truth")
        if not {"frame_ids", "joints"} <= set(data):
            raise InputError(f"the truth {path} needs frame_ids and joints")
        index = [np.flatnonzero(data["frame_ids"] == n) for n in numbers]
        if data["joints"].ndim != 4 or any(len(found) != 1 for found in index):
            raise InputError(f"the truth {path} lacks frame {numbers[0]}, or joints (N, S, J, 3)")
        joints = torch.from_numpy(data["joints"][np.concatenate(index)]).float().flatten(0, 1)
        if not bool(joints.isfinite().all()):
            raise InputError(f"the truth {path} holds NaN at frame {numbers[0]}")
        times = (torch.arange(len(joints)) + 0.5) / len(joints) * len(numbers) / AIST_FPS
        names = data.get("joint_names")
        named = None if names is None else tuple(str(name) for name in names)
        return Target(joints[None], times[None], joint_names=named)


def usable_runs(video: Path, length: int, stride: int) -> list[list[int]]:
    """Consecutive annotated blurry frames away from the video's ends."""
    numbers = [int(p.stem) for p in sorted((video / "blur").glob("*.png")) if p.stem.isdigit()]
    inner = numbers[EDGE_FRAMES : len(numbers) - EDGE_FRAMES]
    annotated = {n for n in inner if (video / "blur_anno" / f"{n:08d}.pkl").is_file()}
    runs = [list(range(n, n + length)) for n in inner[::stride]]
    return [run for run in runs if annotated.issuperset(run)]


def _rotation(rotvec: np.ndarray) -> np.ndarray:
    """OpenCV's rotation vector as a matrix."""
    angle = float(np.linalg.norm(rotvec))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


class BaistDataModule(SampleDataModule):
    """B-AIST++ for `run_hfb.py test --data datamodules.baist.BaistDataModule`.

    Args:
        root: the data set's folder, one folder a video in it.
        videos: file with names of videos, one a line (the authors give 32 for validation); null:
            all videos.
        truth: where the true joints come from: aist (annotations), estimates, or none.
        truth_folder: of AIST++'s annotations or of the estimates.
        num_averaged: consecutive blurry frames averaged into one sample: 1, 2 or 3.
        stride: blurry frames from one sample to the next.
        first_frame: see `AistTruth`.
        frames_per_blur: see `AistTruth`.
        exposure_frames: see `AistTruth`.
        batch_size: samples refined together.
        limit: take only the first so many samples.
    """

    def __init__(
        self,
        root: str,
        videos: str | None = None,
        truth: Literal["none", "aist", "estimates"] = "none",
        truth_folder: str | None = None,
        num_averaged: int = 1,
        stride: int = 20,
        first_frame: float = 0.0,
        frames_per_blur: float = 1.0,
        exposure_frames: float = 1.0,
        batch_size: int = 2,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        check_value("data.batch_size", batch_size, int, BATCH_SIZE)
        check_value("data.num_averaged", num_averaged, int, (1, 1000))
        check_value("data.stride", stride, int, (1, 1_000_000))
        check_value("data.first_frame", first_frame, float, (-1e6, 1e6))
        check_value("data.frames_per_blur", frames_per_blur, float, (1e-3, 1e3))
        check_value("data.exposure_frames", exposure_frames, float, (1e-3, 1e3))
        check_value("data.limit", limit, int | None, LIMIT)
        if (truth == "none") != (truth_folder is None):
            raise InputError("truth_folder goes with truth: aist or estimates")
        if num_averaged < 1 or stride < 1:
            raise InputError("num_averaged and stride must be at least 1")
        self.root = Path(root)
        self.videos = videos
        self.num_averaged = num_averaged
        self.stride = stride
        self.batch_size = batch_size
        self.limit = limit
        folder = None if truth_folder is None else Path(truth_folder)
        self.estimates = folder if truth == "estimates" else None
        self.aist: AistTruth | None = None
        if truth == "aist" and folder is not None:
            self.aist = AistTruth(folder, first_frame, frames_per_blur, exposure_frames)

    def test_dataloader(self) -> DataLoader[Any]:
        """Batches of samples in the order of videos and frames."""
        dataset = BaistDataset(
            self._videos(), self.num_averaged, self.stride, self.aist, self.estimates
        )
        dataset.samples = dataset.samples[: self.limit]
        names = [dataset.name(k) for k in range(len(dataset))]
        return self.loader(dataset, self.batch_size, names)

    def _videos(self) -> list[Path]:
        found = sorted(path.parent for path in self.root.glob("*/blur"))
        if self.videos is not None:
            names = set(existing_file(self.videos, "list of videos").read_text().split())
            found = [path for path in found if path.name in names]
        if not found:
            raise InputError(f"no videos of B-AIST++ below {self.root}: looked for */blur/*.png")
        return found
