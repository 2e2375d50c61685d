"""Elbows and wrists that a retargeting has turned by half a turn each.

Skeletons that turn the forearm at the wrist share that turn with the elbow. A turn counted once too
often round, after a wrist was lost for a moment, puts half a turn on each: the hand is right, elbow
and wrist are impossible.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.mocap.clip import MocapClip
from hfb.skeleton import SMPL_JOINT_NAMES

# The forearm of the resting body from elbow to wrist, which the turn is about: the free body's.
_FOREARM = {"left": (0.999661, 0.026036, 0.0), "right": (-0.999661, 0.026036, 0.0)}
# A stretch is mended where turning back takes this much off both turns together, in the median.
_LEAST_GAIN_RAD = np.radians(60.0)
# No arm is turned that far for so long.
_LEAST_SECONDS = 1.0
# Frames about the ends of a mended stretch are not valid: there the turn went round.
_MARGIN_S = 0.05


def turned_back(clip: MocapClip) -> MocapClip:
    """The recording with elbows and wrists as arms can turn them; itself if they are.

    Args:
        clip: the recording.
    """
    poses, valid = clip.poses, clip.valid
    usable = np.where(clip.valid[:, None], clip.poses, 0.0)
    for side, axis in _FOREARM.items():
        elbow, wrist = (
            slice(3 * joint, 3 * joint + 3)
            for joint in (SMPL_JOINT_NAMES.index(f"{side}_{name}") for name in ("elbow", "wrist"))
        )
        gain = _gain(usable[:, elbow], usable[:, wrist], np.array(axis))
        for start, end in _stretches(gain, round(_LEAST_SECONDS * clip.frame_rate)):
            if poses is clip.poses:
                poses, valid = clip.poses.copy(), clip.valid.copy()
            half_turn = Rotation.from_rotvec(np.pi * np.array(axis))
            frames = slice(start, end)
            turned = Rotation.from_rotvec(usable[frames, elbow]) * half_turn
            poses[frames, elbow] = turned.as_rotvec()
            turned = half_turn.inv() * Rotation.from_rotvec(usable[frames, wrist])
            poses[frames, wrist] = turned.as_rotvec()
            margin = int(np.ceil(_MARGIN_S * clip.frame_rate))
            for frame in (at for at in (start, end) if 0 < at < len(clip)):
                valid[max(frame - margin, 0) : frame + margin] = False
    return clip if poses is clip.poses else replace(clip, poses=poses, valid=valid)


def _gain(
    elbow: NDArray[np.float64], wrist: NDArray[np.float64], axis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What turning both back takes off the sizes of their turns about the forearm, rad."""
    total = np.zeros(len(elbow))
    for rotvec in (elbow, wrist):
        quat = Rotation.from_rotvec(rotvec).as_quat()
        turn = _wrapped(2.0 * np.arctan2(quat[:, :3] @ axis, quat[:, 3]))
        total += np.abs(turn) - np.abs(_wrapped(turn + np.pi))
    return total


def _wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((angle + np.pi) % (2.0 * np.pi) - np.pi)


def _stretches(gain: NDArray[np.float64], least: int) -> list[tuple[int, int]]:
    """First and behind the last frame of what is to be mended."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], gain > 0.0, [0]])))
    return [
        (int(start), int(end))
        for start, end in edges.reshape(-1, 2)
        if end - start >= least and np.median(gain[start:end]) > _LEAST_GAIN_RAD
    ]
