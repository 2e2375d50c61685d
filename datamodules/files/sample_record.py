"""`sample.json`: what a sample folder says about itself besides its images."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.errors import InputError
from hfb.files.intrinsics import camera_of_matrix
from hfb.files.json_file import read_json
from hfb.structures import BlurSample, BodyIdentity, Camera

FORMAT = "hfb-blur"
VERSION = 1
RECORD_NAME = "sample.json"
MAX_RECORD_BYTES = 2**20


def read_record(folder: Path) -> dict[str, object]:
    """Read sample.json, if it is one of ours.

    Args:
        folder: the sample's folder.

    Returns:
        Its content; further keys are kept.

    Raises:
        InputError: if it is missing, no JSON, or of another format or version.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        raise InputError(f"{folder} is no sample folder: no {RECORD_NAME} (looked for {path})")
    record = read_json(path, "sample record", MAX_RECORD_BYTES)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f'{path} is of another format: it should say "format": "{FORMAT}"')
    if record.get("version") != VERSION:
        raise InputError(
            f"{path} has version {record.get('version')}, this program reads version {VERSION}"
        )
    return record


def read_timing(
    folder: Path, record: dict[str, object], num_frames: int
) -> tuple[float, Float[Tensor, "T 2"]]:
    """Frames per second and shutter times; frames one after another if these are absent.

    Args:
        folder: where it lies, for the error.
        record: the content of sample.json.
        num_frames: input frames.

    Returns:
        fps; opening and closing of the shutter of each frame, s.

    Raises:
        InputError: if these are no such numbers.
    """
    try:
        fps = float(record.get("fps", 30.0))  # type: ignore[arg-type]
        times = record.get("exposure", [[k / fps, (k + 1) / fps] for k in range(num_frames)])
        exposure = torch.tensor(times, dtype=torch.float32)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        fps, exposure = 0.0, torch.zeros(0)
    is_positive = math.isfinite(fps) and fps > 0 and bool(exposure.isfinite().all())
    if (
        not is_positive
        or exposure.shape != (num_frames, 2)
        or not bool((exposure.diff(dim=1) > 0).all())
    ):
        raise InputError(
            f"{folder / RECORD_NAME}: fps must be positive and exposure hold [open, close] in s "
            f"for each of the {num_frames} frames"
        )
    return fps, exposure


def read_intrinsics(folder: Path, matrix: object, height: int, width: int) -> Camera | None:
    """The camera of K, if there is one.

    Args:
        folder: where it lies, for the error.
        matrix: K, px, as it stands in the record.
        height: rows of the image.
        width: columns of the image.

    Returns:
        The full-image camera; None without K.

    Raises:
        InputError: if K is no 3 x 3 matrix of px that an image of this size can have.
    """
    if matrix is None:
        return None
    return camera_of_matrix(matrix, height, width, str(folder / RECORD_NAME))


def read_blur_rate(folder: Path, record: dict[str, object]) -> float | None:
    """The blur rate of eq. 12, if it is known.

    Args:
        folder: where it lies, for the error.
        record: the content of sample.json.

    Returns:
        The rate; None if absent.

    Raises:
        InputError: if it is no number.
    """
    rate = record.get("blur_rate")
    if rate is None:
        return None
    try:
        value = float(rate) if isinstance(rate, int | float) else math.nan
    except OverflowError:  # JSON's integers have no end
        value = math.inf
    if 0 <= value < math.inf:
        return value
    raise InputError(
        f"{folder / RECORD_NAME}: blur_rate should be a number >= 0 or null, not {rate!r}"
    )


def make_record(sample: BlurSample, body: BodyIdentity | None) -> dict[str, object]:
    """The content of sample.json.

    Args:
        sample: the sample to describe.
        body: the body that its betas belong to, if any.

    Returns:
        What JSON can hold.
    """
    camera = sample.camera
    matrix = None
    if camera is not None:
        (fx, fy), (cx, cy) = camera.focal.tolist(), camera.principal_point.tolist()
        matrix = [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]
    return {
        "format": FORMAT,
        "version": VERSION,
        "sample_id": sample.sample_id,
        "fps": sample.fps,
        "exposure": sample.exposure.tolist(),
        "K": matrix,
        "blur_rate": sample.blur_rate,
        "source": sample.source,
        "body": None if body is None else {"name": body.name, "sha256": body.sha256},
        "colour": "srgb",
    }
