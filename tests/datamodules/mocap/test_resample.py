"""Recordings at another rate: splines that know how motion accelerates."""

import numpy as np
import pytest
from recordings import make_clip
from scipy.spatial.transform import Rotation, RotationSpline

from datamodules.mocap.clip import MocapClip
from datamodules.mocap.resample import quaternions_at, valid_stretches


def _wild(num_frames, rate, valid=None):
    """All joints turn about changing axes, as fast as in sports."""
    t = np.arange(num_frames)[:, None] / rate
    rng = np.random.default_rng(0)
    speed, phase = rng.uniform(0.5, 2.0, (2, 75)) * 2.0
    values = 0.9 * np.sin(2.0 * np.pi * 0.5 * speed * t + phase)
    valid = np.ones(num_frames, bool) if valid is None else valid
    return MocapClip("a", "s", values[:, :72], values[:, 72:], rate, valid, "train")


def _angles(quats, others):
    first, second = (Rotation.from_quat(q.reshape(-1, 4)) for q in (quats, others))
    return (first.inv() * second).magnitude().reshape(len(quats), -1)


def test_a_slow_recording_becomes_the_fast_one():
    fast = _wild(361, 120.0)
    quats, transl, valid = quaternions_at(_wild(91, 30.0), 120.0)
    true = Rotation.from_rotvec(fast.poses.reshape(-1, 3)).as_quat().reshape(-1, 24, 4)
    assert valid.all()
    inner = slice(8, -8)
    assert _angles(quats, true)[inner].max() < 2e-3
    np.testing.assert_allclose(transl[inner], fast.transl[inner], atol=2e-3)
    # Arcs between the frames accelerate at the frames only: true accelerations are what we want.
    acceleration = np.diff(transl, n=2, axis=0) * 120.0**2
    expected = np.diff(fast.transl, n=2, axis=0) * 120.0**2
    size = np.sqrt(np.mean(expected[inner] ** 2))
    assert np.sqrt(np.mean((acceleration - expected)[inner] ** 2)) < 0.1 * size


def test_it_agrees_with_a_spline_on_the_rotation_group():
    clip = _wild(40, 30.0)
    quats, _, _ = quaternions_at(clip, 120.0)
    times = np.arange(len(quats)) / 120.0
    for joint in (0, 5, 20):
        turns = Rotation.from_rotvec(clip.poses[:, 3 * joint : 3 * joint + 3])
        spline = RotationSpline(np.arange(40) / 30.0, turns)
        apart = _angles(quats[:, joint, None], spline(times).as_quat()[:, None])
        assert apart[12:-12].max() < 3e-3


def test_frames_that_were_recorded_stay_as_they_are():
    clip = _wild(50, 24.0)
    quats, transl, _ = quaternions_at(clip, 120.0)
    own = Rotation.from_rotvec(clip.poses.reshape(-1, 3)).as_quat().reshape(-1, 24, 4)
    assert _angles(quats[::5], own).max() < 1e-6
    np.testing.assert_allclose(transl[::5], clip.transl, atol=1e-9)


def test_nothing_is_learned_across_a_gap():
    valid = np.ones(60, bool)
    valid[[20, 40, 41, 42, 44]] = False
    clip = _wild(60, 30.0, valid)
    poses = clip.poses.copy()
    poses[~valid] = np.nan
    spoiled = MocapClip("a", "s", poses, clip.transl, 30.0, valid, "train")
    quats, transl, new_valid = quaternions_at(spoiled, 120.0)
    assert np.isfinite(quats).all()
    position = np.arange(len(quats)) / 4
    expected = (position <= 19) | ((position >= 21) & (position <= 39)) | (position == 43)
    np.testing.assert_array_equal(new_valid, expected | (position >= 45))
    # Each stretch is as if there were no other one.
    part = MocapClip("a", "s", poses[21:40], clip.transl[21:40], 30.0, valid[21:40], "train")
    alone = quaternions_at(part, 120.0)
    inside = slice(84, 84 + len(alone[0]))
    np.testing.assert_allclose(quats[inside], alone[0], atol=1e-12)
    np.testing.assert_allclose(transl[inside], alone[1], atol=1e-12)


@pytest.mark.parametrize("rate", [119.9, 120.00004])
def test_a_nominal_rate_is_no_other_rate(rate):
    clip = make_clip("a", "s", "train", 40, rate=rate)
    np.testing.assert_array_equal(quaternions_at(clip, 120.0)[1], clip.transl)


def test_stretches():
    assert valid_stretches(np.array([1, 0, 1, 1], bool)) == [(0, 1), (2, 4)]
    assert valid_stretches(np.zeros(3, bool)) == []
