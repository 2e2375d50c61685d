"""Texture coordinates of a body: from its file, from a template, or laid out here.

SMPL's own files have none (they come as a separate obj file), but fitting a texture needs some.
Where no template is given, each body part is unrolled as a cylinder about its bone: every face gets
its own patch of the texture at one common scale, and seams run along the parts and down their
backs. Such a texture can be fitted and rendered, but not exchanged with other SMPL textures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hfb.body.model_file import BodyFile, check_uv
from hfb.errors import AssetNotFoundError, BodyModelError, InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import numbers_of

# The joint that each part points to: SMPL's tree with one main child per joint.
_MAIN_CHILD = {
    0: 3, 1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9, 7: 10, 8: 11, 9: 12, 12: 15,
    13: 16, 14: 17, 16: 18, 17: 19, 18: 20, 19: 21, 20: 22, 21: 23,
}  # fmt: skip
# Free border around each chart, so that bilinear lookup does not mix charts: 1.5 texels of 256.
_MARGIN = 1.5 / 256


def uv_of_body(
    file: BodyFile, uv_file: str | Path | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Texture coordinates of a body.

    Args:
        file: arrays of the body.
        uv_file: where to take them from: an obj file of the same mesh (SMPL's `smpl_uv.obj`), or an
            npz file with `vt` (U, 2) and `ft` (F, 3). By default those of the body file, else a
            layout made here.

    Returns:
        uv (U, 2) in [0, 1], v up, and faces_uv (F, 3) indices into it.

    Raises:
        AssetNotFoundError: if `uv_file` does not exist.
        BodyModelError: if it does not fit the body's mesh.
    """
    if uv_file is not None:
        path = Path(uv_file).expanduser()
        if not path.is_file():
            raise AssetNotFoundError(
                f"no UV template {path}; leave `uv_file` out to use a layout made from the body"
            )
        uv, faces_uv = _read_obj(path, file) if path.suffix == ".obj" else _read_npz(path)
        check_uv(uv, faces_uv, len(file.faces), path)
        return uv, faces_uv
    if file.uv is not None and file.faces_uv is not None:
        return file.uv, file.faces_uv
    return cylinder_atlas(file)


def _read_npz(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        arrays = read_npz(path, "UV template", names=("vt", "ft"))
        missing = {"vt", "ft"} - set(arrays)
        if missing:
            raise InputError(f"it lacks {' and '.join(sorted(missing))}")
        uv, faces_uv = (numbers_of(arrays[key], key, path) for key in ("vt", "ft"))
    except InputError as error:
        raise BodyModelError(
            f"{path} is not a UV template with the arrays vt and ft: {error}"
        ) from error
    return uv, faces_uv.astype(np.int64)


def _read_obj(path: Path, file: BodyFile) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The obj's faces may come in another order and start at another corner than the body's."""
    uv: list[list[float]] = []
    corners: dict[frozenset[int], dict[int, int]] = {}
    try:
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["vt"]:
                uv.append([float(words[1]), float(words[2])])
            elif words[:1] == ["f"]:
                pairs = [tuple(int(n) - 1 for n in word.split("/")[:2]) for word in words[1:4]]
                face = {vertex: place for vertex, place in pairs}
                corners[frozenset(face)] = face
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise BodyModelError(
            f"{path} is not an obj file with texture coordinates: {error}"
        ) from error
    try:
        found = [[corners[frozenset(face)][v] for v in face] for face in file.faces.tolist()]
    except KeyError as error:
        raise BodyModelError(
            f"{path} does not have the faces of {file.path}: {sorted(error.args[0])} is missing"
        ) from error
    return np.array(uv, np.float64).reshape(-1, 2), np.array(found, np.int64)


def cylinder_atlas(file: BodyFile) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Unroll each body part as a cylinder about its bone and pack the charts into the unit square.

    Args:
        file: arrays of the body.

    Returns:
        uv (U, 2) in [0, 1], v up, and faces_uv (F, 3) indices into it.
    """
    part_of_face = file.weights[file.faces].sum(axis=1).argmax(axis=1)
    charts, indices, count = [], np.empty_like(file.faces), 0
    for part in range(len(file.parents)):
        chosen = np.flatnonzero(part_of_face == part)
        if len(chosen) == 0:
            continue
        chart, corners = _unroll(file, part, file.faces[chosen])
        indices[chosen] = corners + count
        count += len(chart)
        charts.append(chart - chart.min(axis=0))
    return np.concatenate(_pack(charts)), indices


def _unroll(
    file: BodyFile, part: int, faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One part's chart in metres, and its faces' indices into it."""
    joints = file.joint_regressor @ file.v_template
    points = file.v_template[np.unique(faces)]
    centre = points.mean(axis=0)
    axis = (
        joints[_MAIN_CHILD[part]] - joints[part] if part in _MAIN_CHILD else centre - joints[part]
    )
    axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
    # angle 0 faces forward (+z), or up where the bone itself points forward (the feet)
    ahead = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.7 else np.array([0.0, 1.0, 0.0])
    ahead = ahead - (ahead @ axis) * axis
    ahead /= np.linalg.norm(ahead)
    side = np.cross(axis, ahead)
    corners = file.v_template[faces] - centre  # (F, 3, 3)
    angle = np.arctan2(corners @ side, corners @ ahead)
    # a face across the seam keeps together: its corners on the far side go once around
    crosses = np.ptp(angle, axis=1, keepdims=True) > np.pi
    wraps = crosses & (angle < 0)
    keys = np.stack([faces, wraps.astype(np.int64)], axis=-1).reshape(-1, 2)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    radius = np.linalg.norm((points - centre) - np.outer((points - centre) @ axis, axis), axis=1)
    around = (angle + 2 * np.pi * wraps) * radius.mean()
    chart = np.stack([around, corners @ axis], axis=-1).reshape(-1, 2)[first]
    return chart, inverse.reshape(faces.shape)


def _pack(charts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Put charts on shelves, highest first, at the largest common scale that fits the square."""
    sizes = np.array([chart.max(axis=0) for chart in charts])
    order = np.argsort(-sizes[:, 1])
    low, high = 0.0, 1.0 / sizes.max()
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _shelves(sizes * middle, order) is not None else (low, middle)
    corners = _shelves(sizes * low, order)
    assert corners is not None
    return [chart * low + corner for chart, corner in zip(charts, corners, strict=True)]


def _shelves(sizes: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Lower left corner of each chart, or None if they do not fit."""
    corners = np.empty_like(sizes)
    x = y = _MARGIN
    shelf = 0.0
    for chart in order:
        width, height = sizes[chart] + _MARGIN
        if x + width > 1:
            x, y, shelf = _MARGIN, y + shelf, 0.0
        if x + width > 1 or y + height > 1:
            return None
        corners[chart] = (x, y)
        x, shelf = x + width, max(shelf, height)
    return corners
