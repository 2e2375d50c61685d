"""Which files of a folder belong together: a photo, its background, what else is known of it.

The rules, as docs/BATCHES.md has them in a table: `NAME_background.png` belongs to `NAME.jpg`, so
does `backgrounds/NAME.png`; `background.png` belongs to all photos that have none of their own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.files.kinds import CLIPS, IMAGES
from hfb.errors import InputError
from hfb.files.sample_checks import check_names_differ, sample_name

_JOINTS = "_.-"
"""What may stand between a photo's name and the word."""
Listing = dict[str, list[Path]]
"""Files of a folder by their names without ending, in small letters."""


@dataclass(frozen=True)
class _Kind:
    """A kind of file beside a photo: the words it is known by, and its endings."""

    words: tuple[str, ...]
    suffixes: tuple[str, ...]
    is_for_all: bool = False


KINDS = {
    "background": _Kind(("background", "bg"), IMAGES, is_for_all=True),
    "alpha": _Kind(("alpha",), IMAGES),
    "camera": _Kind(("camera",), (".json",), is_for_all=True),
    "estimate": _Kind(("hfbinit",), (".npz",)),
}
"""By the name of the option that gives such a file for a single photo."""

_WORDS = "|".join(word for kind in KINDS.values() for word in kind.words)
_FOR_ALL = {word for kind in KINDS.values() if kind.is_for_all for word in kind.words}
_BESIDE = re.compile(rf"(.+)[{_JOINTS}](?:{_WORDS})")


@dataclass(frozen=True)
class PhotoFiles:
    """A photo and where what belongs to it lies.

    Attributes:
        sample_id: names the photo in outputs.
        image: the photo.
        beside: files by the names of `KINDS`; what there is none of is missing.
        fault: why they cannot be used; empty: nothing is wrong with their names.
    """

    sample_id: str
    image: Path
    beside: Mapping[str, Path]
    fault: str = ""


@dataclass(frozen=True)
class FolderContent:
    """What lies in a folder of photos.

    Attributes:
        photos: by name.
        strays: images that are named like part of a photo that is not there.
        clips: which are not read.
    """

    photos: tuple[PhotoFiles, ...]
    strays: tuple[Path, ...]
    clips: tuple[Path, ...]


def find_photos(folder: str | Path, for_all: Mapping[str, Path]) -> FolderContent:
    """Find the photos of a folder, and of each the files that belong to it.

    Args:
        folder: is not searched below, but for `backgrounds/`, `alphas/`, `cameras/` and
            `estimates/`.
        for_all: files for photos without one of their own, by the names of `KINDS`; they come
            before those that the folder itself holds for all.

    Raises:
        InputError: if there is no such folder, or no photo in it.
    """
    folder = Path(folder)
    files = _files_of(folder)
    listing = _by_stem(files)
    given = {path.resolve() for path in for_all.values()}
    images = [
        path for path in files if path.suffix.lower() in IMAGES and path.resolve() not in given
    ]
    photos = [path for path in images if not _is_beside(path)]
    if not photos:
        raise InputError(
            f"no photos in {folder.absolute()}: looked for {', '.join(IMAGES[:5])} … "
            "(not in folders below it)"
        )
    below = {name: _by_stem(_files_below(folder, f"{name}s")) for name in KINDS}
    whose = {path.stem.casefold() for path in photos}
    found = []
    for image, name in zip(photos, _names(photos), strict=True):
        try:
            found.append(PhotoFiles(name, image, _beside(image, listing, below, for_all)))
        except InputError as error:
            found.append(PhotoFiles(name, image, {}, str(error)))
    return FolderContent(
        tuple(found),
        tuple(path for path in images if _is_beside(path) and not _is_owned(path, whose)),
        tuple(path for path in files if path.suffix.lower() in CLIPS),
    )


def _files_of(folder: Path) -> list[Path]:
    """All files but the hidden ones, by name."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"data.folder {folder}: {error.strerror} (looked for {folder.absolute()})"
        ) from error
    return [path for path in entries if path.is_file() and not path.name.startswith(".")]


def _files_below(folder: Path, name: str) -> list[Path]:
    return _files_of(folder / name) if (folder / name).is_dir() else []


def _by_stem(files: Sequence[Path]) -> Listing:
    listing: Listing = defaultdict(list)
    for path in files:
        listing[path.stem.casefold()].append(path)
    return dict(listing)


def _is_beside(path: Path) -> bool:
    """Whether an image is named like what belongs to a photo."""
    stem = path.stem.casefold()
    return stem in _FOR_ALL or _BESIDE.fullmatch(stem) is not None


def _is_owned(path: Path, whose: set[str]) -> bool:
    """Whether its photo is there."""
    stem = path.stem.casefold()
    found = _BESIDE.fullmatch(stem)
    return stem in _FOR_ALL or (found is not None and found[1] in whose)


def _names(photos: Sequence[Path]) -> list[str]:
    """A name for each photo; those that differ in their endings only keep them."""
    stems = [sample_name(path.stem) for path in photos]
    count = Counter(stem.casefold() for stem in stems)
    names = [
        stem if count[stem.casefold()] == 1 else sample_name(path.name)
        for path, stem in zip(photos, stems, strict=True)
    ]
    check_names_differ(names, [path.name for path in photos])
    return names


def _beside(
    image: Path, listing: Listing, below: Mapping[str, Listing], for_all: Mapping[str, Path]
) -> dict[str, Path]:
    """What belongs to a photo; raises where two files claim to be the same."""
    own, stem = {}, image.stem.casefold()
    for name, kind in KINDS.items():
        beside = [f"{stem}{joint}{word}" for joint in _JOINTS for word in kind.words]
        inside = [stem] if name != "estimate" else [stem, f"{stem}.hfbinit"]
        path = _only(listing, beside, kind) or _only(below[name], inside, kind) or for_all.get(name)
        if path is None and kind.is_for_all:
            path = _only(listing, list(kind.words), kind)
        if path is not None:
            own[name] = path
    return own


def _only(listing: Listing, stems: Sequence[str], kind: _Kind) -> Path | None:
    """The one file of these names and of this kind; raises if there are several."""
    found = [
        path
        for stem in stems
        for path in listing.get(stem, ())
        if path.suffix.lower() in kind.suffixes
    ]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise InputError(f"{found[0].parent} holds {names}: leave the one that is meant")
    return found[0] if found else None
