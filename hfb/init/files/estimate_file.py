"""Initial estimates as files: `*.hfbinit.npz`, a superset of AMASS's names, without pickles.

A file holds T frames. Arrays with a leading T may have a second axis of K hypotheses, best first
(`poses` (T, K, 72), `trans` (T, K, 3), `betas` (T, K, S), `score` (T, K)); files from elsewhere
leave it out and hold one pose a frame. Rotation vectors in rad, the root's straight into the camera
frame; `trans` is smplx's transl in the camera frame, m, of the body that the file names; `pelvis`,
where it is there, says the same for any body: where the root joint is. `K` belongs to the full
image; of files with a camera a row, all rows are moved to the first one's.

Instead of the three, methods that find meshes (METRO) give `vertices` (T, V, 3) or (T, K, V, 3) of
the body's topology, camera frame, m: the body is registered to them when the file is read.

What a detector saw may be there, too: `landmarks` (T, K, 46), x and y in pixels of the image of 23
channels (`hfb.init.register.correspondence.CHANNEL_NAMES`), and `landmark_trust` (T, K, 23); and
`probability` (T, K), how likely each hypothesis is the one to start from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.files.numbers import check_in_view
from hfb.geometry import rotmat_to_rotvec, seen_by
from hfb.init.files.arrays import FORMAT, FORMAT_VERSION, EstimateArrays, load_arrays
from hfb.init.files.camera import camera_arrays, one_camera
from hfb.init.files.parameters import registered_params, stored_params
from hfb.init.register.correspondence import CHANNEL_NAMES
from hfb.skeleton import NUM_JOINTS, require_smpl
from hfb.storage import atomic_write
from hfb.structures import Camera, InitialEstimate, SeenLandmarks


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
    if estimate.landmarks is not None:
        arrays["landmarks"] = _float32(estimate.landmarks.xy.flatten(-2))[None]
        arrays["landmark_trust"] = _float32(estimate.landmarks.trust)[None]
    if estimate.probability is not None:
        arrays["probability"] = _float32(estimate.probability)[None]
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
    params = (
        registered_params(arrays, row, body) if arrays.is_mesh else stored_params(arrays, row, body)
    )
    own, common = one_camera(arrays, row, image_size, camera)
    pelvis = params.transl + body.shape(params.betas)[1][:, 0]
    focal = float(own.focal.mean())
    place = "vertices" if arrays.is_mesh else arrays.place
    side = float(max(own.height, own.width))
    check_in_view(pelvis.double().numpy(), focal, side, row, place, arrays.path)
    transl = params.transl
    if own is not common:
        transl = transl + seen_by(pelvis, own, common) - pelvis
    count = len(transl)
    score = np.zeros(count)
    if "score" in arrays.values:
        score = arrays.hypotheses("score", row).reshape(-1)
    if len(score) != count:
        raise InputError(f"{arrays.path}: {len(score)} scores for {count} poses")
    return InitialEstimate(
        betas=params.betas,
        pose_rotmat=params.pose_rotmat,
        transl=transl,
        camera=common,
        score=torch.from_numpy(score).float(),
        body=body.identity,
        source=arrays.text("source") or arrays.path.name,
        joint_sigma=_joint_sigma(arrays, row, count),
        landmarks=_landmarks(arrays, row, count),
        probability=_probability(arrays, row, count),
    )


def _float32(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float32)


def _joint_sigma(arrays: EstimateArrays, row: int, count: int) -> torch.Tensor | None:
    """Uncertainty of SMPL's joints (K, 24), if the file has it."""
    if "joint_sigma" not in arrays.values:
        return None
    sigma = arrays.hypotheses("joint_sigma", row)
    if len(sigma) != count or sigma.shape[1] < NUM_JOINTS or (sigma < 0).any():
        raise InputError(
            f"{arrays.path}: joint_sigma of row {row} must be {count} x {NUM_JOINTS} numbers >= 0"
        )
    return torch.from_numpy(sigma[:, :NUM_JOINTS].copy()).float()


def _probability(arrays: EstimateArrays, row: int, count: int) -> torch.Tensor | None:
    """How likely each hypothesis is the one to start from, if the file says so."""
    if "probability" not in arrays.values:
        return None
    values = arrays.hypotheses("probability", row).reshape(-1)
    if len(values) != count or (values < 0).any():
        raise InputError(
            f"{arrays.path}: probability of row {row} must be {count} numbers from 0 to 1"
        )
    return torch.from_numpy(values.clip(max=1.0)).float()


def _landmarks(arrays: EstimateArrays, row: int, count: int) -> SeenLandmarks | None:
    """Where a detector saw the channels, if the file says so."""
    missing = {"landmarks", "landmark_trust"} - set(arrays.values)
    if len(missing) == 2:
        return None
    if missing:
        raise InputError(
            f"{arrays.path} lacks {missing.pop()}: landmarks and landmark_trust belong together"
        )
    xy, trust = (arrays.hypotheses(key, row) for key in ("landmarks", "landmark_trust"))
    number = len(CHANNEL_NAMES)
    if xy.shape != (count, 2 * number) or trust.shape != (count, number) or (trust < 0).any():
        raise InputError(
            f"{arrays.path}: landmarks and landmark_trust of row {row} must be {count} x "
            f"{2 * number} and {count} x {number} numbers, the trust in [0, 1]"
        )
    places, weights = (torch.from_numpy(values.copy()).float() for values in (xy, trust))
    return SeenLandmarks(places.unflatten(-1, (number, 2)), weights)
