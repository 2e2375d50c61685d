"""The user's camera files; every fault is one clear line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.structures import Camera


def read_camera(path: str | Path, height: int, width: int) -> Camera:
    """Read pinhole intrinsics from JSON.

    Either a bare 3 x 3 list or `{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}` in px with the centre
    of the first pixel at (0.5, 0.5). With `"image_size": [width, height]` the matrix may be given
    for another size of the same image; it is scaled.

    Args:
        path: the file.
        height: rows of the image.
        width: columns of the image.

    Returns:
        The camera of the full image.

    Raises:
        InputError: if the file is missing, no JSON, no such matrix, or of another aspect ratio.
    """
    path = existing_file(path, "camera file")
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"the camera file {path} is no JSON: {error}") from error
    record = content if isinstance(content, dict) else {"K": content}
    try:
        matrix = torch.tensor(record["K"], dtype=torch.float32)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError):
        matrix = torch.zeros(0)
    if (
        matrix.shape != (3, 3)
        or not bool(matrix.isfinite().all())
        or not bool((matrix.diagonal()[:2] > 0).all())
    ):
        raise InputError(
            f'the camera file {path} should hold {{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}} '
            "with positive focal lengths in px"
        )
    scale = _camera_scale(path, record.get("image_size"), height, width)
    return Camera(matrix.diagonal()[:2] * scale, matrix[:2, 2] * scale, height, width)


def _camera_scale(path: Path, image_size: object, height: int, width: int) -> float:
    """Pixels of the image per pixel of the size that the matrix was given for."""
    if image_size is None:
        return 1.0
    try:
        stated_width, stated_height = (float(n) for n in image_size)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        stated_width = stated_height = 0.0
    if not (0 < stated_width < math.inf and 0 < stated_height < math.inf):
        raise InputError(f"image_size in the camera file {path} should be [width, height] in px")
    scale = width / stated_width
    if abs(stated_height * scale - height) > 1.0:
        raise InputError(
            f"the camera file {path} is for {stated_width:.0f} x {stated_height:.0f} px, but the "
            f"image is {width} x {height} px, which is no scaled copy"
        )
    return scale
