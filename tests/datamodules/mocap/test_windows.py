"""Windows of recordings, fitted by polynomials."""

import numpy as np
import pytest
import torch
from recordings import make_clip

from datamodules.mocap.clip import MocapClip
from datamodules.mocap.frames import join_clips
from datamodules.mocap.windows import (
    Windows,
    WindowSettings,
    draw_windows,
    fit_windows,
    recording_shares,
)
from hfb.errors import InputError
from hfb.motion import PolynomialMotion, evaluate


@pytest.fixture
def frames():
    return join_clips([make_clip("a", "s", "train"), make_clip("b", "s", "train", seed=1)], 120.0)


@pytest.mark.parametrize("parameterization", ["tangent", "paper"])
def test_windows_follow_the_recording(frames, parameterization):
    settings = WindowSettings(parameterization=parameterization)
    start, length = np.array([10, 40, 200]), np.array([5, 31, 60])
    windows = fit_windows(frames, start, length, settings)
    for k in range(3):
        t = torch.linspace(0, 1, int(length[k]))
        motion = PolynomialMotion(
            windows.coeffs[k],
            windows.base_rotmat[k],
            windows.base_transl[k],
            parameterization=parameterization,
        )
        rotmat, transl = evaluate(motion, t)
        index = torch.arange(int(start[k]), int(start[k] + length[k]))
        # Joint rotations know nothing of the frame.
        torch.testing.assert_close(
            rotmat[:, 1:], frames.pose_rotmat(index)[:, 1:], atol=0.02, rtol=0
        )
        # The path keeps its length, and leads forwards along +z.
        steps = frames.transl[index].diff(dim=0).norm(dim=-1).sum()
        torch.testing.assert_close(
            transl.diff(dim=0).norm(dim=-1).sum(), steps, rtol=0.02, atol=1e-3
        )
        assert float((transl[-1] - transl[0])[2]) == pytest.approx(float(steps), rel=0.02)
    torch.testing.assert_close(windows.seconds, torch.tensor([4.0, 30.0, 59.0]) / 120)


def test_other_rates_are_resampled():
    fast = join_clips([make_clip("a", "s", "train", 120)], 120.0)
    slow = join_clips([make_clip("a", "s", "train", 60, rate=60.0)], 120.0)
    num = len(slow.run)
    assert num == 119
    rows = torch.arange(num)
    torch.testing.assert_close(slow.pose_rotmat(rows), fast.pose_rotmat(rows), atol=1e-4, rtol=0)
    assert slow.seconds[0] == pytest.approx(fast.seconds[0], rel=0.02)


def _shares(clips, **settings):
    return recording_shares(join_clips(clips, 120.0), WindowSettings(**settings))


def test_people_count_by_the_root_of_their_time_and_long_recordings_fully():
    clips = [
        make_clip("a", "ann", "train", 1200),
        make_clip("b", "ann", "train", 2400),
        make_clip("c", "bob", "train", 400),
    ]
    first, second, other = _shares(clips)
    assert second == pytest.approx(2.0 * first)
    assert (first + second) / other == pytest.approx((3600 / 400) ** 0.5)
    by_time = _shares(clips, person_power=1.0)
    assert by_time.tolist() == pytest.approx([10.0, 20.0, 400 / 120])
    assert _shares(clips, person_power=0.0).tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    capped = _shares(clips, person_power=1.0, most_seconds=12.0)
    assert capped.tolist() == pytest.approx([10.0, 12.0, 400 / 120])


def test_windows_follow_the_shares():
    frames = join_clips(
        [make_clip("a", "ann", "train", 2000), make_clip("b", "bob", "train", 500)], 120.0
    )
    start, _ = draw_windows(frames, WindowSettings(), 6000)
    assert (frames.clip[start] == 0).mean() == pytest.approx(2 / 3, abs=0.03)


def test_windows_keep_clear_of_frames_that_are_not_valid():
    clip = make_clip("a", "s", "train", 200)
    valid = clip.valid.copy()
    valid[90:93] = False
    poses = clip.poses.copy()
    poses[91] = np.nan
    clip = MocapClip("a", "s", poses, clip.transl, 120.0, valid, "train")
    frames = join_clips([clip], 120.0)
    start, length = draw_windows(frames, WindowSettings(), 500)
    assert (length >= 5).all()
    assert (length <= 60).all()
    assert ((start + length <= 90) | (start >= 93)).all()
    assert (start + length <= 200).all()
    assert torch.isfinite(fit_windows(frames, start, length, WindowSettings()).coeffs).all()


def test_no_stretch_is_long_enough():
    clip = make_clip("a", "s", "train", 40)
    valid = np.arange(40) % 4 > 0
    frames = join_clips(
        [MocapClip("a", "s", clip.poses, clip.transl, 120.0, valid, "train")], 120.0
    )
    with pytest.raises(InputError, match="no recording has 5 valid frames in a row"):
        draw_windows(frames, WindowSettings(), 3)


def test_impossible_windows_are_refused():
    with pytest.raises(InputError, match="cannot fix polynomials of degree 5"):
        WindowSettings(degree=5, min_frames=5)
    assert Windows.__dataclass_params__.frozen
