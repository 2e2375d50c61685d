"""Frames in files give the windows that frames in memory give."""

import numpy as np
import pytest
import torch
from recordings import make_clip

from datamodules.mocap.frames import join_clips, write_frames
from datamodules.mocap.windows import WindowSettings, draw_windows, fit_windows
from hfb.errors import InputError

CLIPS = [
    make_clip("walk", name, None, num_frames=80 + 30 * k, seed=k) for k, name in enumerate("abc")
]


def test_stored_frames_are_the_same(tmp_path):
    settings = WindowSettings(person_power=0.5)
    joined, stored = join_clips(CLIPS, 120.0), write_frames(iter(CLIPS), 120.0, tmp_path)
    drawn = [draw_windows(frames, settings, 200) for frames in (joined, stored)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    fitted = [fit_windows(f, *drawn[0], settings) for f in (joined, stored)]
    torch.testing.assert_close(fitted[0].coeffs, fitted[1].coeffs, rtol=0, atol=0)
    torch.testing.assert_close(fitted[0].base_rotmat, fitted[1].base_rotmat, rtol=0, atol=0)


def test_recordings_that_are_not_chosen_give_no_windows(tmp_path):
    stored = write_frames(iter(CLIPS), 120.0, tmp_path)
    alone = write_frames(iter(CLIPS[1:2]), 120.0, tmp_path / "alone")
    chosen = type(stored)(stored.folder, stored.recordings, [False, True, False])
    start, length = draw_windows(chosen, WindowSettings(), 100)
    own_start, own_length = draw_windows(alone, WindowSettings(), 100)
    np.testing.assert_array_equal(start, own_start + 80)
    np.testing.assert_array_equal(length, own_length)


def test_one_draw_from_all_frames_is_what_is_drawn(tmp_path):
    """The oracle: numpy's own weighted choice over all frames at once."""
    settings = WindowSettings(person_power=1.0)
    frames = join_clips(CLIPS, 120.0)
    quats = frames.pose_quat_xyzw.double()
    alike = (quats[:-1] * quats[1:]).sum(-1).abs().clamp(max=1.0)
    activity = np.append((2.0 * torch.arccos(alike)).sum(-1).numpy(), 0.0) + 0.05
    weight = np.where(frames.run >= settings.min_frames, activity, 0.0)
    weight *= (frames.seconds / np.bincount(frames.clip, weight))[frames.clip]
    rng = np.random.default_rng(settings.seed)
    expected = rng.choice(len(weight), 500, p=weight / weight.sum())
    start, _ = draw_windows(frames, settings, 500)
    assert (np.abs(start - expected) <= 1).all()  # angles from arccos are less exact
    assert (start == expected).mean() > 0.95


def test_a_frame_takes_400_bytes_in_files(tmp_path):
    stored = write_frames(iter(CLIPS), 120.0, tmp_path)
    assert [one.num_frames for one in stored.recordings] == [80, 110, 140]
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) == 330 * (24 * 4 + 3 + 1) * 4


def test_nothing_to_write(tmp_path):
    with pytest.raises(InputError, match="no recordings"):
        write_frames(iter([]), 120.0, tmp_path)
