"""Reading of SMPL-format body files: npz, pkl, and pkl written with chumpy, without chumpy.

A pickle runs code when it is read. The files people download from the SMPL site are pickles, so
they go through the unpickler of `hfb.files.pickles`, which refuses by name whatever no array needs.
chumpy (which no longer installs) is never imported: its objects are read into a stand-in that keeps
their state, from which the array is recovered.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hfb.errors import BodyModelError, InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import numbers_of
from hfb.files.pickles import ArrayUnpickler
from hfb.skeleton import NUM_JOINTS

REQUIRED_KEYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "J_regressor",
    "weights",
    "f",
    "kintree_table",
)

_EXTENTS_M = (0.2, 5.0)
"""Largest extent of a rest pose with its arms stretched out: from infants to giants."""
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class BodyFile:
    """The arrays of one SMPL-format file, checked, as float64 and int64.

    Attributes:
        path: where it was read from.
        sha256: checksum of the file.
        v_template: (V, 3) mean shape in the rest pose, m.
        shapedirs: (V, 3, K) displacement per unit of each shape coefficient, m.
        posedirs: (V, 3, 9·(J-1)) displacement per entry of the body joints' rotations minus
            identity, m.
        joint_regressor: (J, V) joints as a weighted mean of the shaped vertices.
        weights: (V, J) skinning weights.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        parents: parent of each joint, -1 for the root.
        uv: (U, 2) texture coordinates, v up, if the file has them.
        faces_uv: (F, 3) indices into `uv`, if the file has them.
        landmark_vertices: named vertices (nose, eyes, ears, finger tips, toes, heels), if given.
    """

    path: Path
    sha256: str
    v_template: NDArray[np.float64]
    shapedirs: NDArray[np.float64]
    posedirs: NDArray[np.float64]
    joint_regressor: NDArray[np.float64]
    weights: NDArray[np.float64]
    faces: NDArray[np.int64]
    parents: tuple[int, ...]
    uv: NDArray[np.float64] | None
    faces_uv: NDArray[np.int64] | None
    landmark_vertices: dict[str, int]


class _ChumpyNode:
    """Stands in for any chumpy class: keeps the pickled state and nothing else."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def value(self) -> NDArray[Any]:
        """The array this node stood for: chumpy's `Ch` (a constant) and `Select` (an index)."""
        if "a" in self.state and "idxs" in self.state:
            chosen = _plain_array(self.state["a"]).ravel()[np.asarray(self.state["idxs"])]
            return chosen.reshape(self.state["preferred_shape"])
        if "x" in self.state:
            return _plain_array(self.state["x"])
        raise BodyModelError(
            f"a chumpy expression with the fields {sorted(self.state)} cannot be read without "
            "chumpy; save the file again with plain numpy arrays"
        )


class _BodyUnpickler(ArrayUnpickler):
    """Knows chumpy stand-ins besides."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "chumpy":
            return _ChumpyNode
        return super().find_class(module, name)


def read_body_file(path: str | Path) -> BodyFile:
    """Read a SMPL-format file; whether it is npz or pickle is told from its first bytes.

    Args:
        path: the file.

    Returns:
        Its arrays, checked against each other.

    Raises:
        BodyModelError: if it is damaged, asks for code, lacks arrays, or their shapes do not fit.
    """
    path = Path(path)
    content = path.read_bytes()
    fields = read_fields(path)
    missing = [key for key in REQUIRED_KEYS if key not in fields]
    if missing:
        raise BodyModelError(
            f"{path} is not a SMPL-format body: it lacks {', '.join(missing)}; "
            f"it has {', '.join(sorted(fields)[:12]) or 'nothing'}"
        )
    arrays = _as_numbers(fields, path)
    _check_shapes(arrays, path)
    _check_meaning(arrays, path)
    return _body_file(arrays, fields, path, hashlib.sha256(content).hexdigest())


def read_fields(path: Path) -> dict[str, Any]:
    """What a model file holds by name, unchecked; npz or pickle is told from the first bytes.

    Args:
        path: the file.

    Raises:
        BodyModelError: if it is damaged or asks for code.
    """
    content = path.read_bytes()
    return _read_npz(path) if content[:2] == b"PK" else _read_pickle(content, path)


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        return dict(read_npz(path, "body model"))
    except InputError as error:
        raise BodyModelError(str(error)) from error


def _read_pickle(content: bytes, path: Path) -> dict[str, Any]:
    try:
        fields = _BodyUnpickler(io.BytesIO(content)).load()
        if not isinstance(fields, Mapping):
            raise BodyModelError(f"it holds a {type(fields).__name__} instead of named arrays")
        return {str(key): _resolve(value) for key, value in fields.items()}
    except pickle.UnpicklingError as error:
        raise BodyModelError(
            f"{path} cannot be read as a pickled body: {error}; nothing of it was executed. Take "
            "the file from its official site"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise BodyModelError(f"{path} cannot be read as a pickled body: {reason}") from error


def _resolve(value: Any) -> Any:
    return value.value() if isinstance(value, _ChumpyNode) else value


def _plain_array(value: Any) -> NDArray[Any]:
    return np.asarray(_resolve(value))


def _as_numbers(fields: dict[str, Any], path: Path) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for key in REQUIRED_KEYS:
        values = _numbers(fields, key, path)
        arrays[key] = values.astype(np.int64) if key in ("f", "kintree_table") else values
    return arrays


def _numbers(fields: dict[str, Any], key: str, path: Path) -> NDArray[np.float64]:
    try:
        return numbers_of(fields[key], key, path)
    except InputError as error:
        raise BodyModelError(str(error)) from error


def _landmarks(fields: dict[str, Any], num_verts: int, path: Path) -> dict[str, int]:
    """Named vertices, if the file has them."""
    if "landmark_names" not in fields or "landmark_vertices" not in fields:
        return {}
    names = np.asarray(fields["landmark_names"]).reshape(-1)
    vertices = _numbers(fields, "landmark_vertices", path).reshape(-1)
    is_index = (vertices >= 0) & (vertices < num_verts) & (vertices == np.round(vertices))
    if len(names) != len(vertices) or not is_index.all():
        raise BodyModelError(
            f"{path}: {len(names)} landmark_names need as many landmark_vertices, each one of the "
            f"{num_verts} vertices"
        )
    return {str(name): int(vertex) for name, vertex in zip(names, vertices, strict=True)}


def _check_meaning(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    """Numbers of the right shape that are no body of metres."""
    extent = float(np.ptp(arrays["v_template"], axis=0).max())
    low, high = _EXTENTS_M
    if not low <= extent <= high:
        raise BodyModelError(
            f"{path}: v_template is {extent:g} m long; a body has {low:g} to {high:g} m (is the "
            "file in centimetres?)"
        )
    for key in ("J_regressor", "weights"):
        off = float(np.abs(arrays[key].sum(1) - 1.0).max())
        if off > _SUM_TOLERANCE:
            raise BodyModelError(f"{path}: rows of {key} add up to 1, these miss it by {off:g}")


def _check_shapes(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    tree = arrays["kintree_table"]
    num_joints = tree.shape[-1] if tree.ndim == 2 else 0
    if num_joints != NUM_JOINTS:
        raise BodyModelError(
            f"{path} has {num_joints} joints, SMPL has {NUM_JOINTS}: SMPL-H and SMPL-X files "
            "cannot be used here, take the SMPL file"
        )
    num_verts = len(arrays["v_template"])
    num_betas = arrays["shapedirs"].shape[-1]
    expected = {
        "v_template": (num_verts, 3),
        "shapedirs": (num_verts, 3, num_betas),
        "posedirs": (num_verts, 3, 9 * (num_joints - 1)),
        "J_regressor": (num_joints, num_verts),
        "weights": (num_verts, num_joints),
        "f": (len(arrays["f"]), 3),
        "kintree_table": (2, num_joints),
    }
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            raise BodyModelError(
                f"{path}: {key} has the shape {arrays[key].shape}, expected {shape}"
            )
    faces = arrays["f"]
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= num_verts:
        raise BodyModelError(f"{path}: f must index the {num_verts} vertices")


def _body_file(
    arrays: dict[str, NDArray[Any]], fields: dict[str, Any], path: Path, sha256: str
) -> BodyFile:
    parents = (-1, *(int(parent) for parent in arrays["kintree_table"][0, 1:]))
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint > 0):
        raise BodyModelError(f"{path}: kintree_table must list each parent before its children")
    uv = faces_uv = None
    if "vt" in fields and "ft" in fields:
        uv = _numbers(fields, "vt", path)
        faces_uv = _numbers(fields, "ft", path).astype(np.int64)
        check_uv(uv, faces_uv, len(arrays["f"]), path)
    return BodyFile(
        path=path,
        sha256=sha256,
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        joint_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        faces=arrays["f"],
        parents=parents,
        uv=uv,
        faces_uv=faces_uv,
        landmark_vertices=_landmarks(fields, len(arrays["v_template"]), path),
    )


def check_uv(
    uv: NDArray[np.float64], faces_uv: NDArray[np.int64], num_faces: int, path: Path
) -> None:
    """Check that texture coordinates fit a mesh.

    Args:
        uv: (U, 2) texture coordinates.
        faces_uv: (F, 3) indices into `uv`.
        num_faces: faces of the mesh.
        path: file to name in the error.

    Raises:
        BodyModelError: if the shapes do not fit or an index is out of range.
    """
    fits = uv.ndim == 2 and uv.shape[1] == 2 and faces_uv.shape == (num_faces, 3)
    if not fits or faces_uv.min() < 0 or faces_uv.max() >= len(uv):
        raise BodyModelError(
            f"{path}: texture coordinates {uv.shape} with faces {faces_uv.shape} do not fit a mesh "
            f"of {num_faces} faces"
        )
