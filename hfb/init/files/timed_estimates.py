"""Estimates of several moments of an exposure in one file: a row a sub-frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hfb.errors import InputError
from hfb.init.files.estimate_file import estimate_at, load_arrays
from hfb.structures import BodyIdentity, Camera, InitialEstimate


@dataclass(frozen=True)
class TimedEstimate:
    """A pose at one moment of a photo's exposure.

    Attributes:
        frame: 0-based number of the photo.
        time: s, on the clock of the photos' exposures; None where the file does not say.
        estimate: its hypotheses, best first.
    """

    frame: int
    time: float | None
    estimate: InitialEstimate


def read_timed_estimates(
    path: str | Path,
    body: BodyIdentity,
    image_size: tuple[int, int] | None = None,
    camera: Camera | None = None,
    num_betas: int = 10,
) -> list[TimedEstimate]:
    """Read a `*.hfbinit.npz` that holds several poses a photo.

    Args:
        path: as for `read_estimate`; `frame_ids` tells the photo of each row (all the first if
            absent), `timestamps` the moment.
        body: the body that the estimates will be used with.
        image_size: height and width of the photos.
        camera: full-image camera, for files without `K`.
        num_betas: shape coefficients to return.

    Returns:
        All rows, in the order of the file.

    Raises:
        InputError: as `read_estimate`, or if there is not one number of a photo and one finite
            timestamp a row.
        BodyModelError: if its betas belong to another body.
    """
    path = Path(path)
    arrays = load_arrays(path)
    count = len(arrays["poses"]) if arrays["poses"].ndim else 0
    if count == 0:
        raise InputError(f"{path} holds no poses")
    frames = _column(arrays.get("frame_ids", np.zeros(count, np.int64)), "frame_ids", count, path)
    times = None
    if "timestamps" in arrays:
        times = _column(arrays["timestamps"], "timestamps", count, path)
    return [
        TimedEstimate(
            int(frames[row]),
            None if times is None else float(times[row]),
            estimate_at(arrays, row, body, image_size, camera, num_betas, path),
        )
        for row in range(count)
    ]


def _column(values: np.ndarray, name: str, count: int, path: Path) -> np.ndarray:
    is_number = np.issubdtype(values.dtype, np.number)
    if values.shape != (count,) or not is_number or not np.isfinite(values).all():
        raise InputError(f"{path}: {name} must be {count} finite numbers, one a pose")
    return values
