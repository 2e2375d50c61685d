"""B-AIST++: blurry crops of dance videos, and AIST++'s joints or an estimate as their truth.

Layout: `<root>/<video>_cropped_32X/` with `blur/%08d.png`, `blur_anno/%08d.pkl`,
`sharp/%08d_%03d.png` (seven a blurry frame) and `sharp_anno/`. No background comes with it: the
median over the video stands in. The first and last 40 frames and frames without annotation are left
out, as by the data set's authors.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.aist import AIST_FPS, AistTruth
from datamodules.sample_module import SampleDataModule
from hfb.errors import InputError
from hfb.files.images import existing_file, read_image
from hfb.files.npz import read_npz
from hfb.files.numbers import MAX_METRES, check_size, numbers_of
from hfb.files.sample_checks import check_pair, sample_name
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.ranges import BATCH_SIZE, LIMIT, check_value
from hfb.structures import BlurSample, Target

EDGE_FRAMES = 40
_MEDIAN_FRAMES = 41


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
        chosen = numbers_of(data["joints"][np.concatenate(index)], "joints", path)
        check_size(chosen, MAX_METRES, "joints", path)
        joints = torch.from_numpy(chosen).float().flatten(0, 1)
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

    def test_dataloader(self) -> Iterable[Any]:
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
