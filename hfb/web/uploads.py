"""What may be uploaded: photos and clips by name and by their first bytes, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

HEAD_BYTES = 16
"""As many bytes of a file tell what it is."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def _is_isobmff(head: bytes) -> bool:
    return head[4:8] in _BOXES


def _is_riff(head: bytes, kind: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == kind


# A clip has to begin as its name says: FFmpeg would follow a playlist to files of this machine.
PHOTOS: dict[str, Callable[[bytes], bool]] = {
    ".jpg": lambda head: head[:3] == b"\xff\xd8\xff",
    ".jpeg": lambda head: head[:3] == b"\xff\xd8\xff",
    ".png": lambda head: head[:8] == b"\x89PNG\r\n\x1a\n",
    ".tif": lambda head: head[:4] in (b"II*\0", b"MM\0*"),
    ".tiff": lambda head: head[:4] in (b"II*\0", b"MM\0*"),
    ".webp": lambda head: _is_riff(head, b"WEBP"),
    ".heic": lambda head: head[4:8] == b"ftyp",
}
CLIPS: dict[str, Callable[[bytes], bool]] = {
    ".mp4": _is_isobmff,
    ".mov": _is_isobmff,
    ".m4v": _is_isobmff,
    ".mkv": lambda head: head[:4] == b"\x1aE\xdf\xa3",
    ".webm": lambda head: head[:4] == b"\x1aE\xdf\xa3",
    ".avi": lambda head: _is_riff(head, b"AVI "),
}
_KINDS = PHOTOS | CLIPS
_LONGEST_NAME = 200


def why_name_refused(name: str) -> str | None:
    """Why a file of this name is not taken; None where it is.

    Args:
        name: as the browser sent it.
    """
    if any(mark in name for mark in ("/", "\\", "\0")) or ".." in name:
        return "the name of the file holds a path: rename it"
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return "the name of the file is empty, very long or no text: rename it"
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _KINDS:
        what = suffix or "a file without an ending"
        return f"{what} is not taken: give a photo ({_named(PHOTOS)}) or a clip ({_named(CLIPS)})"
    return None


def why_content_refused(name: str, head: bytes) -> str | None:
    """Why a file that begins so is not taken; None where it is.

    Args:
        name: one that was not refused.
        head: its first `HEAD_BYTES` bytes, or all.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if _KINDS[suffix](head):
        return None
    return f"the file is not what its name says: it does not begin as {suffix} files do"


def _named(kinds: Iterable[str]) -> str:
    return " ".join(suffix[1:] for suffix in kinds)
