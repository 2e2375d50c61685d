"""Motion-capture clips as a source of motion, beside the procedural actions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor

from datamodules.mocap.clip import Z_UP_TO_Y_UP, MocapClip
from datamodules.mocap.resample import quaternions_at
from datamodules.synthetic.movement.grounding import GroundedBody, sole_positions
from datamodules.synthetic.movement.procedural import numpy_generator
from hfb.errors import InputError
from hfb.geometry import quat_xyzw_to_rotmat, rotmat_to_rotvec, rotvec_to_rotmat
from hfb.skeleton import NUM_JOINTS, NUM_SHARED_JOINTS

_FAST_HZ, _UPSAMPLED_HZ = 100.0, 120.0


@dataclass(frozen=True)
class MocapAction:
    """A stretch of a clip.

    Attributes:
        name: the clip's name.
        duration: s.
        focus: times between which an exposure may be centred, s.
        frame_rate: of the clip, Hz.
        pose_rotmat: at the frames, y-up, root first.
        transl: smplx's `transl` at the frames in the clip's own z-up world, m.
    """

    name: str
    duration: float
    focus: tuple[float, float]
    frame_rate: float
    pose_rotmat: Float[Tensor, "F 24 3 3"]
    transl: Float[Tensor, "F 3"]

    def window(
        self, body: GroundedBody, betas: Float[Tensor, " K"], times: Float[Tensor, " S"]
    ) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S 3"]]:
        """Pose and translation at times in [0, duration]; see `MotionSource.window`.

        Rotations are interpolated on the sphere between frames, the translation by a cubic spline.
        The lowest sole point of the stretch touches the ground: clips of other bodies than ours
        stand a few centimetres above or below it.
        """
        position = times.double().cpu().numpy() * self.frame_rate
        soles, _, pelvis_rest = sole_positions(body, betas, self.pose_rotmat.to(betas))
        rest = pelvis_rest.to(self.transl)
        path = (self.transl + rest) @ Z_UP_TO_Y_UP.T - rest
        lowest = (soles[..., 1].min(dim=1).values + path[:, 1] + rest[1]).min()
        path = path - torch.stack([lowest.new_zeros(()), lowest, lowest.new_zeros(())])
        rotmat, transl = interpolate_poses(self.pose_rotmat, path, position)
        return rotmat.to(betas), transl.to(betas)


def interpolate_poses(
    pose_rotmat: Float[Tensor, "F J 3 3"],
    transl: Float[Tensor, "F 3"],
    position: NDArray[np.float64],
) -> tuple[Float[Tensor, "S J 3 3"], Float[Tensor, "S 3"]]:
    """Poses between frames: rotations on the sphere, the translation by a cubic spline.

    Args:
        pose_rotmat: at the frames.
        transl: at the frames, m.
        position: (S,) in frames.
    """
    frame = np.clip(np.floor(position).astype(np.int64), 0, len(pose_rotmat) - 2)
    share = torch.from_numpy(position - frame).to(pose_rotmat)
    first = pose_rotmat[torch.from_numpy(frame)]
    step = rotmat_to_rotvec(first.mT @ pose_rotmat[torch.from_numpy(frame + 1)])
    rotmat = first @ rotvec_to_rotmat(step * share[:, None, None])
    spline = CubicSpline(np.arange(len(transl)), transl.double().numpy(), axis=0)
    return rotmat, torch.from_numpy(spline(position))


def random_mocap_action(
    clip: MocapClip, generator: torch.Generator, seconds: float = 1.0
) -> MocapAction:
    """Draw a stretch of a clip, fast ones more often; only frames marked valid are used.

    Args:
        clip: the recording, z-up.
        generator: source of randomness.
        seconds: length of the stretch.

    Raises:
        InputError: if no stretch is long enough.
    """
    length = round(seconds * clip.frame_rate) + 1
    run = valid_starts(clip, length)
    if not run.any():
        raise InputError(f"clip {clip.name} has no valid stretch of {seconds} s")
    speed = np.abs(np.diff(clip.poses[:, : 3 * NUM_SHARED_JOINTS], axis=0)).sum(axis=1)
    activity = np.convolve(speed, np.ones(length - 1), mode="valid")
    weight = np.where(run, activity + 1e-9, 0.0)
    start = int(numpy_generator(generator).choice(len(run), p=weight / weight.sum()))
    rotmat, transl, frame_rate = _stretch(clip, slice(start, start + length))
    root = Z_UP_TO_Y_UP @ rotmat[:, :1]
    duration = (len(rotmat) - 1) / frame_rate
    return MocapAction(
        name=clip.name,
        duration=duration,
        focus=(0.2 * duration, 0.8 * duration),
        frame_rate=frame_rate,
        pose_rotmat=torch.cat([root, rotmat[:, 1:]], dim=1),
        transl=transl,
    )


def _stretch(
    clip: MocapClip, frames: slice
) -> tuple[Float[Tensor, "F 24 3 3"], Float[Tensor, "F 3"], float]:
    """Rotations, translations and their rate; slow recordings are interpolated by splines.

    An exposure sees the corners of straight arcs between the frames of a slow one.
    """
    poses, transl = clip.poses[frames], clip.transl[frames]
    if clip.frame_rate >= _FAST_HZ:
        rotvec = torch.from_numpy(poses).reshape(len(poses), NUM_JOINTS, 3)
        rotmat = rotvec_to_rotmat(rotvec.float())
        return rotmat, torch.from_numpy(transl).float(), clip.frame_rate
    part = replace(clip, poses=poses, transl=transl, valid=clip.valid[frames])
    quats, transl, _ = quaternions_at(part, _UPSAMPLED_HZ)
    rotmat = quat_xyzw_to_rotmat(torch.from_numpy(quats).float())
    return rotmat, torch.from_numpy(transl).float(), _UPSAMPLED_HZ


def valid_starts(clip: MocapClip, length: int) -> NDArray[np.bool_]:
    """Where a stretch of `length` frames may start; empty if the clip is shorter."""
    if len(clip.poses) < length:
        return np.zeros(0, dtype=bool)
    return np.convolve(clip.valid, np.ones(length, dtype=int), mode="valid") == length
