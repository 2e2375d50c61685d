"""Body parameters of one row of an estimate file, in terms of the body of this run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hfb.body import SmplBody
from hfb.errors import BodyModelError, InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.init.files.arrays import EstimateArrays
from hfb.init.register.vertex_registration import register_vertices
from hfb.skeleton import (
    NUM_JOINTS,
    NUM_SHARED_JOINTS,
    POSE_SIZES,
    REST_PELVIS,
    require_smpl,
    rest_pelvis,
)
from hfb.structures import BodyIdentity, BodyParams

_MAX_DISTANCE_M = 0.05
"""Mean distance from the registered body from which vertices are those of another mesh.

Meshes of the body itself stay below 3 mm, with 20 mm of noise along each axis below 35; vertices in
another order lie half a metre away.
"""

_SAME_ORIGIN_M = 0.005
"""Below it two bodies' roots rest at the same place: the free body's where the neutral SMPL's does.

Less than a shape coefficient of SMPL moves it, and the shape of such a file is not known.
"""


def stored_params(arrays: EstimateArrays, row: int, body: SmplBody) -> BodyParams:
    """Parameters as the file has them.

    Args:
        arrays: of the file.
        row: which.
        body: of this run.

    Returns:
        Those of the K hypotheses, float32.

    Raises:
        InputError: if shapes do not fit.
        BodyModelError: if its betas belong to another body.
    """
    path = arrays.path
    require_smpl("an estimate file", len(body.parents))
    poses = arrays.hypotheses("poses", row)
    model_type = arrays.text("surface_model_type") or _guess_model(poses.shape[1], path)
    if poses.shape[1] != POSE_SIZES.get(model_type, poses.shape[1]) or poses.shape[1] % 3:
        raise InputError(f"{path}: poses have {poses.shape[1]} numbers, not those of {model_type}")
    count = len(poses)
    betas = _betas(arrays, row, count)
    betas = np.pad(betas, ((0, 0), (0, body.num_betas)))[:, : body.num_betas]
    is_same = _is_same_body(arrays, model_type, body.identity)
    if betas.any() and not is_same:
        raise _other_body(arrays, model_type, body.identity)
    shape = torch.from_numpy(betas).float()
    transl = torch.from_numpy(_places(arrays, row, count)).float()
    # smplx's transl begins where the root rests, which is another place in each body.
    if arrays.place == "pelvis":
        transl = transl - body.shape(shape)[1][:, 0]
    elif not is_same:
        transl = transl + _between_origins(arrays, model_type, body.shape(shape)[1][:, 0])
    return BodyParams(
        betas=shape,
        pose_rotmat=rotvec_to_rotmat(_smpl_pose(poses)).float(),
        transl=transl,
    )


def _places(arrays: EstimateArrays, row: int, count: int) -> np.ndarray:
    """Where the body of each hypothesis is (K, 3); one place may stand for all hypotheses."""
    key = arrays.place
    found = arrays.hypotheses(key, row)
    if found.shape not in ((count, 3), (1, 3)):
        raise InputError(f"{arrays.path}: {key} is {found.shape}, expected {(count, 3)}")
    return np.repeat(found, count // len(found), axis=0)


def _between_origins(arrays: EstimateArrays, model_type: str, rest: torch.Tensor) -> torch.Tensor:
    """What takes a `transl` of the file's body to ours, whose root rests at `rest` (K, 3), m."""
    name = arrays.text("body_name")
    model = name if name in REST_PELVIS else model_type
    theirs = rest_pelvis(model, arrays.text("gender") or "neutral")
    shift = torch.tensor(theirs) - rest
    return shift * (shift.norm(dim=-1, keepdim=True) > _SAME_ORIGIN_M)


def registered_params(arrays: EstimateArrays, row: int, body: SmplBody) -> BodyParams:
    """Parameters of the body that lies on the file's vertices.

    Args:
        arrays: of the file.
        row: which.
        body: of this run.

    Returns:
        Those of the K hypotheses, float32.

    Raises:
        InputError: if the vertices are those of another mesh.
    """
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
    """Betas (K, S): the file has them once, per row, or per row and hypothesis."""
    stored = arrays.values["betas"]
    item = stored.shape[-1:] if stored.ndim < 3 else stored.shape[-2:]
    if 0 in stored.shape or not 1 <= stored.ndim <= 3:
        raise InputError(f"{arrays.path}: betas have the shape {stored.shape}")
    betas = np.atleast_2d(arrays.shared("betas", row, item))
    if len(betas) not in (1, count):
        raise InputError(f"{arrays.path}: betas have the shape {stored.shape}")
    return np.repeat(betas, count // len(betas), axis=0)


def _is_same_body(arrays: EstimateArrays, model_type: str, body: BodyIdentity) -> bool:
    """Whether a file was made with the body of this run."""
    name, sha256 = arrays.text("body_name"), arrays.text("body_sha256")
    if sha256 and body.sha256:
        return sha256 == body.sha256
    if name:
        return name == body.name
    # Files from elsewhere name only the family: they mean the original SMPL.
    is_original = body.model_type == model_type and "free" not in body.name
    return is_original and (arrays.text("gender") or "neutral") == body.gender


def _other_body(arrays: EstimateArrays, model_type: str, body: BodyIdentity) -> BodyModelError:
    """Betas of one body mean nothing to another; all-zero betas fit every body."""
    name, sha256 = arrays.text("body_name"), arrays.text("body_sha256")
    gender = arrays.text("gender") or "neutral"
    theirs = f"{name or f'{model_type} ({gender})'}" + (f" {sha256[:8]}" if sha256 else "")
    ours = body.name + (f" {body.sha256[:8]}" if body.sha256 else "")
    return BodyModelError(
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
