"""Other tools' pose files as `*.hfbinit.npz`, without loading a class of theirs.

The layouts are those of the tools' own programs at the versions named in docs/BASELINES.md. Files
that need classes of other packages (joblib's pickles of PHALP and WHAM, object arrays of Multi-HMR)
are refused: the page says what to save instead, in that tool's own environment.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from hfb.errors import InputError
from hfb.export import atomic_write
from hfb.files.images import existing_file
from hfb.files.npz import check_npz_size
from hfb.files.pickles import read_pickled_arrays
from hfb.geometry import rotmat_to_rotvec
from hfb.skeleton import NUM_JOINTS, NUM_SHARED_JOINTS, POSE_SIZES

Tool = Literal["hybrik", "cliff", "wham", "gvhmr", "hmr2"]

_HYBRIK_FOCAL = 1000.0 / 256.0
"""HybrIK's focal length for a person's box of width 1."""
_HMR2_FOCAL = 5000.0 / 256.0
"""That of 4D-Humans and TokenHMR for an image whose longer side is 1."""


@dataclass(frozen=True)
class ToolPoses:
    """A tool's poses in our terms, one row an image that it saw.

    Attributes:
        poses: (R, 72) SMPL or (R, 66) the joints that SMPL-X shares, rotation vectors, rad.
        betas: (R, 10).
        trans: (R, 3), smplx's transl, camera frame, m.
        intrinsics: (R, 3, 3) of the full image, px, pixel centres at +0.5.
        size: width and height of the image, px.
        model: "smpl" or "smplx".
    """

    poses: np.ndarray
    betas: np.ndarray
    trans: np.ndarray
    intrinsics: np.ndarray
    size: tuple[int, int]
    model: str


def convert_poses(
    tool: Tool,
    source: str | Path,
    output: str | Path,
    num_photos: int = 1,
    size: tuple[int, int] | None = None,
    drop_betas: bool = False,
) -> Path:
    """Write a tool's result for one sample as a file that the method `external` reads.

    Args:
        tool: whose layout the file has.
        source: the tool's file for one person over all sub-frames of all photos, in order.
        output: `<external>/<sample>/poses.hfbinit.npz`.
        num_photos: photos of the sample; the rows are shared out to them evenly.
        size: width and height of the images, for the tools that do not store them.
        drop_betas: write betas of zero: those of another body mean nothing to ours.

    Returns:
        The path written.

    Raises:
        InputError: if the file is missing, damaged or not of that layout.
    """
    if tool not in get_args(Tool):
        raise InputError(f"tool {tool!r}: it must be one of {', '.join(get_args(Tool))}")
    path = existing_file(source, f"{tool} file")
    found = _READERS[tool](path, size)
    rows = _checked(found, path)
    if num_photos < 1 or rows % num_photos:
        raise InputError(f"{path}: {rows} poses cannot be shared out to {num_photos} photo(s)")
    rest = np.zeros((rows, POSE_SIZES[found.model] - found.poses.shape[1]))
    arrays = {
        "format": np.array("hfb-init"),
        "format_version": np.array(1),
        "surface_model_type": np.array(found.model),
        "gender": np.array("neutral"),
        "poses": np.concatenate([found.poses, rest], 1).astype(np.float32),
        "betas": (found.betas * (not drop_betas)).astype(np.float32),
        "trans": found.trans.astype(np.float32),
        "K": found.intrinsics.astype(np.float32),
        "pixel_center": np.array(0.5, np.float32),
        "image_size": np.array(found.size, np.int32),
        "frame_ids": np.repeat(np.arange(num_photos), rows // num_photos).astype(np.int32),
        "source": np.array(tool),
    }
    with atomic_write(output) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # stubs of one numpy
    return Path(output)


def read_hybrik(path: Path, size: tuple[int, int] | None) -> ToolPoses:
    """`res.pk` of HybrIK's demo with --save-pk: a pickled dictionary of arrays."""
    data = read_pickled_arrays(path, "HybrIK file")
    names = ("pred_thetas", "pred_betas", "transl", "bbox", "height", "width")
    thetas, betas, transl, bbox, height, width = _numbers(data, names, path)
    rotmat = _reshaped(thetas, (NUM_JOINTS, 3, 3), "pred_thetas", path)
    bbox = _reshaped(bbox, (4,), "bbox", path)
    full = (int(width.reshape(-1)[0]), int(height.reshape(-1)[0]))
    focal = _HYBRIK_FOCAL * (bbox[:, 2] - bbox[:, 0])
    return ToolPoses(_rotvec(rotmat), betas, transl, _cameras(focal, full), full, "smpl")


def read_cliff(path: Path, size: tuple[int, int] | None) -> ToolPoses:
    """`*_cliff_hr48.npz` of CLIFF's demo with --save_results."""
    names = ("pose", "shape", "global_t", "focal_l")
    pose, betas, transl, focal = _numbers(_npz(path, names), names, path)
    if pose.ndim == 4:
        pose = _rotvec(_reshaped(pose, (NUM_JOINTS, 3, 3), "pose", path))
    full = _given(size, path)
    return ToolPoses(pose, betas, transl, _cameras(focal.reshape(-1), full), full, "smpl")


def read_wham(path: Path, size: tuple[int, int] | None) -> ToolPoses:
    """One person of WHAM's result, saved by `np.savez(path, **joblib.load(pkl)[0])`."""
    names = ("pose", "trans", "betas")
    pose, trans, betas = _numbers(_npz(path, names), names, path)
    full = _given(size, path)
    focal = np.full(len(pose), np.hypot(*full))
    return ToolPoses(pose, betas, trans, _cameras(focal, full), full, "smpl")


def read_gvhmr(path: Path, size: tuple[int, int] | None) -> ToolPoses:
    """`hmr4d_results.pt` of GVHMR's demo: SMPL-X in the camera frame."""
    data = _torch_file(path)
    params = data.get("smpl_params_incam")
    if not isinstance(params, dict):
        raise InputError(f"{path} lacks smpl_params_incam: it is no result of GVHMR")
    names = ("global_orient", "body_pose", "betas", "transl")
    root, body, betas, transl = _numbers(params, names, path)
    (matrices,) = _numbers(data, ("K_fullimg",), path)
    centre = matrices.reshape(-1, 3, 3)[0, :2, 2]
    full = size or (round(2 * float(centre[0])), round(2 * float(centre[1])))
    poses = np.concatenate([root, body], 1)
    return ToolPoses(poses, betas, transl, matrices, full, "smplx")


def read_hmr2(path: Path, size: tuple[int, int] | None) -> ToolPoses:
    """Outputs of 4D-Humans' or TokenHMR's network with the batch's boxes, saved by torch.save.

    `pred_smpl_params`, `pred_cam` as the network gives them; `box_center`, `box_size`, `img_size`
    (width, height) as its data loader does. The crop's weak-perspective camera becomes a place
    before the full image's camera: tz = 2 f / (b s), tx and ty moved by the box's offset.
    """
    data = _torch_file(path)
    params = data.get("pred_smpl_params")
    if not isinstance(params, dict):
        raise InputError(f"{path} lacks pred_smpl_params: it is no output of 4D-Humans")
    root, body, betas = _numbers(params, ("global_orient", "body_pose", "betas"), path)
    names = ("pred_cam", "box_center", "box_size", "img_size")
    cam, centre, box, image = _numbers(data, names, path)
    root = _reshaped(root, (1, 3, 3), "global_orient", path)
    body = _reshaped(body, (NUM_JOINTS - 1, 3, 3), "body_pose", path)
    image = _reshaped(image, (2,), "img_size", path)
    centre, cam = (
        _reshaped(centre, (2,), "box_center", path),
        _reshaped(cam, (3,), "pred_cam", path),
    )
    full = (int(image[0, 0]), int(image[0, 1]))
    focal = _HMR2_FOCAL * image.max(1)
    span = box.reshape(-1) * cam[:, 0]
    offset = 2.0 * (centre - image / 2.0) / span[:, None]
    place = np.concatenate([cam[:, 1:] + offset, (2.0 * focal / span)[:, None]], 1)
    poses = _rotvec(np.concatenate([root, body], 1))
    return ToolPoses(poses, betas, place, _cameras(focal, full), full, "smpl")


_READERS: dict[str, Callable[[Path, tuple[int, int] | None], ToolPoses]] = {
    "hybrik": read_hybrik,
    "cliff": read_cliff,
    "wham": read_wham,
    "gvhmr": read_gvhmr,
    "hmr2": read_hmr2,
}


def _checked(found: ToolPoses, path: Path) -> int:
    """The number of rows, the same in all arrays, all of them finite."""
    rows = len(found.poses)
    shapes = {
        "poses": (rows, 3 * (NUM_JOINTS if found.model == "smpl" else NUM_SHARED_JOINTS)),
        "betas": (rows, 10),
        "trans": (rows, 3),
        "intrinsics": (rows, 3, 3),
    }
    for name, shape in shapes.items():
        values = getattr(found, name)
        if values.shape != shape or rows == 0:
            raise InputError(f"{path}: {name} have the shape {values.shape}, expected {shape}")
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {name} hold values that are not finite")
    if min(found.size) < 1 or not (found.intrinsics[:, 0, 0] > 0).all():
        raise InputError(f"{path}: no usable image size or focal length")
    return rows


def _cameras(focal: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Camera matrices with the principal point in the middle."""
    matrices = np.zeros((len(focal), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = focal
    matrices[:, 0, 2], matrices[:, 1, 2], matrices[:, 2, 2] = size[0] / 2, size[1] / 2, 1.0
    return matrices


def _rotvec(rotmat: np.ndarray) -> np.ndarray:
    """(R, J, 3, 3) to (R, 3 J), rad."""
    return rotmat_to_rotvec(torch.from_numpy(rotmat)).flatten(1).numpy()


def _numbers(data: dict[str, Any], names: tuple[str, ...], path: Path) -> list[np.ndarray]:
    missing = [name for name in names if name not in data]
    if missing:
        have = ", ".join(sorted(str(key) for key in data)[:12]) or "nothing"
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {have}")
    found = []
    for name in names:
        value = data[name]
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        if not (np.issubdtype(array.dtype, np.number) and np.isrealobj(array)):
            raise InputError(f"{path}: {name} does not hold numbers")
        found.append(array.astype(np.float64))
    return found


def _reshaped(values: np.ndarray, last: tuple[int, ...], name: str, path: Path) -> np.ndarray:
    if values.ndim == 0 or values.size == 0 or values.size % int(np.prod(last)):
        raise InputError(f"{path}: {name} has the shape {values.shape}, expected (N, {last})")
    rows = values.reshape(-1, *last)
    if len(last) == 3 and not np.allclose(rows @ np.swapaxes(rows, -1, -2), np.eye(3), atol=1e-2):
        raise InputError(f"{path}: {name} does not hold rotation matrices")
    return rows


def _given(size: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    if size is None:
        raise InputError(f"{path} does not say the size of the images: give --width and --height")
    return size


def _npz(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The named arrays; others may hold objects (CLIFF's file names) and are not touched."""
    check_npz_size(path, "pose file")
    try:
        # From memory: numpy leaves a damaged file open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files if key in names}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason:
            reason = "it holds Python objects (a pickle), which could run code; save plain arrays"
        raise InputError(f"{path} cannot be read as poses: {reason}") from error


def _torch_file(path: Path) -> dict[str, Any]:
    try:
        # weights_only: tensors and plain containers, no other class and no code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is no torch file of plain tensors: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no dictionary")
    return content
