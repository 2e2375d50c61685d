"""Fetching model files from their publisher into the user cache."""

from __future__ import annotations

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
from pathlib import Path

from hfb.assets.catalogue import Asset
from hfb.assets.folders import cache_dir, search_places
from hfb.errors import AssetNotFoundError

_POSE_PACKAGE = "@mediapipe/pose@0.5.1675469404"
_POSE_BUNDLE_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_heavy/float16/latest/pose_landmarker_heavy.task"
)
_DOWNLOAD_TIMEOUT_S = 60.0
_CHUNK_BYTES = 1 << 16


def fetch(wanted: list[Asset]) -> None:
    """Fetch files into the user cache, from the first source that works.

    Args:
        wanted: what is fetched; there afterwards with the right checksum, or nothing is.

    Raises:
        AssetNotFoundError: if no source works, or the cache cannot be written.
    """
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
    names = ", ".join(str(asset) for asset in wanted)
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
