"""Initial estimates as files: `*.hfbinit.npz`, a superset of AMASS's names, without pickles.

A file holds T frames. Arrays with a leading T may have a second axis of K hypotheses, best first
(`poses` (T, K, 72), `trans` (T, K, 3), `betas` (T, K, S), `score` (T, K)); files from elsewhere
leave it out and hold one pose a frame. Rotation vectors in rad, the root's straight into the camera
frame; `trans` is smplx's transl in the camera frame, m; `K` belongs to the full image.

Instead of the three, methods that find meshes (METRO) give `vertices` (T, V, 3) or (T, K, V, 3) of
the body's topology, camera frame, m: the body is registered to them when the file is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hfb.body import SmplBody
from hfb.errors import BodyModelError, InputError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.init.files.arrays import FORMAT, FORMAT_VERSION, EstimateArrays, load_arrays
from hfb.init.files.camera import camera_arrays, camera_of
from hfb.init.register.vertex_registration import register_vertices
from hfb.skeleton import NUM_JOINTS, NUM_SHARED_JOINTS, POSE_SIZES, require_smpl
from hfb.storage import atomic_write
from hfb.structures import BodyIdentity, BodyParams, Camera, InitialEstimate

_MAX_DISTANCE_M = 0.05
"""Mean distance from the registered body from which vertices are those of another mesh.

Meshes of the body itself stay below 3 mm, with 20 mm of noise along each axis below 35; vertices in
another order lie half a metre away.
"""


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
        BodyModelError: if the joints are not SMPL's 24.
    """
    path = Path(path)
    require_smpl("an estimate file", estimate.pose_rotmat.shape[-3])
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
        "frame_ids": np.array([frame], np.int32),
        "source": np.array(estimate.source),
        **camera_arrays(estimate.camera),
    }
    if estimate.joint_sigma is not None:
        arrays["joint_sigma"] = _float32(estimate.joint_sigma)[None]
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return path


def read_estimate(
    path: str | Path,
    body: SmplBody,
    image_size: tuple[int, int] | None = None,
    camera: Camera | None = None,
    frame: int | None = None,
) -> InitialEstimate:
    """Read the hypotheses of one image.

    Args:
        path: a `*.hfbinit.npz`, or a plain AMASS file in the camera frame if `camera` is given.
        body: the body that the estimate will be used with. Of shape coefficients that it does not
            use, more are cut off; too few are filled with zeros (AMASS stores 16, most bodies use
            10).
        image_size: height and width of the image, compared with the file's.
        camera: full-image camera, for files without `K`; ignored if the file has one.
        frame: 0-based index of the blurry frame; the file's first if not given.

    Returns:
        Hypotheses, best first, in float32.

    Raises:
        InputError: if the file is missing, damaged, pickled, lacks keys, has wrong shapes, values
            that are not finite, no camera, another image size, not this frame, or vertices of
            another mesh than the body's.
        BodyModelError: if its betas belong to another body, or the body's joints are not SMPL's.
    """
    arrays = load_arrays(path)
    return estimate_at(arrays, arrays.row_of(frame), body, image_size, camera)


def estimate_at(
    arrays: EstimateArrays,
    row: int,
    body: SmplBody,
    image_size: tuple[int, int] | None,
    camera: Camera | None,
) -> InitialEstimate:
    """One row of a file, see `read_estimate`.

    Args:
        arrays: from `load_arrays`.
        row: which.
        body: the body that the estimate will be used with.
        image_size: height and width of the image.
        camera: full-image camera, for files without `K`.
    """
    params = _registered(arrays, row, body) if arrays.is_mesh else _stored(arrays, row, body)
    count = len(params.transl)
    score = np.zeros(count)
    if "score" in arrays.values:
        score = arrays.hypotheses("score", row).reshape(-1)
    if len(score) != count:
        raise InputError(f"{arrays.path}: {len(score)} scores for {count} poses")
    sigma = None
    if "joint_sigma" in arrays.values:
        sigma = torch.from_numpy(arrays.hypotheses("joint_sigma", row)[:, :NUM_JOINTS]).float()
    return InitialEstimate(
        betas=params.betas,
        pose_rotmat=params.pose_rotmat,
        transl=params.transl,
        camera=camera_of(arrays, row, image_size, camera),
        score=torch.from_numpy(score).float(),
        body=body.identity,
        source=arrays.text("source") or arrays.path.name,
        joint_sigma=sigma,
    )


def _float32(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float32)


def _stored(arrays: EstimateArrays, row: int, body: SmplBody) -> BodyParams:
    """Parameters as the file has them, float32."""
    path = arrays.path
    require_smpl("an estimate file", len(body.parents))
    poses = arrays.hypotheses("poses", row)
    model_type = arrays.text("surface_model_type") or _guess_model(poses.shape[1], path)
    if poses.shape[1] != POSE_SIZES.get(model_type, poses.shape[1]) or poses.shape[1] % 3:
        raise InputError(f"{path}: poses have {poses.shape[1]} numbers, not those of {model_type}")
    transl = arrays.hypotheses("trans", row)
    if transl.shape != (len(poses), 3):
        raise InputError(f"{path}: trans is {transl.shape}, expected {(len(poses), 3)}")
    betas = _betas(arrays, row, len(poses))
    betas = np.pad(betas, ((0, 0), (0, body.num_betas)))[:, : body.num_betas]
    _check_body(arrays, model_type, betas, body.identity)
    return BodyParams(
        betas=torch.from_numpy(betas).float(),
        pose_rotmat=rotvec_to_rotmat(_smpl_pose(poses)).float(),
        transl=torch.from_numpy(transl).float(),
    )


def _registered(arrays: EstimateArrays, row: int, body: SmplBody) -> BodyParams:
    """Parameters of the body that lies on the file's vertices, float32."""
    path, vertices = arrays.path, arrays.hypotheses("vertices", row)
    if vertices.shape[1:] != (len(body.template), 3):
        raise InputError(
            f"{path}: vertices are {vertices.shape[1:]} a mesh, the body {body.identity.name} has "
            f"{(len(body.template), 3)}"
        )
    verts = torch.from_numpy(vertices).float().to(body.template.device)
    found = register_vertices(verts, body)
    params = BodyParams(found.betas, found.pose_rotmat, found.transl)
    distance = float((body(params).verts - verts).norm(dim=-1).mean(-1).max())
    if distance > _MAX_DISTANCE_M:
        raise InputError(
            f"{path}: vertices lie {1000 * distance:.0f} mm from the body {body.identity.name} on "
            "average when it is fitted to them: they are those of another mesh"
        )
    return BodyParams(params.betas.cpu(), params.pose_rotmat.cpu(), params.transl.cpu())


def _guess_model(pose_size: int, path: Path) -> str:
    for model_type, size in POSE_SIZES.items():
        if size == pose_size:
            return model_type
    raise InputError(
        f"{path}: poses have {pose_size} numbers; known are {sorted(POSE_SIZES.values())}"
    )


def _betas(arrays: EstimateArrays, row: int, count: int) -> np.ndarray:
    """Betas (K, S): the file has them once, per frame, or per frame and hypothesis."""
    betas = arrays.values["betas"].astype(np.float64)
    if betas.ndim == 3 or betas.ndim == 2:
        if len(betas) not in (1, arrays.num_rows):
            raise InputError(f"{arrays.path}: betas have the shape {betas.shape}")
        betas = betas[row if len(betas) > 1 else 0]
    if betas.ndim == 1:
        betas = np.broadcast_to(betas, (count, len(betas)))
    if betas.ndim != 2 or len(betas) != count or betas.shape[1] < 1:
        stored = arrays.values["betas"].shape
        raise InputError(f"{arrays.path}: betas have the shape {stored}")
    return np.ascontiguousarray(betas)


def _check_body(
    arrays: EstimateArrays, model_type: str, betas: np.ndarray, body: BodyIdentity
) -> None:
    """Betas of one body mean nothing to another; all-zero betas fit every body."""
    name, sha256 = arrays.text("body_name"), arrays.text("body_sha256")
    gender = arrays.text("gender") or "neutral"
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
        f"{arrays.path}: its betas belong to the body {theirs}, this run uses {ours}; choose the "
        "same body, or set the file's betas to zero to keep its poses only"
    )


def _smpl_pose(poses: np.ndarray) -> torch.Tensor:
    """The 24 SMPL joints out of poses of the SMPL family; SMPL's own two hand joints stay at rest.

    (K, n) rad to (K, 24, 3).
    """
    joints = torch.from_numpy(poses).unflatten(-1, (-1, 3))
    if joints.shape[1] == NUM_JOINTS:
        return joints
    rest = joints.new_zeros(len(joints), NUM_JOINTS - NUM_SHARED_JOINTS, 3)
    return torch.cat([joints[:, :NUM_SHARED_JOINTS], rest], dim=1)
