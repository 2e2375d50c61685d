"""Initial estimates as files: `*.hfbinit.npz`, a superset of AMASS's names, without pickles.

A file holds T frames. Arrays with a leading T may have a second axis of K hypotheses, best first
(`poses` (T, K, 72), `trans` (T, K, 3), `betas` (T, K, S), `score` (T, K)); files from elsewhere
leave it out and hold one pose a frame. Rotation vectors in rad, the root's straight into the camera
frame; `trans` is smplx's transl in the camera frame, m; `K` belongs to the full image.
"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import torch

from hfb.errors import BodyModelError, InputError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.structures import BodyIdentity, Camera, InitialEstimate

FORMAT = "hfb-init"
FORMAT_VERSION = 1
_NUM_JOINTS = 24
_NUM_SHARED = 22
"""SMPL, SMPL-H and SMPL-X share the root and the first 21 body joints; the hands differ."""

_POSE_SIZES = {"smpl": 72, "smplh": 156, "smplx": 165}
_PIXEL_CENTER = 0.5


def write_estimate(path: str | Path, estimate: InitialEstimate, frame: int = 0) -> Path:
    """Write the hypotheses of one image; whole or not at all.

    Args:
        path: file to write, conventionally `*.hfbinit.npz`.
        estimate: what to write.
        frame: 0-based index of the blurry frame in its clip.

    Returns:
        The path.

    Raises:
        InputError: if the file cannot be written.
    """
    path = Path(path)
    poses = rotmat_to_rotvec(estimate.pose_rotmat.double()).flatten(1)
    arrays = {
        "format": np.array(FORMAT),
        "format_version": np.array(FORMAT_VERSION),
        "surface_model_type": np.array(estimate.body.model_type),
        "gender": np.array(estimate.body.gender),
        "body_name": np.array(estimate.body.name),
        "body_sha256": np.array(estimate.body.sha256),
        "poses": _float32(poses)[None],
        "betas": _float32(estimate.betas)[None],
        "trans": _float32(estimate.transl)[None],
        "score": _float32(estimate.score)[None],
        "K": _intrinsics(estimate.camera),
        "pixel_center": np.array(_PIXEL_CENTER, np.float32),
        "image_size": np.array([estimate.camera.width, estimate.camera.height], np.int32),
        "frame_ids": np.array([frame], np.int32),
        "source": np.array(estimate.source),
    }
    if estimate.joint_sigma is not None:
        arrays["joint_sigma"] = _float32(estimate.joint_sigma)[None]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            try:
                np.savez_compressed(part, **arrays)  # type: ignore[arg-type]
                part.close()
                os.replace(part.name, path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InputError(f"cannot write the estimate {path}: {error}") from error
    return path


def read_estimate(
    path: str | Path,
    body: BodyIdentity,
    image_size: tuple[int, int] | None = None,
    camera: Camera | None = None,
    frame: int | None = None,
    num_betas: int = 10,
) -> InitialEstimate:
    """Read the hypotheses of one image.

    Args:
        path: a `*.hfbinit.npz`, or a plain AMASS file in the camera frame if `camera` is given.
        body: the body that the estimate will be used with.
        image_size: height and width of the image, compared with the file's.
        camera: full-image camera, for files without `K`; ignored if the file has one.
        frame: 0-based index of the blurry frame; the file's first if not given.
        num_betas: shape coefficients to return: more are cut off, fewer are filled with zeros
            (AMASS stores 16, most bodies use 10).

    Returns:
        Hypotheses, best first, in float32.

    Raises:
        InputError: if the file is missing, damaged, pickled, lacks keys, has wrong shapes, values
            that are not finite, no camera, another image size, or not this frame.
        BodyModelError: if its betas belong to another body.
    """
    path = Path(path)
    arrays = load_arrays(path)
    row = _row_of(arrays, frame, path)
    return estimate_at(arrays, row, body, image_size, camera, num_betas, path)


def estimate_at(
    arrays: dict[str, np.ndarray],
    row: int,
    body: BodyIdentity,
    image_size: tuple[int, int] | None,
    camera: Camera | None,
    num_betas: int,
    path: Path,
) -> InitialEstimate:
    """One row of a file, see `read_estimate`.

    Args:
        arrays: from `load_arrays`.
        row: which.
        body: the body that the estimate will be used with.
        image_size: height and width of the image.
        camera: full-image camera, for files without `K`.
        num_betas: shape coefficients to return.
        path: for messages.
    """
    poses = _hypotheses(arrays, "poses", row, path)
    model_type = _text(arrays, "surface_model_type") or _guess_model(poses.shape[1], path)
    if poses.shape[1] != _POSE_SIZES.get(model_type, poses.shape[1]) or poses.shape[1] % 3:
        raise InputError(f"{path}: poses have {poses.shape[1]} numbers, not those of {model_type}")
    transl = _hypotheses(arrays, "trans", row, path)
    if transl.shape != (len(poses), 3):
        raise InputError(f"{path}: trans is {transl.shape}, expected {(len(poses), 3)}")
    betas = _betas(arrays, row, len(poses), path)
    betas = np.pad(betas, ((0, 0), (0, num_betas)))[:, :num_betas]
    _check_body(arrays, model_type, betas, body, path)
    scores = _hypotheses(arrays, "score", row, path) if "score" in arrays else None
    score = np.zeros(len(poses)) if scores is None else scores.reshape(-1)
    if len(score) != len(poses):
        raise InputError(f"{path}: {len(score)} scores for {len(poses)} poses")
    sigma = _hypotheses(arrays, "joint_sigma", row, path) if "joint_sigma" in arrays else None
    return InitialEstimate(
        betas=torch.from_numpy(betas).float(),
        pose_rotmat=rotvec_to_rotmat(_smpl_pose(poses)).float(),
        transl=torch.from_numpy(transl).float(),
        camera=_camera(arrays, row, image_size, camera, path),
        score=torch.from_numpy(score).float(),
        body=body,
        source=_text(arrays, "source") or path.name,
        joint_sigma=None if sigma is None else torch.from_numpy(sigma[:, :_NUM_JOINTS]).float(),
    )


def _float32(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float32)


def _intrinsics(camera: Camera) -> np.ndarray:
    focal = camera.focal.reshape(-1, 2)[0].tolist()
    centre = camera.principal_point.reshape(-1, 2)[0].tolist()
    matrix = [[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]
    return np.array(matrix, np.float32)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The checked arrays of an estimate file; see `read_estimate` for what is refused."""
    if not path.is_file():
        raise InputError(f"no estimate at {path}")
    try:
        content = path.read_bytes()
        if content[:2] != b"PK":
            raise InputError(f"{path} cannot be read as an estimate: it is not an npz file")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except InputError:
        raise
    except Exception as error:  # numpy, zipfile and zlib each raise their own kinds
        reason = " ".join(str(error).split())
        if "pickle" in reason:
            reason = "it holds Python objects (a pickle), which could run code; save plain arrays"
        raise InputError(f"{path} cannot be read as an estimate: {reason}") from error
    missing = [key for key in ("poses", "trans", "betas") if key not in arrays]
    if missing:
        have = ", ".join(sorted(arrays)[:12]) or "nothing"
        hint = (
            "; fit the body to its vertices first (hfb.init.register_vertices)"
            if "vertices" in arrays
            else ""
        )
        raise InputError(f"{path} lacks {', '.join(missing)}; it has {have}{hint}")
    for key in ("poses", "trans", "betas", "K", "score", "joint_sigma"):
        if key not in arrays:
            continue
        if not np.issubdtype(arrays[key].dtype, np.number):
            raise InputError(f"{path}: {key} does not hold numbers")
        if not np.isfinite(arrays[key]).all():
            raise InputError(f"{path}: {key} holds values that are not finite")
    if "format" in arrays and _text(arrays, "format") != FORMAT:
        raise InputError(f"{path} has the format {_text(arrays, 'format')!r}, expected {FORMAT!r}")
    version = arrays.get("format_version", np.array(FORMAT_VERSION))
    if version.size != 1 or int(version.item()) > FORMAT_VERSION:
        raise InputError(f"{path} has format version {version}, this program reads 1")
    return arrays


def _text(arrays: dict[str, np.ndarray], key: str) -> str:
    """A text entry; AMASS writes some of them as bytes."""
    if key not in arrays or arrays[key].size != 1:
        return ""
    value = arrays[key].item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _row_of(arrays: dict[str, np.ndarray], frame: int | None, path: Path) -> int:
    count = len(arrays["poses"]) if arrays["poses"].ndim else 0
    if count == 0:
        raise InputError(f"{path} holds no poses")
    if frame is None:
        return 0
    ids = arrays.get("frame_ids", np.arange(count)).reshape(-1).tolist()
    if frame not in ids[:count]:
        raise InputError(f"{path} has no frame {frame}; it has {ids[:8]}")
    return ids.index(frame)


def _hypotheses(arrays: dict[str, np.ndarray], key: str, row: int, path: Path) -> np.ndarray:
    """One frame's values as (K, n), whether the file has an axis of hypotheses or not."""
    values = arrays[key].astype(np.float64)
    if values.ndim < 1 or len(values) <= row:
        raise InputError(f"{path}: {key} has the shape {values.shape}, no frame {row} in it")
    values = values[row]
    has_hypotheses = arrays["poses"].ndim == 3
    if key == "score":
        values = values.reshape(-1, 1)
    elif not has_hypotheses:
        values = values[None]
    if values.ndim != 2:
        raise InputError(f"{path}: {key} has the shape {arrays[key].shape}, expected (T, n)")
    return values


def _guess_model(pose_size: int, path: Path) -> str:
    for model_type, size in _POSE_SIZES.items():
        if size == pose_size:
            return model_type
    raise InputError(
        f"{path}: poses have {pose_size} numbers; known are {sorted(_POSE_SIZES.values())}"
    )


def _betas(arrays: dict[str, np.ndarray], row: int, count: int, path: Path) -> np.ndarray:
    """Betas (K, S): the file has them once, per frame, or per frame and hypothesis."""
    betas = arrays["betas"].astype(np.float64)
    if betas.ndim == 3 or betas.ndim == 2:
        if len(betas) not in (1, len(arrays["poses"])):
            raise InputError(f"{path}: betas have the shape {betas.shape}")
        betas = betas[row if len(betas) > 1 else 0]
    if betas.ndim == 1:
        betas = np.broadcast_to(betas, (count, len(betas)))
    if betas.ndim != 2 or len(betas) != count or betas.shape[1] < 1:
        raise InputError(f"{path}: betas have the shape {arrays['betas'].shape}")
    return np.ascontiguousarray(betas)


def _check_body(
    arrays: dict[str, np.ndarray],
    model_type: str,
    betas: np.ndarray,
    body: BodyIdentity,
    path: Path,
) -> None:
    """Betas of one body mean nothing to another; all-zero betas fit every body."""
    name, sha256 = _text(arrays, "body_name"), _text(arrays, "body_sha256")
    gender = _text(arrays, "gender") or "neutral"
    if sha256 and body.sha256:
        is_same = sha256 == body.sha256
    elif name:
        is_same = name == body.name
    else:
        # Files from elsewhere name only the family: they mean the original SMPL.
        is_original = body.model_type == model_type and "free" not in body.name
        is_same = is_original and gender == body.gender
    if is_same or not betas.any():
        return
    theirs = f"{name or f'{model_type} ({gender})'}" + (f" {sha256[:8]}" if sha256 else "")
    ours = body.name + (f" {body.sha256[:8]}" if body.sha256 else "")
    raise BodyModelError(
        f"{path}: its betas belong to the body {theirs}, this run uses {ours}; choose the same "
        "body, or set the file's betas to zero to keep its poses only"
    )


def _smpl_pose(poses: np.ndarray) -> torch.Tensor:
    """The 24 SMPL joints out of poses of the SMPL family; SMPL's own two hand joints stay at rest.

    (K, n) rad to (K, 24, 3).
    """
    joints = torch.from_numpy(poses).unflatten(-1, (-1, 3))
    if joints.shape[1] == _NUM_JOINTS:
        return joints
    rest = joints.new_zeros(len(joints), _NUM_JOINTS - _NUM_SHARED, 3)
    return torch.cat([joints[:, :_NUM_SHARED], rest], dim=1)


def _camera(
    arrays: dict[str, np.ndarray],
    row: int,
    image_size: tuple[int, int] | None,
    camera: Camera | None,
    path: Path,
) -> Camera:
    if "K" not in arrays:
        if camera is None:
            raise InputError(
                f"{path} has no camera (key K), as plain AMASS files; give --data.camera with the "
                "focal length in px that its translation was made for"
            )
        return camera
    matrix = arrays["K"].astype(np.float64)
    matrix = matrix[row if len(matrix) > 1 else 0] if matrix.ndim == 3 else matrix
    if matrix.shape != (3, 3) or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise InputError(f"{path}: K is not a camera matrix: {arrays['K'].tolist()}")
    size = arrays.get("image_size")
    if size is not None and size.size == 2:
        width, height = (int(v) for v in size.reshape(-1))
    elif image_size is not None:
        height, width = image_size
    else:
        raise InputError(f"{path} does not say the image size (key image_size)")
    if image_size is not None and (height, width) != tuple(image_size):
        raise InputError(
            f"{path} is for an image of {width} x {height} px, this one has {image_size[1]} x "
            f"{image_size[0]}"
        )
    shift = _PIXEL_CENTER - float(arrays.get("pixel_center", np.array(_PIXEL_CENTER)))
    return Camera(
        focal=torch.tensor([matrix[0, 0], matrix[1, 1]], dtype=torch.float32),
        principal_point=torch.tensor(
            [matrix[0, 2] + shift, matrix[1, 2] + shift], dtype=torch.float32
        ),
        height=height,
        width=width,
    )
