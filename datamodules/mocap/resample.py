"""Recordings at another rate: cubic splines through what was recorded.

Along straight arcs between the frames of a slow recording nothing ever accelerates, which a fast
exposure would see. Splines of unit quaternions, made unit again, have continuous speeds and
accelerations.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from datamodules.mocap.clip import MocapClip
from hfb.skeleton import NUM_JOINTS

# Nominal rates are written as 119.9 or 120.00004 Hz: a tenth of a per cent is no other rate.
_SAME_RATE = 1e-3


def quaternions_at(
    clip: MocapClip, frame_rate: float
) -> tuple[
    Float[np.ndarray, "F 24 4"],
    Float[np.ndarray, "F 3"],
    Bool[np.ndarray, " F"],
]:
    """Unit quaternions (x, y, z, w), translations and validity of a recording at a rate.

    Each stretch of valid frames has its own splines; frames outside of them are not valid and hold
    no rotation at all.

    Args:
        clip: the recording, in its own z-up world.
        frame_rate: Hz.
    """
    # Frames that may not be used may hold anything, NaN included.
    poses = np.where(clip.valid[:, None], clip.poses, 0.0).reshape(-1, 3)
    transl = np.where(clip.valid[:, None], clip.transl, 0.0)
    quats = Rotation.from_rotvec(poses).as_quat().reshape(len(clip), NUM_JOINTS, 4)
    if abs(clip.frame_rate / frame_rate - 1.0) <= _SAME_RATE or len(clip) < 2:
        return quats, transl, clip.valid
    num = int((len(clip) - 1) * frame_rate / clip.frame_rate) + 1
    # Of a whole number of frames later it must not be seen that the rates' quotient is rounded.
    position = np.round(np.arange(num) * (clip.frame_rate / frame_rate), 9)
    new_quats = np.tile([0.0, 0.0, 0.0, 1.0], (num, NUM_JOINTS, 1))
    new_transl, valid = np.zeros((num, 3)), np.zeros(num, bool)
    for first, end in valid_stretches(clip.valid):
        inside = slice(*np.searchsorted(position, [first, end - 1 + 1e-9]))
        valid[inside] = True
        new_quats[inside] = _turns_between(quats[first:end], position[inside] - first)
        new_transl[inside] = _spline(transl[first:end], position[inside] - first)
    return new_quats, new_transl, valid


def valid_stretches(valid: Bool[np.ndarray, " F"]) -> list[tuple[int, int]]:
    """First and behind the last frame of each stretch of valid ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid, [0]])))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _turns_between(
    quats: Float[np.ndarray, "F J 4"], position: NDArray[np.float64]
) -> Float[np.ndarray, "S J 4"]:
    """Unit quaternions at positions, in frames."""
    # Of the two quaternions of each rotation the one nearer to that of the frame before.
    flips = np.cumprod(np.where((quats[1:] * quats[:-1]).sum(-1) < 0.0, -1.0, 1.0), axis=0)
    continuous = np.concatenate([quats[:1], quats[1:] * flips[..., None]])
    between = _spline(continuous.reshape(len(quats), -1), position).reshape(-1, quats.shape[1], 4)
    return np.asarray(between / np.linalg.norm(between, axis=-1, keepdims=True))


def _spline(values: Float[np.ndarray, "F C"], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """A cubic through the values at frames 0, 1, ...; of a single one that one."""
    if len(values) < 2:
        return np.repeat(values, len(position), axis=0)
    return np.asarray(CubicSpline(np.arange(len(values)), values)(position))
