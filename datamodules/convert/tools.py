"""The layouts of other tools' result files, each read into the same terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import check_rotations, numbers_of, per_row
from hfb.files.pickles import read_pickled_arrays
from hfb.geometry import rotmat_to_rotvec
from hfb.skeleton import NUM_JOINTS, NUM_SHARED_JOINTS

Numbers = NDArray[np.float64]
Size = tuple[int, int] | None

NUM_BETAS = 10
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
        intrinsics: (R, 3, 3) of the full image, px, pixel centres at +0.5.
        sizes: (R, 2) width and height of each image, px.
        model: "smpl" or "smplx".
        trans: (R, 3), smplx's transl of that model, camera frame, m; or else
        pelvis: (R, 3), where the root joint is, camera frame, m.
        place_name: what the tool calls the one that it has.
    """

    poses: Numbers
    betas: Numbers
    intrinsics: Numbers
    sizes: Numbers
    model: str
    trans: Numbers | None = None
    pelvis: Numbers | None = None
    place_name: str = "trans"


def read_hybrik(path: Path, size: Size) -> ToolPoses:
    """`res.pk` of HybrIK's demo with --save-pk: a pickled dictionary of arrays.

    Its layer is called without a translation and puts the root joint at the origin: `transl` is the
    root joint. Its focal length goes with the width of each row's box.
    """
    data = read_pickled_arrays(path, "HybrIK file")
    names = ("pred_thetas", "pred_betas", "transl", "bbox", "height", "width")
    thetas, betas, transl, bbox, height, width = named_numbers(data, names, path)
    poses = _rotvecs(thetas, NUM_JOINTS, "pred_thetas", path)
    rows = len(poses)
    bbox = per_row(bbox, rows, (4,), "bbox", path)
    sides = [
        column_of(side, rows, name, path) for side, name in ((width, "width"), (height, "height"))
    ]
    sizes = np.stack(sides, 1)
    focal = _HYBRIK_FOCAL * (bbox[:, 2] - bbox[:, 0])
    return ToolPoses(
        poses,
        _betas(betas, rows, path),
        cameras_of(focal, sizes),
        sizes,
        "smpl",
        pelvis=transl,
        place_name="transl",
    )


def read_cliff(path: Path, size: Size) -> ToolPoses:
    """`*_cliff_hr48.npz` of CLIFF's demo with --save_results."""
    names = ("pose", "shape", "global_t", "focal_l")
    # Others may hold objects (the names of the images) and are not touched.
    data = read_npz(path, "CLIFF file", names=names)
    pose, betas, transl, focal = named_numbers(data, names, path)
    poses = _rotvecs(pose, NUM_JOINTS, "pose", path)
    rows, sizes = len(poses), given_sizes(size, len(poses), path)
    cameras = cameras_of(column_of(focal, rows, "focal_l", path), sizes)
    return ToolPoses(
        poses, _betas(betas, rows, path), cameras, sizes, "smpl", transl, place_name="global_t"
    )


def read_wham(path: Path, size: Size) -> ToolPoses:
    """One person of WHAM's result, saved by `np.savez(path, **joblib.load(pkl)[0])`."""
    names = ("pose", "trans", "betas")
    pose, trans, betas = named_numbers(read_npz(path, "WHAM file", names=names), names, path)
    poses = _rotvecs(pose, NUM_JOINTS, "pose", path)
    rows, sizes = len(poses), given_sizes(size, len(poses), path)
    cameras = cameras_of(np.hypot(*sizes.T), sizes)
    return ToolPoses(poses, _betas(betas, rows, path), cameras, sizes, "smpl", trans)


def read_gvhmr(path: Path, size: Size) -> ToolPoses:
    """`hmr4d_results.pt` of GVHMR's demo: SMPL-X in the camera frame."""
    data = torch_file(path)
    params = data.get("smpl_params_incam")
    if not isinstance(params, dict):
        raise InputError(f"{path} lacks smpl_params_incam: it is no result of GVHMR")
    names = ("global_orient", "body_pose", "betas", "transl")
    root, body, betas, transl = named_numbers(params, names, path)
    (matrices,) = named_numbers(data, ("K_fullimg",), path)
    root = _rotvecs(root, 1, "global_orient", path)
    rows = len(root)
    body = per_row(
        _rotvecs(body, NUM_SHARED_JOINTS - 1, "body_pose", path),
        rows,
        (3 * NUM_SHARED_JOINTS - 3,),
        "body_pose",
        path,
    )
    matrices = per_row(matrices, rows, (3, 3), "K_fullimg", path)
    middles = np.round(2 * matrices[:, :2, 2])
    return ToolPoses(
        np.concatenate([root, body], 1),
        _betas(betas, rows, path),
        matrices,
        middles if size is None else given_sizes(size, rows, path),
        "smplx",
        transl,
        place_name="transl",
    )


def read_hmr2(path: Path, size: Size) -> ToolPoses:
    """Outputs of 4D-Humans' or TokenHMR's network with the batch's boxes, saved by torch.save.

    `pred_smpl_params`, `pred_cam` as the network gives them; `box_center`, `box_size`, `img_size`
    (width, height) as its data loader does. The crop's weak-perspective camera becomes a place
    before the full image's camera: tz = 2 f / (b s), tx and ty moved by the box's offset.
    """
    data = torch_file(path)
    params = data.get("pred_smpl_params")
    if not isinstance(params, dict):
        raise InputError(f"{path} lacks pred_smpl_params: it is no output of 4D-Humans")
    root, body, betas = named_numbers(params, ("global_orient", "body_pose", "betas"), path)
    names = ("pred_cam", "box_center", "box_size", "img_size")
    cam, centre, box, image = named_numbers(data, names, path)
    root = _rotvecs(root, 1, "global_orient", path)
    rows = len(root)
    body = _rotvecs(body, NUM_JOINTS - 1, "body_pose", path)
    body = per_row(body, rows, (3 * NUM_JOINTS - 3,), "body_pose", path)
    image = per_row(image, rows, (2,), "img_size", path)
    centre = per_row(centre, rows, (2,), "box_center", path)
    cam = per_row(cam, rows, (3,), "pred_cam", path)
    box = column_of(box, rows, "box_size", path)
    for name, values in (("box_size", box), ("scale in pred_cam", cam[:, 0])):
        if not (values > 0).all():
            raise InputError(f"{path}: {name} of row {int(np.argmin(values))} is not positive")
    focal = _HMR2_FOCAL * image.max(1)
    span = box * cam[:, 0]
    offset = 2.0 * (centre - image / 2.0) / span[:, None]
    place = np.concatenate([cam[:, 1:] + offset, (2.0 * focal / span)[:, None]], 1)
    poses = np.concatenate([root, body], 1)
    cameras = cameras_of(focal, image)
    return ToolPoses(
        poses, _betas(betas, rows, path), cameras, image, "smpl", place, place_name="pred_cam"
    )


def cameras_of(focal: Numbers, sizes: Numbers) -> Numbers:
    """Camera matrices (R, 3, 3) with the principal point in the middle of each image."""
    matrices = np.zeros((len(focal), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = focal
    matrices[:, :2, 2], matrices[:, 2, 2] = sizes / 2, 1.0
    return matrices


def _rotvecs(values: Numbers, num_joints: int, name: str, path: Path) -> Numbers:
    """Rotation vectors (R, 3 J), rad, from vectors or matrices with or without axes of joints."""
    size = values[0].size if values.ndim and len(values) else 0
    if size not in (3 * num_joints, 9 * num_joints):
        raise InputError(
            f"{path}: {name} has the shape {values.shape}, expected rotation vectors "
            f"(N, {3 * num_joints}) or matrices (N, {num_joints}, 3, 3)"
        )
    if size == 3 * num_joints:
        return values.reshape(len(values), -1)
    rotmat = values.reshape(-1, num_joints, 3, 3)
    check_rotations(rotmat, name, path)
    return rotmat_to_rotvec(torch.from_numpy(rotmat)).flatten(1).numpy()


def _betas(values: Numbers, rows: int, path: Path) -> Numbers:
    """The first ten of each row (R, 10), zeros where there are fewer."""
    if not values.ndim or not values.shape[-1]:
        raise InputError(f"{path}: betas have the shape {values.shape}")
    betas = per_row(values, rows, values.shape[-1:], "betas", path)
    return np.pad(betas, ((0, 0), (0, NUM_BETAS)))[:, :NUM_BETAS]


def column_of(values: Numbers, rows: int, name: str, path: Path) -> Numbers:
    """One number a row (R,), from (R,), (R, 1) or one for all.

    Raises:
        InputError: if it is none of these.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return per_row(values, rows, (), name, path)


def given_sizes(size: Size, rows: int, path: Path) -> Numbers:
    """The size that the user named, for each row (R, 2).

    Raises:
        InputError: if none was named.
    """
    if size is None:
        raise InputError(f"{path} does not say the size of the images: give --width and --height")
    return np.tile(np.array(size, np.float64), (rows, 1))


def named_numbers(data: dict[str, Any], names: tuple[str, ...], path: Path) -> list[Numbers]:
    """Entries of a file as numbers.

    Raises:
        InputError: if one is missing or holds something else.
    """
    missing = [name for name in names if name not in data]
    if missing:
        have = ", ".join(sorted(str(key) for key in data)[:12]) or "nothing"
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {have}")
    return [numbers_of(data[name], name, path) for name in names]


def torch_file(path: Path) -> dict[str, Any]:
    """A dictionary of plain tensors and containers that torch has saved.

    Raises:
        InputError: if it is something else.
    """
    try:
        # weights_only: tensors and plain containers, no other class and no code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is no torch file of plain tensors: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no dictionary")
    return content
