"""Fetching model files from their publisher into the user cache."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from hfb.assets.catalogue import Asset
from hfb.assets.folders import cache_dir, search_places
from hfb.errors import AssetNotFoundError, InputError
from hfb.storage import folder_lock
from hfb.storage.unfinished import PART, discard, new_name, tidy

_POSE_PACKAGE = "@mediapipe/pose@0.5.1675469404"
_POSE_BUNDLE_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_heavy/float16/latest/pose_landmarker_heavy.task"
)
_HOST = "storage.googleapis.com"
_DOWNLOAD_TIMEOUT_S = 60.0
_CHUNK_BYTES = 1 << 16


def fetch(wanted: list[Asset]) -> None:
    """Fetch files into the user cache, from the first source that works.

    Args:
        wanted: what is fetched; there afterwards with the right checksum, or nothing is.

    Raises:
        AssetNotFoundError: if no source works, or the cache cannot be written.
    """
    cache = cache_dir()

    def on_wait(holder: str) -> None:
        print(f"waiting for {holder}, which fetches the same files", file=sys.stderr)

    try:
        with folder_lock(cache, on_wait):
            missing = [asset for asset in wanted if not _is_whole(cache / asset.name, asset)]
            if missing:
                _fetch_into(cache, missing)
    except (OSError, InputError) as error:
        raise AssetNotFoundError(
            f"cannot write the cache {cache}: {error}. Set XDG_CACHE_HOME to a folder you own."
        ) from error


def _fetch_into(cache: Path, wanted: list[Asset]) -> None:
    sources: tuple[Callable[[list[Asset], Path], None], ...] = (_from_npm, _from_bundle)
    failures: list[_SourceError] = []
    scratch = new_name(cache, PART)
    try:
        tidy(cache)
        scratch.mkdir()
        for source in sources:
            try:
                source(wanted, scratch)
                break
            except _SourceError as error:
                failures.append(error)
        else:
            raise AssetNotFoundError(_not_fetched(wanted, failures))
        for asset in wanted:
            # A rename within one file system is atomic: readers see the old state or the file.
            os.replace(scratch / asset.name, cache / asset.name)
    finally:
        discard(scratch)


def _is_whole(path: Path, asset: Asset) -> bool:
    """Whether another run has fetched a file in the meantime."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == asset.sha256


def _not_fetched(wanted: list[Asset], failures: list[_SourceError]) -> str:
    names = ", ".join(str(asset) for asset in wanted)
    looked = ", ".join(str(place) for place in search_places())
    why = "; ".join(str(failure) for failure in failures)
    if any(failure.is_offline for failure in failures):
        why = f"there is no connection ({why})"
    return (
        f"{names} was not found in {looked}, and fetching failed: {why}. "
        "Run `python -m hfb.assets fetch` where npm or the network works and copy the cache "
        f"{cache_dir()} here, or start from your own estimate (--data.estimate)."
    )


class _SourceError(Exception):
    """One source did not work; the next is tried.

    Args:
        message: a few words.
        is_offline: whether there is no way to it, rather than something wrong with it.
    """

    def __init__(self, message: str, is_offline: bool = False) -> None:
        super().__init__(message)
        self.is_offline = is_offline


def _from_npm(wanted: list[Asset], scratch: Path) -> None:
    """Take the files out of the publisher's npm package (41 MB), with npm's own client."""
    npm = shutil.which("npm")
    if npm is None:
        raise _SourceError("npm is not installed")
    command = [npm, "pack", _POSE_PACKAGE, "--silent", "--pack-destination", str(scratch)]
    try:
        _run_with_progress(command, f"npm pack {_POSE_PACKAGE} (41 MB)")
    except subprocess.TimeoutExpired as error:
        raise _SourceError("npm gave no answer in ten minutes", True) from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise _SourceError(f"npm pack {_POSE_PACKAGE} failed ({_short(error)})") from error
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
    except urllib.error.HTTPError as error:
        raise _SourceError(f"{_HOST} answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError) as error:
        reason = getattr(error, "reason", error)
        raise _SourceError(f"{_HOST} cannot be reached: {_short(reason)}", True) from error
    except (zipfile.BadZipFile, KeyError, http.client.HTTPException) as error:
        raise _SourceError(f"what {_HOST} sends is no model bundle ({_short(error)})") from error


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


def _short(reason: object) -> str:
    """A reason without the noise of its type: `[Errno -2] Name or service not known`."""
    text = str(getattr(reason, "strerror", None) or reason).strip() or type(reason).__name__
    return " ".join(text.split())[:120]


def _store(content: bytes, asset: Asset, scratch: Path, source: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != asset.sha256:
        raise _SourceError(
            f"{source} holds another {asset.name} than the tested one (sha256 {actual[:12]}…, "
            f"expected {asset.sha256[:12]}…; to use it on purpose, unpack it and pass its path)"
        )
    (scratch / asset.name).write_bytes(content)
