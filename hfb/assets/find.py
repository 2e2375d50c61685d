"""Finding a model file, and knowing it again by its checksum."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hfb.assets.catalogue import ASSETS, Asset
from hfb.assets.fetch import fetch
from hfb.assets.folders import cache_dir, search_places
from hfb.errors import AssetCorruptError, AssetNotFoundError

_verified: set[tuple[str, int, int]] = set()


def find_asset(name: str, path: str | Path | None = None) -> Path:
    """The verified path of a model file; fetched once if it is nowhere and can be fetched.

    Args:
        name: file name, for example `pose_landmark_heavy.tflite`; names that are not in `ASSETS`
            are looked for in the same places but never fetched.
        path: the user's own file, or a folder that holds it; nothing else is then tried, and a
            file named by hand is not compared with the checksum (the user may bring another one).

    Returns:
        Where the file is.

    Raises:
        AssetNotFoundError: if it is nowhere and could not be fetched.
        AssetCorruptError: if a known file has another checksum than the one that was tested.
    """
    if path is not None:
        return _given(name, Path(path))
    places = search_places()
    for place in places:
        candidate = place / name
        if candidate.is_file():
            _verify(candidate, ASSETS.get(name))
            return candidate
    asset = ASSETS.get(name)
    looked = ", ".join(str(place) for place in places)
    if asset is None:
        raise AssetNotFoundError(
            f"{name} was not found; looked in {looked}. Put the file into one of these folders, "
            "or name its folder with HFB_ASSETS."
        )
    if os.environ.get("HFB_OFFLINE"):
        raise AssetNotFoundError(
            f"{asset} was not found and HFB_OFFLINE forbids fetching; looked in "
            f"{looked}. Run `python -m hfb.assets fetch` once where there is a network."
        )
    fetch([asset])
    return cache_dir() / name


def fetch_all() -> list[str]:
    """Fetch every asset that is missing.

    Returns:
        One line a file: where it is.

    Raises:
        AssetNotFoundError: if a file could not be fetched.
        AssetCorruptError: if a file that is already there has a wrong checksum.
    """
    missing = [asset for asset in ASSETS.values() if not _places_of(asset)]
    if missing and not os.environ.get("HFB_OFFLINE"):
        fetch(missing)
    return [f"{name}: {find_asset(name)}" for name in ASSETS]


def list_all() -> list[str]:
    """One line a file that can be fetched: where it is, if anywhere."""
    return [
        f"{asset}: {next(iter(_places_of(asset)), 'not here yet')}" for asset in ASSETS.values()
    ]


def _places_of(asset: Asset) -> list[Path]:
    return [place / asset.name for place in search_places() if (place / asset.name).is_file()]


def _given(name: str, path: Path) -> Path:
    candidate = path / name if path.is_dir() else path
    if not candidate.is_file():
        raise AssetNotFoundError(f"{name} was not found at {candidate}, the place that was given.")
    return candidate


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _verify(path: Path, asset: Asset | None) -> None:
    """Compare with the checksum, once a process and file version (hashing 28 MB takes 0.1 s)."""
    if asset is None:
        return
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key in _verified:
        return
    actual = _sha256(path)
    if actual != asset.sha256:
        raise AssetCorruptError(
            f"{path} is not the tested {asset}: sha256 {actual[:12]}…, expected "
            f"{asset.sha256[:12]}…. Delete it and run `python -m hfb.assets fetch`; to use another "
            "version on purpose, pass its path instead."
        )
    _verified.add(key)
