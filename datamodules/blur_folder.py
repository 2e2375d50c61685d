"""Blurry samples as folders: the `hfb-blur` format, version 1.

A sample is a folder `<root>/<split>/<sample_id>` with `blurry_000.png` ... (one per input frame, 8-
or 16-bit RGB), `background.png`, optional mattes `alpha_000.png` ..., optional starting poses
`estimate.hfbinit.npz`, optional ground truth `target.npz` (see `datamodules.files.target`) and
`sample.json` (see `datamodules.files.sample_record`). Further files and keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.files.sample_record import (
    RECORD_NAME,
    make_record,
    read_blur_rate,
    read_intrinsics,
    read_record,
    read_timing,
)
from datamodules.files.target import read_target, write_target
from datamodules.sample_module import SampleDataModule
from hfb.errors import InputError
from hfb.export import atomic_write, write_image
from hfb.files.images import read_image
from hfb.files.mattes import read_matte
from hfb.files.npz import check_npz_size
from hfb.files.sample_checks import check_pair, sample_name
from hfb.formation import linear_to_srgb
from hfb.ranges import BATCH_SIZE, LIMIT, check_value
from hfb.structures import BlurSample, BodyIdentity, InitialEstimate

BACKGROUND_NAME = "background.png"
TARGET_NAME = "target.npz"
ESTIMATE_NAME = "estimate.hfbinit.npz"
OWN_PATTERNS = ("blurry_*.png", "alpha_*.png", BACKGROUND_NAME, TARGET_NAME, ESTIMATE_NAME)

EstimateWriter = Callable[[Path, InitialEstimate], None]


def read_sample(folder: str | Path) -> BlurSample:
    """Read one sample folder.

    A starting pose is not read here: `estimate_path` says where it lies.

    Args:
        folder: a folder with a sample.json.

    Returns:
        The sample, sRGB whatever the files hold.

    Raises:
        InputError: if a file is missing or unusable, or the sizes or numbers of files do not fit;
            says which.
    """
    folder = Path(folder)
    record = read_record(folder)
    linear = record.get("colour", "srgb") == "linear"
    frames = [(path, _read_colour(path, linear)) for path in _frames(folder)]
    background = _read_colour(folder / BACKGROUND_NAME, linear)
    for path, frame in frames:
        check_pair(frame, background, str(path), BACKGROUND_NAME)
    blurry = torch.stack([frame for _, frame in frames])
    height, width = background.shape[-2:]
    estimate, target = folder / ESTIMATE_NAME, folder / TARGET_NAME
    if estimate.is_file():
        check_npz_size(estimate, "starting pose")
    fps, exposure = read_timing(folder, record, len(blurry))
    return BlurSample(
        sample_id=str(record.get("sample_id", folder.name)),
        blurry=blurry,
        background=background,
        alpha=_read_mattes(folder, len(blurry), height, width),
        camera=read_intrinsics(folder, record.get("K"), height, width),
        target=read_target(target, height, width) if target.is_file() else None,
        blur_rate=read_blur_rate(folder, record),
        exposure=exposure,
        fps=fps,
        source=str(record.get("source", "")),
        estimate_path=str(estimate) if estimate.is_file() else None,
    )


def write_sample(
    folder: str | Path,
    sample: BlurSample,
    body_identity: BodyIdentity | None,
    write_estimate: EstimateWriter | None = None,
) -> Path:
    """Write one sample folder; what an earlier sample left in it is removed.

    The images have 16 bits, so that reading back is exact to 1/131070. sample.json comes last: a
    folder without it is no sample, so a run that was stopped midway leaves none.

    Args:
        folder: where to write.
        sample: what to write. A file at `estimate_path` is copied.
        body_identity: the body that the target's betas belong to; None without betas.
        write_estimate: `hfb.init.write_estimate`, needed if the sample holds an `estimate`.

    Returns:
        The folder.

    Raises:
        InputError: if the folder cannot be written, the sample_id is no folder name, or there is
            an estimate but nothing to write it with.
    """
    folder = Path(folder)
    if sample.sample_id != sample_name(sample.sample_id):
        raise InputError(f"the sample_id {sample.sample_id!r} is not a valid folder name")
    if sample.estimate is not None and write_estimate is None:
        raise InputError(f"sample {sample.sample_id}: pass write_estimate to keep its estimate")
    if sample.estimate_path is not None and not Path(sample.estimate_path).is_file():
        raise InputError(f"sample {sample.sample_id}: no estimate at {sample.estimate_path}")
    # read before the folder is cleared: it may lie there
    kept = Path(sample.estimate_path).read_bytes() if sample.estimate_path else None
    _clear(folder)
    _write_images(folder, sample)
    if sample.target is not None:
        write_target(folder / TARGET_NAME, sample.target)
    if sample.estimate is not None and write_estimate is not None:
        write_estimate(folder / ESTIMATE_NAME, sample.estimate)
    elif kept is not None:
        with atomic_write(folder / ESTIMATE_NAME) as part:
            part.write_bytes(kept)
    with atomic_write(folder / RECORD_NAME) as part:
        part.write_text(json.dumps(make_record(sample, body_identity), indent=1) + "\n")
    return folder


def list_samples(root: str | Path) -> list[Path]:
    """The sample folders directly below a folder, by name.

    Args:
        root: `<root>/<split>` of a data set.

    Returns:
        Folders that hold a sample.json.

    Raises:
        InputError: if the folder does not exist or holds no sample.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"no folder of samples {root} (looked for {root.absolute()})")
    folders = sorted(path.parent for path in root.glob(f"*/{RECORD_NAME}"))
    if not folders:
        raise InputError(f"{root} holds no samples: no */{RECORD_NAME} in it")
    return folders


@dataclass(frozen=True)
class BlurFolderDataset(Dataset[BlurSample]):
    """Sample folders, read when asked for; a sample goes by the name of its folder.

    A record may be copied or say anything: names in it could collide or lead out of the output.

    Attributes:
        folders: one a sample.
        changes: fields of the samples to replace, for example {"alpha": None}.
    """

    folders: list[Path]
    changes: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, index: int) -> BlurSample:
        folder = self.folders[index]
        if folder.name != sample_name(folder.name):
            raise InputError(f"the folder name {folder.name!r} cannot name a sample")
        return read_sample(folder).with_changes(sample_id=folder.name, **self.changes)


class BlurFolderDataModule(SampleDataModule):
    """A data set of blurry samples in folders.

    Args:
        root: the data set's folder.
        split: which part of it, a folder below `root`.
        batch_size: samples refined together.
        limit: take only the first so many samples.
        use_estimate: take the starting poses that come with the samples; if false, they are
            found in the images.
        use_alpha: take the mattes that come with the samples; if false, they are estimated.
    """

    def __init__(
        self,
        root: str,
        split: str = "test",
        batch_size: int = 1,
        limit: int | None = None,
        use_estimate: bool = True,
        use_alpha: bool = True,
    ) -> None:
        super().__init__()
        check_value("data.batch_size", batch_size, int, BATCH_SIZE)
        check_value("data.limit", limit, int | None, LIMIT)
        self.root = root
        self.split = split
        self.batch_size = batch_size
        self.limit = limit
        self.dropped: dict[str, object] = {}
        if not use_estimate:
            self.dropped["estimate_path"] = None
        if not use_alpha:
            self.dropped["alpha"] = None

    def test_dataloader(self) -> Iterable[Any]:
        """Batches of samples in the order of their names; those that cannot be read say why."""
        folders = list_samples(Path(self.root) / self.split)[: self.limit]
        names = [sample_name(folder.name) for folder in folders]
        return self.loader(BlurFolderDataset(folders, self.dropped), self.batch_size, names)


def _frames(folder: Path) -> list[Path]:
    """The blurry frames, numbered without gaps."""
    found = sorted(folder.glob("blurry_*.png"))
    wanted = [folder / f"blurry_{k:03d}.png" for k in range(len(found))]
    if not found or found != wanted:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder} should hold blurry_000.png, blurry_001.png ...; found {names}")
    return found


def _read_colour(path: Path, linear: bool) -> Float[Tensor, "3 H W"]:
    image = read_image(path)
    return linear_to_srgb(image) if linear else image


def _read_mattes(
    folder: Path, num_frames: int, height: int, width: int
) -> Float[Tensor, "T 1 H W"] | None:
    found = sorted(folder.glob("alpha_*.png"))
    if not found:
        return None
    if len(found) != num_frames:
        raise InputError(f"{folder} holds {num_frames} blurry frames, but {len(found)} mattes")
    return torch.stack([read_matte(path, height, width) for path in found])


def _clear(folder: Path) -> None:
    """Remove an earlier sample, its record first; other files stay."""
    for pattern in (RECORD_NAME, *OWN_PATTERNS):
        for path in folder.glob(pattern):
            path.unlink()


def _write_images(folder: Path, sample: BlurSample) -> None:
    for k, frame in enumerate(sample.blurry):
        write_image(folder / f"blurry_{k:03d}.png", frame, bits=16)
    write_image(folder / BACKGROUND_NAME, sample.background, bits=16)
    for k, matte in enumerate(() if sample.alpha is None else sample.alpha):
        write_image(folder / f"alpha_{k:03d}.png", matte, bits=16)
