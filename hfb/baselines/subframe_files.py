"""Images of sub-frames in a folder: `<root>/<sample>/000_000.png`, photo and sub-frame."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.structures import BlurSample

_NAME = re.compile(r"^(\d{3,})_(\d{3,})\.png$")


def subframe_name(frame: int, subframe: int) -> str:
    """File name of a sub-frame of a photo, both counted from 0 in the order of time."""
    return f"{frame:03d}_{subframe:03d}.png"


def list_subframes(folder: Path, num_frames: int) -> list[list[Path]]:
    """The sub-frames of each photo in the order of time.

    Args:
        folder: of one sample.
        num_frames: photos of the sample.

    Raises:
        InputError: if the folder or a sub-frame is missing, or there are more photos than that.
    """
    if not folder.is_dir():
        raise InputError(f"no sub-frames for this sample: {folder} is no folder")
    found: dict[int, dict[int, Path]] = {}
    for path in folder.iterdir():
        match = _NAME.match(path.name)
        if match:
            frame, subframe = (int(part) for part in match.groups())
            found.setdefault(frame, {})[subframe] = path
    if sorted(found) != list(range(num_frames)):
        have = ", ".join(str(k) for k in sorted(found)[:8]) or "none"
        raise InputError(
            f"{folder} must hold sub-frames {subframe_name(0, 0)} and so on of {num_frames} "
            f"photo(s), it has those of photos {have}"
        )
    counts = {len(parts) for parts in found.values()}
    for frame, parts in found.items():
        if sorted(parts) != list(range(len(parts))) or len(counts) > 1:
            raise InputError(
                f"{folder}: every photo must have the same number of sub-frames, counted from 0 "
                f"without gaps; photo {frame} has {sorted(parts)[:8]}"
            )
    return [[found[k][s] for s in sorted(found[k])] for k in range(num_frames)]


def read_subframe(path: Path, height: int, width: int) -> Float[Tensor, "3 H W"]:
    """One image, 8 or 16 bits, sRGB in [0, 1].

    Raises:
        InputError: if it cannot be read or has another size than the photo.
    """
    return _read(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, height, width)


def read_subframe_masks(root: str | Path, sample: BlurSample) -> Float[Tensor, "T N 1 H W"]:
    """The silhouettes of a sample's sub-frames, in [0, 1].

    Args:
        root: holds a folder a sample.
        sample: whose silhouettes.

    Raises:
        InputError: if one is missing, unreadable or of another size than the photo.
    """
    size = tuple(sample.blurry.shape[-2:])
    paths = list_subframes(Path(root) / sample.sample_id, len(sample.blurry))
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
    return torch.stack(
        [torch.stack([_read(path, flags, *size) for path in frame]) for frame in paths]
    )


def _read(path: Path, flags: int, height: int, width: int) -> Float[Tensor, "C H W"]:
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        array = cv2.imdecode(content, flags) if len(content) else None
    except (OSError, cv2.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if array is None or array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} is no image of 8 or 16 bits that can be read")
    if array.shape[:2] != (height, width):
        raise InputError(
            f"{path} has {array.shape[1]} x {array.shape[0]} px, the photo {width} x {height}"
        )
    values = array.astype(np.float32) / (255 if array.dtype == np.uint8 else 65535)
    values = values[..., None] if values.ndim == 2 else values[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))
