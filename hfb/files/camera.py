"""The user's camera files; every fault is one clear line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.files.intrinsics import camera_of_matrix
from hfb.files.json_file import read_json
from hfb.files.numbers import numbers_of
from hfb.structures import Camera


def read_camera(path: str | Path, height: int, width: int) -> Camera:
    """Read pinhole intrinsics from JSON.

    Either a bare 3 x 3 list or `{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}` in px with the centre
    of the first pixel at (0.5, 0.5). `"pitch_deg"` says how far the camera looks down,
    `"roll_deg"` how far it is turned clockwise; without them it is level. With
    `"image_size": [width, height]` the matrix may be given for another size of the same image; it
    is scaled.

    Args:
        path: the file.
        height: rows of the image.
        width: columns of the image.

    Returns:
        The camera of the full image.

    Raises:
        InputError: if the file is missing, no JSON, no such matrix, or of another aspect ratio.
    """
    path = Path(path)
    content = read_json(path, "camera file")
    record = content if isinstance(content, dict) else {"K": content}
    if "K" not in record:
        raise InputError(
            f'the camera file {path} should hold {{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}}'
        )
    scale = _camera_scale(path, record.get("image_size"), height, width)
    # Judged at the size that it was given for.
    stated = (round(height / scale), round(width / scale))
    camera = camera_of_matrix(record["K"], *stated, f"the camera file {path}")
    return Camera(
        camera.focal * scale, camera.principal_point * scale, height, width, _vertical(path, record)
    )


def _vertical(path: Path, record: dict[str, Any]) -> Float[Tensor, " 3"] | None:
    """Where up is, if the file says anything about it."""
    if not {"pitch_deg", "roll_deg"} & set(record):
        return None
    angles = []
    for name, limit in (("pitch_deg", 90.0), ("roll_deg", 180.0)):
        value = record.get(name, 0.0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= limit:
            raise InputError(
                f"{name} in the camera file {path} is {value!r:.40}: give degrees from "
                f"{-limit:.0f} to {limit:.0f}"
            )
        angles.append(math.radians(value))
    pitch, roll = angles
    level = math.cos(pitch)
    return torch.tensor([-level * math.sin(roll), -level * math.cos(roll), -math.sin(pitch)])


def _camera_scale(path: Path, image_size: object, height: int, width: int) -> float:
    """Pixels of the image per pixel of the size that the matrix was given for."""
    if image_size is None:
        return 1.0
    try:
        stated_width, stated_height = numbers_of(image_size, "image_size", path).tolist()
    except (InputError, TypeError, ValueError):
        stated_width = stated_height = 0.0
    if not (stated_width >= 1 and stated_height >= 1):
        raise InputError(f"image_size in the camera file {path} should be [width, height] in px")
    scale = width / stated_width
    if abs(stated_height * scale - height) > 1.0:
        raise InputError(
            f"the camera file {path} is for {stated_width:.0f} x {stated_height:.0f} px, but the "
            f"image is {width} x {height} px, which is no scaled copy"
        )
    return scale
