"""`motion.npz`: the sub-frame motion with AMASS's key names, and enough to evaluate it anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.files.npz import read_npz
from hfb.motion import PolynomialMotion
from hfb.skeleton import NUM_JOINTS, NUM_SHARED_JOINTS, POSE_SIZES, require_smpl
from hfb.storage import atomic_write
from hfb.structures import BodyIdentity, Camera

FORMAT_VERSION = 2
AMASS_NUM_BETAS = 16


@dataclass(frozen=True)
class UniformMotion:
    """A motion as viewers of motion capture play it: M poses in equal steps, z up.

    Attributes:
        pose_rotvec: SMPL's 24 rotations, root first, rad; the root takes model to world frame.
        transl: smplx's `transl` of SMPL-H with these `betas`, world frame (z up, the lowest point
            of the motion at 0), m.
        betas: shape; zero where the body is none of SMPL's.
        times: of each pose, s.
        frame_rate: poses per second.
        world_from_camera: rotation and, in the last column, translation, m.
    """

    pose_rotvec: Float[Tensor, "M J 3"]
    transl: Float[Tensor, "M 3"]
    betas: Float[Tensor, " S"]
    times: Float[Tensor, " M"]
    frame_rate: float
    world_from_camera: Float[Tensor, "3 4"]


@dataclass(frozen=True)
class MotionRecord:
    """A motion at the T sub-frame times of all photos, in their order.

    Attributes:
        pose_rotvec: SMPL's 24 rotations, root first, rad; the root takes model to camera frame.
        transl: smplx's `transl`, camera frame (x right, y down, z forward), m.
        betas: shape.
        times: of each pose, s.
        frame_index: which input frame's exposure the time lies in.
        subframe_index: number of the time inside this exposure.
        exposure: shutter opening and closing of each of the F input frames, s.
        fps: frames per second of the camera.
        camera: full-image camera.
        body: the body model that the betas belong to.
        uniform: the same motion for viewers.
        polynomial: the fitted polynomials, one a photo, if there are any.
    """

    pose_rotvec: Float[Tensor, "T J 3"]
    transl: Float[Tensor, "T 3"]
    betas: Float[Tensor, " S"]
    times: Float[Tensor, " T"]
    frame_index: Int[Tensor, " T"]
    subframe_index: Int[Tensor, " T"]
    exposure: Float[Tensor, "F 2"]
    fps: float
    camera: Camera
    body: BodyIdentity
    uniform: UniformMotion
    polynomial: PolynomialMotion | None = None


def write_motion(path: str | Path, motion: MotionRecord) -> None:
    """Write a motion as an AMASS-like npz without pickles, whole or not at all.

    What AMASS readers know is for them, from `motion.uniform`: `poses` (M, 156) SMPL-H, fingers
    zero; `trans` (M, 3) m; `betas` padded to 16; `gender`; `surface_model_type`; `mocap_framerate`
    and `mocap_frame_rate` (the readers disagree on the spelling). `poses_smpl` (M, 72) keeps SMPL's
    two hand joints, which SMPL-H's layout has no place for. What the photos tell, in the camera
    frame and at the sub-frame times: `subframe_poses` (T, 72), `subframe_trans`, `subframe_times`,
    `betas_original`.

    Args:
        path: file name ending in .npz.
        motion: what to write.

    Raises:
        InputError: if the motion holds NaN, the times do not increase, or the file cannot be made.
        ShapeError: if its tensors have different lengths.
        BodyModelError: if the joints are not SMPL's 24.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"a motion is written as .npz, not {path.name}")
    _check(motion)
    arrays = _amass_arrays(motion.uniform, motion.body.gender) | _native_arrays(motion)
    with atomic_write(path) as part:
        np.savez_compressed(part, **arrays)  # type: ignore[arg-type]  # stubs of one numpy


def read_motion(path: str | Path) -> MotionRecord:
    """Read what `write_motion` wrote.

    Args:
        path: a motion.npz.

    Returns:
        The motion; float32 except the times, which are float64.

    Raises:
        InputError: if the file is missing, no npz, or lacks a key; says where we looked.
    """
    data = read_npz(path, "motion file")
    version = data.get("format_version", np.array(1))
    if version.size != 1 or version.item() != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}"
        )
    try:
        return _record(data)
    except KeyError as error:
        raise InputError(
            f"{path} lacks the key {error}; was it written by this program?"
        ) from error
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise InputError(f"{path} holds something else than a motion: {error}") from error


def _check(motion: MotionRecord) -> None:
    require_smpl("motion.npz", motion.pose_rotvec.shape[-2])
    length = len(motion.times)
    for name in ("pose_rotvec", "transl", "frame_index", "subframe_index"):
        if len(getattr(motion, name)) != length:
            raise ShapeError(
                f"{name} has {len(getattr(motion, name))} entries, but there are {length} times"
            )
    parts = [(motion, name) for name in ("pose_rotvec", "transl", "betas", "times")]
    parts += [(motion.uniform, name) for name in ("pose_rotvec", "transl")]
    for part, name in parts:
        if not bool(torch.isfinite(getattr(part, name)).all()):
            raise InputError(f"{name} of the motion holds NaN or infinity; nothing was written")
    if length == 0 or not bool((motion.times.diff() > 0).all()):
        raise InputError("the times of a motion must increase, and there must be some")


def _amass_arrays(motion: UniformMotion, gender: str) -> dict[str, np.ndarray]:
    """The keys that readers of AMASS files know."""
    smpl = _array(motion.pose_rotvec).reshape(len(motion.times), -1)
    smplh = np.zeros((len(smpl), POSE_SIZES["smplh"]), smpl.dtype)
    num_shared = 3 * NUM_SHARED_JOINTS
    smplh[:, :num_shared] = smpl[:, :num_shared]
    betas = _array(motion.betas)
    padded = np.zeros(max(AMASS_NUM_BETAS, len(betas)), betas.dtype)
    padded[: len(betas)] = betas
    rate = np.float64(motion.frame_rate)
    return {
        "poses": smplh,
        "poses_smpl": smpl,
        "trans": _array(motion.transl),
        "betas": padded,
        "gender": np.array(gender),
        "surface_model_type": np.array("smplh"),
        "mocap_framerate": np.array(rate),
        "mocap_frame_rate": np.array(rate),
        "timestamps": _array(motion.times).astype(np.float64),
        "world_from_camera": _array(motion.world_from_camera),
        "coordinate_frame": np.array("world: x right, y forward, z up, metres"),
    }


def _native_arrays(motion: MotionRecord) -> dict[str, np.ndarray]:
    """The keys that only this program knows."""
    camera = motion.camera
    focal, centre = camera.focal.detach().cpu().double(), camera.principal_point.detach().cpu()
    matrix = np.eye(3)
    matrix[[0, 1], [0, 1]] = focal.numpy()
    matrix[:2, 2] = centre.double().numpy()
    arrays = {
        "format": np.array("hfb-motion"),
        "format_version": np.array(FORMAT_VERSION),
        "subframe_poses": _array(motion.pose_rotvec).reshape(len(motion.times), -1),
        "subframe_trans": _array(motion.transl),
        "subframe_times": _array(motion.times).astype(np.float64),
        "subframe_coordinate_frame": np.array("camera: x right, y down, z forward, metres"),
        "betas_original": _array(motion.betas),
        "frame_index": _array(motion.frame_index).astype(np.int32),
        "subframe_index": _array(motion.subframe_index).astype(np.int32),
        "exposure": _array(motion.exposure).astype(np.float64),
        "fps": np.array(motion.fps),
        "K": matrix,
        "image_size": np.array([camera.width, camera.height], np.int32),
        "pixel_center": np.array(0.5, np.float32),
        "body_name": np.array(motion.body.name),
        "body_sha256": np.array(motion.body.sha256),
        "body_model_type": np.array(motion.body.model_type),
    }
    fitted = motion.polynomial
    if fitted is not None:
        arrays |= {
            "polynomial_coeffs": _array(fitted.coeffs),
            "polynomial_base_rotmat": _array(fitted.base_rotmat),
            "polynomial_base_transl": _array(fitted.base_transl),
            "polynomial_time_origin": np.array(fitted.time_origin),
            "polynomial_parameterization": np.array(fitted.parameterization),
        }
    return arrays


def _record(data: dict[str, np.ndarray]) -> MotionRecord:
    matrix = torch.from_numpy(data["K"]).float()
    width, height = (int(n) for n in data["image_size"])
    polynomial = None
    if "polynomial_coeffs" in data:
        polynomial = PolynomialMotion(
            coeffs=torch.from_numpy(data["polynomial_coeffs"]),
            base_rotmat=torch.from_numpy(data["polynomial_base_rotmat"]),
            base_transl=torch.from_numpy(data["polynomial_base_transl"]),
            time_origin=float(data["polynomial_time_origin"]),
            parameterization=data["polynomial_parameterization"].item(),
        )
    return MotionRecord(
        pose_rotvec=torch.from_numpy(data["subframe_poses"]).reshape(-1, NUM_JOINTS, 3),
        transl=torch.from_numpy(data["subframe_trans"]),
        betas=torch.from_numpy(data["betas_original"]),
        times=torch.from_numpy(data["subframe_times"]),
        frame_index=torch.from_numpy(data["frame_index"]),
        subframe_index=torch.from_numpy(data["subframe_index"]),
        exposure=torch.from_numpy(data["exposure"]).float(),
        fps=float(data["fps"]),
        camera=Camera(matrix.diagonal()[:2].clone(), matrix[:2, 2].clone(), height, width),
        body=BodyIdentity(
            name=str(data["body_name"].item()),
            sha256=str(data["body_sha256"].item()),
            model_type=str(data["body_model_type"].item()),
            gender=str(data["gender"].item()),
        ),
        uniform=UniformMotion(
            pose_rotvec=torch.from_numpy(data["poses_smpl"]).reshape(-1, NUM_JOINTS, 3),
            transl=torch.from_numpy(data["trans"]),
            betas=torch.from_numpy(data["betas"][: len(data["betas_original"])]),
            times=torch.from_numpy(data["timestamps"]),
            frame_rate=float(data["mocap_frame_rate"]),
            world_from_camera=torch.from_numpy(data["world_from_camera"]),
        ),
        polynomial=polynomial,
    )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
