from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules.mocap.clip import MocapClip
from datamodules.synthetic.movement.mocap_action import random_mocap_action
from hfb.errors import InputError
from hfb.structures import BodyParams

BETAS = torch.zeros(10)


def _clip(frames=300):
    rng = np.random.default_rng(0)
    phase = np.linspace(0, 6, frames)[:, None]
    poses = 0.3 * np.sin(phase + rng.uniform(0, 6, 72))
    poses[:, :3] = np.array([np.pi / 2, 0, 0])  # upright in a z-up world
    trans = np.stack([phase[:, 0], 0 * phase[:, 0], 0.9 + 0 * phase[:, 0]], axis=1)
    return MocapClip("clip", "somebody", poses, trans, 120.0, np.ones(frames, dtype=bool))


def test_mocap_stands_upright_and_reproduces_its_frames(body, generator):
    action = random_mocap_action(_clip(), generator, seconds=0.5)
    frame_times = torch.arange(0, 60, 7, dtype=torch.float64) / 120.0
    rotmat, transl = action.window(body, BETAS, frame_times)
    torch.testing.assert_close(rotmat, action.pose_rotmat[::7][:9], atol=1e-5, rtol=0)
    joints = body.joints(BodyParams(BETAS[None], rotmat, transl))
    assert (joints[:, 15, 1] > joints[:, 0, 1] + 0.3).all()  # head above pelvis along y
    lowest = body(BodyParams(BETAS[None], rotmat, transl)).verts[..., 1].min()
    assert abs(lowest) < 0.03
    assert transl[-1, 0] - transl[0, 0] == pytest.approx(56 * 6 / 299, abs=1e-3)


def test_mocap_avoids_invalid_frames(generator):
    clip = replace(_clip(), valid=np.arange(300) >= 200)
    for _ in range(5):
        action = random_mocap_action(clip, generator, seconds=0.5)
        assert action.transl[0, 0] >= 200 * 6 / 299 - 1e-4
    with pytest.raises(InputError, match=r"clip clip has no valid stretch of 2\.0 s"):
        random_mocap_action(clip, generator, seconds=2.0)


def test_mocap_refuses_a_clip_that_is_too_short(generator):
    with pytest.raises(InputError, match="no valid stretch"):
        random_mocap_action(_clip(frames=20), generator, seconds=0.5)


def test_slow_clips_are_interpolated_by_splines(body, generator):
    fast = _clip(301)
    slow = replace(
        fast,
        poses=fast.poses[::4],
        transl=fast.transl[::4],
        valid=fast.valid[::4],
        frame_rate=30.0,
    )
    action = random_mocap_action(slow, generator, seconds=1.0)
    assert action.frame_rate == 120.0
    assert action.duration == pytest.approx(1.0, abs=0.01)
    times = torch.linspace(0.2, 0.8, 61, dtype=torch.float64)
    rotmat, _ = action.window(body, BETAS, times)
    # Speeds change little by little, not at the frames of the recording only.
    step = rotmat[1:, 5] - rotmat[:-1, 5]
    turn = (step[1:] - step[:-1]).flatten(1).norm(dim=1)
    assert turn.max() < 4.0 * turn.median()
