"""Numbers of whatever kind a file holds, as one array; and what numbers can mean.

Readers of poses, bodies, cameras and truth share these checks: a file that one of them refuses is
refused by all, for the same reason.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hfb.errors import InputError

MAX_LISTED = 10**7
"""Entries of nested lists; more are no measurement, and lists that hold one another never end."""
MAX_DEPTH = 8
MAX_ENTRIES = 10**8
"""Numbers of an array; a pickle can claim any size without holding it."""
MAX_SPARSE = 10**8
"""Entries of a sparse matrix when it is written out; SMPL-X's regressor has half a million."""
MAX_METRES = 1e4
"""Largest coordinate, m: nobody is seen from ten kilometres."""
MAX_TURN = 1e3
"""Largest entry of a rotation vector, rad: unwrapped turns are read, no number of turns is."""
MAX_BETA = 1e2
"""Largest shape coefficient, in standard deviations of the body's population."""
NEAREST_M = 0.1
"""Nobody whose pelvis is nearer is seen as a person."""
SMALLEST_PX = 2.0
"""Nobody whose height covers fewer pixels is seen at all."""
HEIGHT_M = 1.7
FARTHEST_SIDES = 10.0
"""Nobody whose pelvis is seen more sides of the image away from the optical axis is in it."""
ROTATION_TOLERANCE = 1e-2
"""How far R R^T may be from the identity: networks give half precision."""


def numbers_of(
    value: Any, name: str, path: str | Path, needs_finite: bool = True
) -> NDArray[np.float64]:
    """Any numbers as float64.

    Args:
        value: a numpy array or number, a torch tensor (half precision and bfloat16 too), a sparse
            matrix or array of scipy, or nested lists of numbers.
        name: of the entry, for errors.
        path: of the file, for errors.
        needs_finite: refuse NaN and infinity; False where they mark what was not seen.

    Raises:
        InputError: if these are no real numbers (truth values are none), or not all are finite.
    """
    array = _as_array(value)
    if array is not None and array.size > MAX_ENTRIES:
        raise InputError(
            f"{path}: {name} claims {array.size} numbers; more than {MAX_ENTRIES} are not read"
        )
    if array is None or array.dtype.kind not in "fiu":
        kind = type(value).__name__ if array is None else array.dtype
        raise InputError(f"{path}: {name} does not hold numbers ({kind})")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    if needs_finite and not np.isfinite(array).all():
        raise InputError(f"{path}: {name} holds values that are not finite (NaN or infinity)")
    return array


def check_size(values: NDArray[np.float64], largest: float, name: str, path: str | Path) -> None:
    """Raise if a number is larger than such a number can be.

    Args:
        values: finite.
        largest: allowed magnitude.
        name: of the entry, for errors.
        path: of the file, for errors.

    Raises:
        InputError: names the place of the worst one.
    """
    if values.size == 0:
        return
    worst = np.unravel_index(int(np.abs(values).argmax()), values.shape)
    if abs(values[worst]) > largest:
        place = ", ".join(str(int(k)) for k in worst)
        raise InputError(
            f"{path}: {name}[{place}] is {values[worst]:g}; no such value exceeds {largest:g}"
        )


def check_rotations(rotmat: NDArray[np.float64], name: str, path: str | Path) -> None:
    """Raise unless matrices turn and do nothing else.

    Args:
        rotmat: (R, J, 3, 3), finite.
        name: of the entry, for errors.
        path: of the file, for errors.

    Raises:
        InputError: names the row and joint of the first that stretches, skews or mirrors.
    """
    square = rotmat @ np.swapaxes(rotmat, -1, -2)
    off = np.abs(square - np.eye(3)).max((-1, -2))
    for is_wrong, what in (
        (off > ROTATION_TOLERANCE, "is no rotation matrix"),
        (np.linalg.det(rotmat) < 0, "mirrors (its determinant is -1)"),
    ):
        if is_wrong.any():
            row, joint = (int(k) for k in np.argwhere(is_wrong)[0])
            raise InputError(f"{path}: {name} of row {row}, joint {joint} {what}")


def check_in_view(
    pelvis: NDArray[np.float64],
    focal: float,
    side: float,
    row: int,
    name: str,
    path: str | Path,
) -> None:
    """Raise unless a body stands where a camera can see one.

    Args:
        pelvis: (K, 3) of each hypothesis, camera frame (x right, y down, z forward), m.
        focal: focal length of the camera, px.
        side: longer side of its image, px.
        row: of the file, for errors.
        name: of the entry, for errors.
        path: of the file, for errors.

    Raises:
        InputError: if one lies behind the camera, far beside it or too far away to be seen.
    """
    where = f"{path}: {name} of row {row} puts the body"
    for across, down, depth in pelvis.tolist():
        if depth < NEAREST_M:
            raise InputError(
                f"{where} behind the camera (z = {depth:g} m); z points forward and y down here, "
                "OpenGL's camera looks along -z: turn both"
            )
        if HEIGHT_M * focal / depth < SMALLEST_PX:
            raise InputError(
                f"{where} {depth:g} m away, where it covers less than {SMALLEST_PX:g} px"
            )
        beside = max(abs(across), abs(down)) * focal / depth
        if beside > FARTHEST_SIDES * side:
            raise InputError(
                f"{where} {beside:g} px beside the optical axis, the image has {side:g} px"
            )


def per_row(
    values: NDArray[np.float64], rows: int, item: tuple[int, ...], name: str, path: str | Path
) -> NDArray[np.float64]:
    """One item a row, whether the file has one for each row or one for all.

    Args:
        values: of the shape `item`, (1, *item) or (rows, *item).
        rows: how many there are.
        item: shape of one item.
        name: of the entry, for errors.
        path: of the file, for errors.

    Returns:
        (rows, *item).

    Raises:
        InputError: if the shape is none of these.
    """
    shape = values.shape
    if shape == item or shape in ((1, *item), (rows, *item)):
        return np.broadcast_to(values, (rows, *item)).copy()
    raise InputError(
        f"{path}: {name} have the shape {shape}, expected {(rows, *item)}, or {item} for all rows"
    )


def _as_array(value: Any) -> np.ndarray | None:
    """The value as an array; None if it is none."""
    if isinstance(value, list | tuple):
        try:
            array = np.asarray(_plain(value, [MAX_LISTED], MAX_DEPTH))
        except (ValueError, TypeError):  # ragged, endless, or something else among the numbers
            return None
        return _of_long_integers(array) if array.dtype == object else array
    if isinstance(value, torch.Tensor):
        return _of_tensor(value)
    if hasattr(value, "toarray"):
        return _of_sparse(value)
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_long_integers(np.asarray(value, object))
    return None


def _of_tensor(value: torch.Tensor) -> np.ndarray | None:
    if value.is_complex() or value.dtype == torch.bool or value.is_quantized:
        return None
    try:
        plain = value.detach().cpu()
        plain = plain.to_dense() if plain.layout != torch.strided else plain
        return plain.double().numpy() if plain.is_floating_point() else plain.numpy()
    except (RuntimeError, NotImplementedError, TypeError):  # a tensor without values (meta)
        return None


def _of_sparse(value: Any) -> np.ndarray | None:
    """One of scipy's sparse matrices or arrays; None if its indices lead out of it.

    scipy's compiled loops trust the indices: damaged ones would write anywhere.
    """
    try:
        if math.prod(value.shape) > MAX_SPARSE or value.dtype.kind not in "fiu":
            return None
        if value.format == "coo":
            rows, columns = np.asarray(value.row), np.asarray(value.col)
            places = [(rows, value.shape[0]), (columns, value.shape[1])]
            is_sound = len(rows) == len(columns) == len(value.data) and all(
                index.ndim == 1 and (not index.size or 0 <= index.min() <= index.max() < end)
                for index, end in places
            )
            return np.asarray(value.toarray()) if is_sound else None
        value.check_format(full_check=True)
        return np.asarray(value.toarray())
    except (ValueError, TypeError, AttributeError, IndexError, MemoryError):
        return None


def _of_long_integers(array: np.ndarray) -> np.ndarray | None:
    """Python's own numbers, of which integers have no end; None of anything else."""
    if not all(type(entry) in (int, float) for entry in array.flat):
        return None
    try:
        return array.astype(np.float64)
    except OverflowError:
        return np.full(array.shape, np.inf)


def _plain(value: Any, budget: list[int], depth: int) -> Any:
    """Nested lists with arrays for tensors.

    Args:
        value: of the file.
        budget: how many entries are still allowed; counted down.
        depth: levels that are still allowed.

    Raises:
        ValueError: if there are too many of either, or something is no number.
    """
    if isinstance(value, list | tuple):
        budget[0] -= len(value)
        if depth == 0 or budget[0] < 0:
            raise ValueError("too deep or too long")
        return [_plain(entry, budget, depth - 1) for entry in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    array = None if isinstance(value, bool) else _as_array(value)
    if array is None or array.dtype.kind not in "fiu":
        raise ValueError("not a number")
    budget[0] -= array.size
    return array
