"""A folder of photos, each with what belongs to it: read one by one, and only if still wanted."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from torch.utils.data import Dataset

from datamodules.photos.naming import FolderContent, PhotoFiles, find_photos
from datamodules.photos.regions import Region, read_regions
from datamodules.photos.several import samples_of_photo
from hfb.errors import InputError
from hfb.structures import BlurSample
from hfb.unread import UnreadSample

_logger = logging.getLogger("hfb")
_NAMED = 3
"""Files that a message names; of more it says how many."""


class UnreadPhoto(UnreadSample):
    """A photo of a folder.

    Args:
        files: of the photo.
        region: where to look in it; None: everywhere.
        names: of all photos of the folder.
        person: whose motion of several people's; None: who moves most.
    """

    def __init__(
        self,
        files: PhotoFiles,
        region: Region | None,
        names: tuple[str, ...],
        person: int | None = None,
    ) -> None:
        super().__init__(files.sample_id, names, str(files.image))
        self.files = files
        self.region = region
        self.person = person

    def digest(self) -> str:
        """Checksum of the photo's files and its region; see `UnreadSample`."""
        if self.files.fault:
            raise InputError(self.files.fault)
        hasher = hashlib.sha256(repr((self.region, self.person)).encode())
        for name, path in sorted({"image": self.files.image, **self.files.beside}.items()):
            hasher.update(f" {name} {_checksum(path)}".encode())
        return hasher.hexdigest()[:16]

    def read(self) -> BlurSample:
        """Read it as `--data.image` reads a photo; see `UnreadSample`."""
        files = self.files
        (sample,) = samples_of_photo(files.image, self.region, self.person, **files.beside)
        return sample.with_changes(sample_id=self.sample_id)


class PhotoFolder(Dataset[UnreadSample]):
    """The photos of a folder, by name.

    Args:
        folder: the folder; docs/BATCHES.md says how its files are named.
        for_all: background and camera of the photos that have none of their own.
        region: where to look in all photos; a table that says it for each; None: everywhere.
        person: whose motion of several people's in each photo; None: who moves most.

    Raises:
        InputError: if there is no photo, or the table cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        for_all: Mapping[str, Path],
        region: Region | str | None = None,
        person: int | None = None,
    ) -> None:
        content = find_photos(folder, for_all)
        images = [files.image for files in content.photos]
        if isinstance(region, str):
            regions = read_regions(region, images)
        else:
            regions = {} if region is None else dict.fromkeys(images, region)
        names = tuple(files.sample_id for files in content.photos)
        self.photos = [
            UnreadPhoto(files, regions.get(files.image), names, person) for files in content.photos
        ]
        _tell_about(content)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> UnreadPhoto:
        return self.photos[index]


def _tell_about(content: FolderContent) -> None:
    """Say what is left out, and what is missing."""
    bare = [p.image for p in content.photos if "background" not in p.beside and not p.fault]
    told = {
        "photos without a background are fitted without, which is rougher": bare,
        "left out, as the photos that they are named after are not there": content.strays,
        "left out, as clips are for --data.video": content.clips,
    }
    for message, paths in told.items():
        if paths:
            _logger.warning("%s: %s", message, _some(paths))


def _some(paths: Sequence[Path]) -> str:
    more = [f"and {len(paths) - _NAMED} more"] if len(paths) > _NAMED else []
    return ", ".join([*(path.name for path in paths[:_NAMED]), *more])


def _checksum(path: Path) -> str:
    """Of a file's content; a background of many photos is read once."""
    try:
        status = path.stat()
        return _checksum_of(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _checksum_of(path: Path, *version: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
