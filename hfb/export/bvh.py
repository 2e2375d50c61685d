"""BVH: a skeleton and how its joints turn, as programs for motion capture exchange it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hfb.errors import InputError
from hfb.export.rig import JointMotion, Skeleton
from hfb.storage import atomic_write

CM_PER_M = 100.0
_ORDER = "ZXY"
_CHANNELS = "Zrotation Xrotation Yrotation"
_END_SHARE = 0.5
"""Length of a last bone, as a share of the one before it: BVH wants an end, SMPL knows none."""


def write_bvh(path: str | Path, skeleton: Skeleton, motion: JointMotion, frame_time: float) -> None:
    """Write the motion of a skeleton as `.bvh`, whole or not at all.

    Not in the paper. Centimetres and degrees; rotations in the order Z, X, Y. With all angles zero
    the body stands in its rest pose (a T), facing +z with y up.

    Args:
        path: file name ending in .bvh.
        skeleton: its joints.
        motion: in a frame with y up; its poses are written one a frame.
        frame_time: from one pose to the next, s.

    Raises:
        ShapeError: if motion and skeleton do not belong together.
        InputError: if anything holds NaN, frame_time is not positive, or the file cannot be
            written.
    """
    path = Path(path)
    if path.suffix != ".bvh":
        raise InputError(f"a skeleton's motion is written as .bvh, not {path.name}")
    motion.check(skeleton)
    if not frame_time > 0 or not bool(torch.isfinite(skeleton.rest_joints).all()):
        raise InputError(f"frame_time ({frame_time}) must be positive, and the joints finite")
    order, lines = _hierarchy(skeleton)
    places = motion.root.detach().cpu().double().numpy() * CM_PER_M
    angles = _angles(motion)[:, order].reshape(len(places), -1)
    frames = np.concatenate([places, angles], 1)
    lines += ["MOTION", f"Frames: {len(frames)}", f"Frame Time: {frame_time:.9f}"]
    lines += [" ".join(f"{value:.6f}" for value in frame) for frame in frames]
    with atomic_write(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="ascii")


def _hierarchy(skeleton: Skeleton) -> tuple[list[int], list[str]]:
    """The joints in the order of the file, depth first, and the lines that declare them."""
    bones = skeleton.bones().numpy() * CM_PER_M
    bones[0] = 0.0  # where the root is, its channels say: readers differ in whether they add it
    order, lines = [], ["HIERARCHY"]

    def declare(joint: int, depth: int) -> None:
        order.append(joint)
        pad, children = "  " * depth, [k for k, p in enumerate(skeleton.parents) if p == joint]
        kind = "JOINT" if depth else "ROOT"
        places = "" if depth else "Xposition Yposition Zposition "
        lines.extend(
            [
                f"{pad}{kind} {skeleton.names[joint]}",
                f"{pad}{{",
                f"{pad}  OFFSET {_numbers(bones[joint])}",
                f"{pad}  CHANNELS {3 if depth else 6} {places}{_CHANNELS}",
            ]
        )
        for child in children:
            declare(child, depth + 1)
        if not children:
            end = f"OFFSET {_numbers(bones[joint] * _END_SHARE)}"
            lines.extend([f"{pad}  End Site", f"{pad}  {{", f"{pad}    {end}", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    declare(0, 0)
    return order, lines


def _angles(motion: JointMotion) -> NDArray[np.float64]:
    """Euler angles (K, J, 3) in degrees, without jumps of a whole turn from pose to pose."""
    rotmat = motion.pose_rotmat.detach().cpu().double().numpy()
    with warnings.catch_warnings():
        # At gimbal lock one angle is free; scipy says so and sets it to zero, which is as good.
        warnings.simplefilter("ignore", UserWarning)
        angles = Rotation.from_matrix(rotmat.reshape(-1, 3, 3)).as_euler(_ORDER, degrees=True)
    return np.unwrap(angles.reshape(*rotmat.shape[:2], 3), period=360.0, axis=0)


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
