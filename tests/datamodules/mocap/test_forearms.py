"""Elbows and wrists that were turned by half a turn each."""

from dataclasses import replace

import numpy as np
import pytest
from recordings import make_clip
from scipy.spatial.transform import Rotation

from datamodules.mocap.files import iterate_mocap
from datamodules.mocap.forearms import turned_back

ARMS = {
    "left": ((18, 20), (0.999661, 0.026036, 0.0)),
    "right": ((19, 21), (-0.999661, 0.026036, 0.0)),
}


def _joint(clip, joint):
    return clip.poses[:, 3 * joint : 3 * joint + 3]


@pytest.fixture
def clip():
    """Bent elbows, forearms that turn to and fro, hands that wave."""
    clip = make_clip("a", "s", "train", 400)
    t = np.arange(400) / 120.0
    for (elbow, wrist), axis in ARMS.values():
        bend = Rotation.from_rotvec(np.outer(-0.8 - 0.4 * np.sin(t), [0.0, 1.0, 0.0]))
        turn = Rotation.from_rotvec(np.outer(0.5 * np.sin(2.0 * t), axis))
        wave = Rotation.from_rotvec(np.outer(0.3 * np.cos(3.0 * t), [0.0, 0.0, 1.0]))
        clip.poses[:, 3 * elbow : 3 * elbow + 3] = (bend * turn).as_rotvec()
        clip.poses[:, 3 * wrist : 3 * wrist + 3] = (turn * wave).as_rotvec()
    return clip


def _spoiled(clip, side, frames):
    """With half a turn on both from some frames on."""
    (elbow, wrist), axis = ARMS[side]
    half = Rotation.from_rotvec(np.pi * np.array(axis))
    poses = clip.poses.copy()
    poses[frames, 3 * elbow : 3 * elbow + 3] = (
        Rotation.from_rotvec(_joint(clip, elbow)[frames]) * half
    ).as_rotvec()
    poses[frames, 3 * wrist : 3 * wrist + 3] = (
        half.inv() * Rotation.from_rotvec(_joint(clip, wrist)[frames])
    ).as_rotvec()
    return replace(clip, poses=poses)


@pytest.mark.parametrize("side", ["left", "right"])
def test_they_are_turned_back_where_they_were_turned(clip, side):
    mended = turned_back(_spoiled(clip, side, slice(150, None)))
    np.testing.assert_allclose(mended.poses, clip.poses, atol=2e-6)
    # Where the turn went round nothing is to be learned.
    assert np.flatnonzero(~mended.valid).tolist() == list(range(144, 156))


def test_sound_arms_are_left_alone(clip):
    assert turned_back(clip) is clip
    short = _spoiled(clip, "left", slice(150, 200))
    assert turned_back(short) is short


def test_the_developers_clip_with_such_an_arm(shared_data):
    medians = [
        np.median(np.abs(_joint(clip, 19)[clip.valid, 0]))
        for clip in iterate_mocap(shared_data / "mocap")
    ]
    # Of one recording's right arm, three quarters of the time, the elbow was turned by 150 degrees.
    assert max(medians) < np.radians(110.0)
