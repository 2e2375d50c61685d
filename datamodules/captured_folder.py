"""Folders of the user's own photos and clips, one a sample, with or without truth."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from datamodules.files.kinds import CLIPS, IMAGES
from datamodules.files.target import read_target
from datamodules.photos.samples import sample_from_image, sample_from_video
from datamodules.sample_module import SampleDataModule
from hfb.errors import InputError
from hfb.files.sample_checks import check_names_differ, sample_name
from hfb.ranges import BATCH_SIZE, LIMIT, check_value
from hfb.structures import BlurSample

OPTIONS_NAME = "options.json"


def read_captured(folder: Path) -> BlurSample:
    """Read one folder.

    `image.*` with `background.*`, or `video.*` with an `options.json` that says
    {"frames": "40:49"} and, if there is no `background.*`, may name a "background_frame". Optional:
    `alpha.*`, `camera.json`, `estimate.hfbinit.npz`, `target.npz`.

    Args:
        folder: of the sample; its name becomes the sample's.

    Raises:
        InputError: if a file is missing or cannot be used.
    """
    image, video = _find(folder, "image", IMAGES), _find(folder, "video", CLIPS)
    background = _find(folder, "background", IMAGES)
    extras: dict[str, Any] = {
        "alpha": _find(folder, "alpha", IMAGES),
        "camera": _if_there(folder / "camera.json"),
        "estimate": _if_there(folder / "estimate.hfbinit.npz"),
    }
    if (image is None) == (video is None):
        raise InputError(
            f"{folder} should hold one image.* ({', '.join(IMAGES[:5])} …) or one video.* "
            f"({', '.join(CLIPS[:3])} …)"
        )
    if image is not None:
        if background is None:
            raise InputError(f"{folder} holds no background.*: the scene without the person")
        sample = sample_from_image(image, background, **extras)
    else:
        assert video is not None
        options = _read_options(folder / OPTIONS_NAME)
        frame = options.get("background_frame")
        sample = sample_from_video(video, options["frames"], background, frame, **extras)
    height, width = sample.background.shape[-2:]
    truth = folder / "target.npz"
    target = read_target(truth, height, width) if truth.is_file() else None
    return sample.with_changes(sample_id=sample_name(folder.name), target=target)


class CapturedFolderDataset(Dataset[BlurSample]):
    """Folders of photos and clips, read when asked for.

    Args:
        folders: one a sample.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, index: int) -> BlurSample:
        return read_captured(self.folders[index])


class CapturedFolderDataModule(SampleDataModule):
    """Photos and clips, one folder each, for `run_hfb.py test --data` with this class's path.

    Args:
        root: a folder with one folder a sample; see `read_captured`.
        batch_size: samples refined together.
        limit: take only the first so many samples.
    """

    def __init__(self, root: str, batch_size: int = 1, limit: int | None = None) -> None:
        super().__init__()
        check_value("data.batch_size", batch_size, int, BATCH_SIZE)
        check_value("data.limit", limit, int | None, LIMIT)
        self.root = Path(root)
        self.batch_size = batch_size
        self.limit = limit

    def test_dataloader(self) -> Iterable[Any]:
        """Batches of samples by name; those that cannot be read say why."""
        folders = sorted(path for path in self.root.glob("*") if path.is_dir())[: self.limit]
        if not folders:
            raise InputError(f"no folders of photos or clips in {self.root.absolute()}")
        names = [sample_name(folder.name) for folder in folders]
        check_names_differ(names, [folder.name for folder in folders])
        return self.loader(CapturedFolderDataset(folders), self.batch_size, names)


def _find(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    """The file of that name, in small or capital letters; raises if there are two."""
    names = {stem + suffix for suffix in suffixes}
    found = sorted(path for path in folder.iterdir() if path.name.lower() in names)
    if len(found) > 1:
        both = " and ".join(path.name for path in found)
        raise InputError(f"{folder} holds {both}: leave the one that is meant")
    return found[0] if found else None


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _read_options(path: Path) -> dict[str, Any]:
    try:
        options = json.loads(path.read_text())
        if isinstance(options["frames"], str):
            return options
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise InputError(
        f'{path} should say which frames to average, for example {{"frames": "40:49"}}'
    )
