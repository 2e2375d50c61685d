"""Packed collections: many recordings in one file, with a manifest beside it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from datamodules.mocap.clip import MAX_RATE_HZ, POSE_SIZE, MocapClip, split_of_subject
from datamodules.mocap.forearms import turned_back
from hfb.errors import InputError

MANIFEST_NAME = "manifest.csv"

PACK_STEP = 1e-4
"""Step of a packed collection's integers, rad and m."""

_KEYS = ("h", "d", "l", "n", "v")
_SHARE_ALIKE = re.compile(r"\bSA\b|share[ -]?alike", re.IGNORECASE)


def packed_names(arrays: NpzFile) -> list[str]:
    """Recordings of a packed collection; none if the file is something else."""
    return sorted({key.rpartition("/")[0] for key in arrays if key.endswith("/h")})


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """Who moves in the clips of a packed collection, and in which split they are.

    Args:
        folder: of the collection, with its `manifest.csv`.

    Returns:
        Rows by clip, in the order of the file; empty where there is no manifest.

    Raises:
        InputError: if a column is missing.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as rows:
            table = list(csv.DictReader(rows))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    missing = {"clip_id", "subject", "split"} - set(table[0] if table else {})
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(sorted(missing))}.")
    return {row["clip_id"]: row for row in table}


def is_share_alike(row: dict[str, str] | None) -> bool:
    """Whether what is made from a recording may have to be given on under its own licence.

    Args:
        row: of the manifest; what says nothing of a licence is not.
    """
    return _SHARE_ALIKE.search((row or {}).get("licence") or "") is not None


def packed_clip(arrays: NpzFile, name: str, row: dict[str, str] | None, source: str) -> MocapClip:
    """A clip stored as second differences of integers, the two bytes of a number apart.

    Args:
        arrays: the collection.
        name: of the clip.
        row: of the manifest.
        source: the file, for messages.

    Raises:
        InputError: if it does not hold such a clip.
    """
    missing = [key for key in _KEYS if f"{name}/{key}" not in arrays]
    if missing:
        raise InputError(f"{source}: clip {name} lacks {', '.join(missing)}.")
    try:
        head, high, low, meta, bits = (arrays[f"{name}/{key}"] for key in _KEYS)
        num_frames, rate = int(meta[0]), float(meta[1])
        head, bits = head.astype(np.int64), bits.astype(np.uint8, casting="safe")
    except Exception as error:  # zlib, zipfile and numpy each raise their own kinds
        raise InputError(f"{source}: clip {name} cannot be read ({error}).") from error
    if high.ndim != 2 or high.shape != low.shape or not 0.0 < rate <= MAX_RATE_HZ:
        raise InputError(f"{source}: clip {name} is no packed clip.")
    steps = (high.T.astype(np.int64) << 8) + low.T
    if head.shape != (2, POSE_SIZE + 3) or steps.shape != (num_frames - 2, POSE_SIZE + 3):
        raise InputError(f"{source}: clip {name} does not hold {POSE_SIZE} pose numbers a frame.")
    velocity = head[1] - head[0] + np.cumsum(steps, 0)
    values = np.concatenate([head, head[1] + np.cumsum(velocity, 0)]) * PACK_STEP
    subject = row["subject"] if row else name.partition("_")[0]
    split = row["split"] if row else split_of_subject(subject)
    # Columns: translation, root rotation, body pose.
    poses, transl = values[:, 3:], values[:, :3]
    valid = np.unpackbits(bits)[:num_frames].astype(bool)
    return turned_back(MocapClip(name, subject, poses, transl, rate, valid, split))
