"""Estimates at several times of an exposure in one file: a row a sub-frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.init.files.arrays import EstimateArrays, load_arrays
from hfb.init.files.estimate_file import estimate_at
from hfb.structures import Camera, InitialEstimate


@dataclass(frozen=True)
class TimedEstimate:
    """A pose at one time of a photo's exposure.

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
    body: SmplBody,
    image_size: tuple[int, int] | None = None,
    camera: Camera | None = None,
) -> list[TimedEstimate]:
    """Read a `*.hfbinit.npz` that holds several poses a photo.

    Args:
        path: as for `read_estimate`; `frame_ids` tells the photo of each row (all the first if
            absent), `timestamps` the time.
        body: the body that the estimates will be used with.
        image_size: height and width of the photos.
        camera: full-image camera, for files without `K`.

    Returns:
        All rows, in the order of the file.

    Raises:
        InputError: as `read_estimate`, or if there is not one number of a photo and one finite
            timestamp a row.
        BodyModelError: as `read_estimate`.
    """
    arrays = load_arrays(path)
    frames = _column(arrays, "frame_ids")
    times = _column(arrays, "timestamps")
    return [
        TimedEstimate(
            0 if frames is None else int(frames[row]),
            None if times is None else float(times[row]),
            estimate_at(arrays, row, body, image_size, camera),
        )
        for row in range(arrays.num_rows)
    ]


def _column(arrays: EstimateArrays, name: str) -> NDArray[np.float64] | None:
    """One number a row, if the file has them."""
    if name not in arrays.values:
        return None
    values, count = arrays.values[name], arrays.num_rows
    if values.shape != (count,):
        raise InputError(f"{arrays.path}: {name} must be {count} numbers, one a pose")
    return values
