"""METRO's meshes as an estimate file: the body is registered to them when the file is read.

METRO's demo draws its result and saves nothing; what to save stands in docs/BASELINES.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.convert.tools import (
    Numbers,
    Size,
    cameras_of,
    column_of,
    given_sizes,
    named_numbers,
    torch_file,
)
from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import MAX_METRES, check_in_view, check_size, per_row

NUM_VERTICES = 6890
"""Of SMPL's mesh, which METRO's last layer gives."""

_FOCAL = 1000.0 / 224.0
"""Focal length with which METRO's own renderer draws, for a box whose side is 1."""

_NAMES = ("pred_vertices", "pred_camera")
_BOX = ("box_center", "box_size")


def metro_arrays(path: Path, size: Size) -> dict[str, NDArray[np.generic]]:
    """Vertices before a camera, out of METRO's crop.

    `pred_vertices` (N, 6890, 3), m, x right and y down, and `pred_camera` (N, 3), scale and shift
    of the crop's weak perspective, as the network gives them. `box_center` and `box_size` say where
    in the photo the crop was, px; without them it is the demo's, the middle of the shorter side.
    The crop's camera becomes a place before the photo's, as METRO's renderer has it: the depth is
    2 f / (b s).

    Args:
        path: an npz, or a torch file of plain tensors.
        size: width and height of the photo, where the file has no `img_size`.

    Returns:
        What an estimate file holds beside its marks: vertices, K, image_size.

    Raises:
        InputError: if it is not such a file, or the mesh is another one.
    """
    what = "METRO file"
    is_npz = path.suffix == ".npz"
    names = (*_NAMES, *_BOX, "img_size")
    data = read_npz(path, what, names=names) if is_npz else torch_file(path)
    vertices, camera = named_numbers(data, _NAMES, path)
    if vertices.ndim != 3 or vertices.shape[1:] != (NUM_VERTICES, 3) or not len(vertices):
        raise InputError(
            f"{path}: pred_vertices are {vertices.shape}, expected (N, {NUM_VERTICES}, 3): SMPL's "
            "full mesh, which METRO gives last (not its 431 or 1723 vertices, and not a hand)"
        )
    rows = len(vertices)
    camera = per_row(camera, rows, (3,), "pred_camera", path)
    check_size(vertices, MAX_METRES, "pred_vertices", path)
    if not (camera[:, 0] > 0).all():
        row = int(np.argmin(camera[:, 0]))
        raise InputError(f"{path}: the scale in pred_camera of row {row} is not positive")
    if "img_size" in data:
        (own,) = named_numbers(data, ("img_size",), path)
        sizes = per_row(own, rows, (2,), "img_size", path)
    else:
        sizes = given_sizes(size, rows, path)
    if not (sizes >= 1).all():
        raise InputError(f"{path}: img_size holds {sizes.min():g}, no side of an image")
    centre, box = _boxes(data, sizes, path)
    span = box * camera[:, 0]
    offset = 2.0 * (centre - sizes / 2.0) / span[:, None]
    place = np.concatenate([camera[:, 1:] + offset, (2.0 * _FOCAL / camera[:, 0])[:, None]], 1)
    for row in range(rows):
        focal, side = float(_FOCAL * box[row]), float(sizes[row].max())
        check_in_view(place[row][None], focal, side, row, "pred_camera", path)
    return {
        "vertices": (vertices + place[:, None]).astype(np.float32),
        "K": cameras_of(_FOCAL * box, sizes).astype(np.float32),
        "image_size": sizes.astype(np.int32),
    }


def _boxes(data: dict[str, Any], sizes: Numbers, path: Path) -> tuple[Numbers, Numbers]:
    """Middle (N, 2) and side (N,) of each crop, px."""
    rows = len(sizes)
    if not set(_BOX) & set(data):
        return sizes / 2.0, sizes.min(1)
    centre, box = named_numbers(data, _BOX, path)
    box = column_of(box, rows, "box_size", path)
    if not (box > 0).all():
        raise InputError(f"{path}: box_size of row {int(np.argmin(box))} is not positive")
    return per_row(centre, rows, (2,), "box_center", path), box
