"""Other tools' pose files as `*.hfbinit.npz`, without loading a class of theirs.

The layouts are those of the tools' own programs at the versions named in docs/BASELINES.md. Files
that need classes of other packages (joblib's pickles of PHALP and WHAM, object arrays of Multi-HMR)
are refused: the page says what to save instead, in that tool's own environment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from datamodules.convert.metro import metro_arrays
from datamodules.convert.tools import (
    ToolPoses,
    read_cliff,
    read_gvhmr,
    read_hmr2,
    read_hybrik,
    read_wham,
)
from hfb.body.rest_pelvis import rest_pelvis_of_file
from hfb.errors import InputError
from hfb.export import atomic_write
from hfb.files.images import existing_file
from hfb.files.intrinsics import check_intrinsics
from hfb.files.numbers import MAX_BETA, MAX_TURN, check_in_view, check_size
from hfb.skeleton import POSE_SIZES, rest_pelvis

Tool = Literal["hybrik", "cliff", "wham", "gvhmr", "hmr2", "metro"]

_READERS: dict[str, Callable[[Path, tuple[int, int] | None], ToolPoses]] = {
    "hybrik": read_hybrik,
    "cliff": read_cliff,
    "wham": read_wham,
    "gvhmr": read_gvhmr,
    "hmr2": read_hmr2,
}
_logger = logging.getLogger(__name__)


def convert_poses(
    tool: Tool,
    source: str | Path,
    output: str | Path,
    num_photos: int = 1,
    size: tuple[int, int] | None = None,
    drop_betas: bool = False,
    body: Path | None = None,
) -> Path:
    """Write a tool's result for one sample as a file that the method `external` reads.

    Args:
        tool: whose layout the file has.
        source: the tool's file for one person over all sub-frames of all photos, in order.
        output: `<external>/<sample>/poses.hfbinit.npz`.
        num_photos: photos of the sample; the rows are shared out to them evenly.
        size: width and height of the images, for the tools that do not store them.
        drop_betas: write betas of zero: those of another body mean nothing to ours.
        body: the tool's own body model. Its root joint rests at another place for each shape:
            with the file the body stands exactly where the tool had it, without it where the mean
            shape would.

    Returns:
        The path written.

    Raises:
        InputError: if the file is missing, damaged or not of that layout, or a pose means nothing.
        BodyModelError: if `body` is no body model.
    """
    if tool not in get_args(Tool):
        raise InputError(f"tool {tool!r}: it must be one of {', '.join(get_args(Tool))}")
    path = existing_file(source, f"{tool} file")
    if tool == "metro":
        arrays = _mesh_arrays(path, size, drop_betas, body)
    else:
        arrays = _pose_arrays(_READERS[tool](path, size), drop_betas, body, path)
    rows = len(arrays["image_size"])
    if num_photos < 1 or rows % num_photos:
        raise InputError(f"{path}: {rows} poses cannot be shared out to {num_photos} photo(s)")
    arrays |= {
        "format": np.array("hfb-init"),
        "format_version": np.array(1),
        "pixel_center": np.array(0.5, np.float32),
        "frame_ids": np.repeat(np.arange(num_photos), rows // num_photos).astype(np.int32),
        "source": np.array(tool),
    }
    with atomic_write(output) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # stubs of one numpy
    return Path(output)


def _mesh_arrays(
    path: Path, size: tuple[int, int] | None, drop_betas: bool, body: Path | None
) -> dict[str, NDArray[np.generic]]:
    """Meshes stand where they stand, and have a shape without betas."""
    if drop_betas or body is not None:
        name = "drop_betas" if drop_betas else "body"
        raise InputError(f"--{name} has no effect on METRO's meshes: leave it out")
    return metro_arrays(path, size)


def _pose_arrays(
    found: ToolPoses, drop_betas: bool, body: Path | None, path: Path
) -> dict[str, NDArray[np.generic]]:
    """Parameters, checked, with the place of the root."""
    _check(found, path)
    found = _in_place(found, drop_betas, body, path)
    rest = np.zeros((len(found.poses), POSE_SIZES[found.model] - found.poses.shape[1]))
    arrays: dict[str, NDArray[np.generic]] = {
        "surface_model_type": np.array(found.model),
        "gender": np.array("neutral"),
        "poses": np.concatenate([found.poses, rest], 1).astype(np.float32),
        "betas": found.betas.astype(np.float32),
        "K": found.intrinsics.astype(np.float32),
        "image_size": found.sizes.astype(np.int32),
    }
    for key, place in (("trans", found.trans), ("pelvis", found.pelvis)):
        if place is not None:
            arrays[key] = place.astype(np.float32)
    return arrays


def _in_place(found: ToolPoses, drop_betas: bool, body: Path | None, path: Path) -> ToolPoses:
    """With `trans` for the tool's body, and `pelvis` where our body may be another one."""
    is_shaped = bool(found.betas.any())
    rests = np.tile(rest_pelvis(found.model), (len(found.poses), 1))
    if body is not None:
        rests = rest_pelvis_of_file(body, found.betas)
    pelvis = found.pelvis if found.trans is None else found.trans + rests
    assert pelvis is not None, "each tool says one of the two"
    for row, place in enumerate(pelvis):
        focal = float(found.intrinsics[row, 0, 0])
        side = float(found.sizes[row].max())
        check_in_view(place[None], focal, side, row, found.place_name, path)
    is_other = drop_betas or found.model != "smpl"
    if is_shaped and body is None and found.trans is not None and is_other:
        _logger.warning(
            "%s: the root joint is placed as in the mean shape of %s, which may be some centimetres"
            " off; --body with that model's file makes it exact",
            path,
            found.model,
        )
    betas = np.zeros_like(found.betas) if drop_betas else found.betas
    mean = np.array(rest_pelvis(found.model))
    if found.trans is None or drop_betas:
        return replace(found, betas=betas, trans=pelvis - mean, pelvis=pelvis)
    is_exact = found.model == "smpl"
    return replace(found, betas=betas, pelvis=None if is_exact else pelvis)


def _check(found: ToolPoses, path: Path) -> None:
    """Raise unless every row is a pose of a person before a camera."""
    place: NDArray[np.float64] = found.trans if found.trans is not None else found.pelvis  # type: ignore[assignment]
    rows = len(found.poses)
    if place.shape != (rows, 3) or rows == 0:
        raise InputError(
            f"{path}: {found.place_name} have the shape {place.shape}, expected {(rows, 3)}"
        )
    check_size(found.poses, MAX_TURN, "poses", path)
    check_size(found.betas, MAX_BETA, "betas", path)
    for row, (matrix, size) in enumerate(zip(found.intrinsics, found.sizes, strict=True)):
        width, height = (int(n) for n in size)
        if min(width, height) < 1:
            raise InputError(f"{path}: the image of row {row} is {width} x {height} px")
        check_intrinsics(matrix, height, width, f"{path}, row {row}")
