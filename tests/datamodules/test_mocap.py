"""Windows of motion capture and the pairs made from them."""

from itertools import islice

import numpy as np
import pytest
import torch

from datamodules.mocap.data_module import MocapDataModule, split_clips
from datamodules.mocap.files import MocapClip
from datamodules.mocap.pairs import KINDS, CorruptionSettings, lowered_degree, make_pairs
from datamodules.mocap.windows import Windows, WindowSettings, draw_windows, fit_windows, join_clips
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.tracks import CHAIN_TRACKS

NONE = CorruptionSettings(noise=0.0, tilt_deg=0.0, lower_degree=0.0, mirror=0.0, pose_noise_rad=0.0)


def make_clip(name, subject, split, num_frames=150, rate=120.0, seed=0):
    """Somebody who walks along a curve and swings arms and legs."""
    t = np.arange(num_frames) / rate
    rng = np.random.default_rng(seed)
    poses = np.zeros((num_frames, 72))
    swing = 0.6 * np.sin(2 * np.pi * 0.9 * t + rng.uniform(0, 6))
    poses[:, 3], poses[:, 6] = swing, -swing
    poses[:, 12], poses[:, 15] = 0.5 + 0.5 * np.cos(2 * t), 0.5 + 0.5 * np.sin(2 * t)
    poses[:, 48], poses[:, 51] = -swing, swing
    # y-up model to z-up world, then a heading that changes.
    upright = rotvec_to_rotmat(torch.tensor([np.pi / 2, 0.0, 0.0]).float())
    heading = torch.from_numpy(np.stack([0 * t, 0 * t, 0.3 * t + seed], 1)).float()
    root = rotvec_to_rotmat(heading) @ upright
    from hfb.geometry import rotmat_to_rotvec

    poses[:, :3] = rotmat_to_rotvec(root).numpy()
    forward = (root @ torch.tensor([0.0, 0.0, 1.0])).numpy()
    transl = np.cumsum(1.2 * forward / rate, 0) + np.array([3.0, -2.0, 0.9])
    return MocapClip(name, subject, poses, transl, rate, np.ones(num_frames, bool), split)


def save_clip(folder, clip):
    path = folder / clip.subject / f"{clip.name}_poses.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, poses=clip.poses, trans=clip.transl, mocap_framerate=clip.frame_rate)


@pytest.fixture
def frames():
    return join_clips([make_clip("a", "s", "train"), make_clip("b", "s", "train", seed=1)], 120.0)


def _fit(frames, settings, count=20):
    return fit_windows(frames, *draw_windows(frames, settings, count), settings)


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
        index = slice(int(start[k]), int(start[k] + length[k]))
        # Joint rotations know nothing of the frame.
        torch.testing.assert_close(rotmat[:, 1:], frames.pose_rotmat[index, 1:], atol=0.02, rtol=0)
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
    num = len(slow.pose_rotmat)
    assert num == 119
    torch.testing.assert_close(slow.pose_rotmat, fast.pose_rotmat[:num], atol=2e-3, rtol=0)
    assert slow.weight[0] == pytest.approx(0.5 * fast.weight[0], rel=0.02)


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


def test_reversed_chains_are_wrong_in_their_odd_orders_only(frames, generator):
    windows = _fit(frames, WindowSettings(), 64)
    scale = torch.ones(4, 25)
    pairs = make_pairs(windows, scale, NONE, generator, "chains")
    torch.testing.assert_close(pairs.coeffs, windows.coeffs)
    assert not pairs.wrong[:, 0::2].any()
    torch.testing.assert_close(pairs.wrong[:, 1], pairs.wrong[:, 3])
    expected = torch.where(pairs.wrong.unsqueeze(-1), -windows.coeffs, windows.coeffs)
    torch.testing.assert_close(pairs.corrupted, expected)
    for tracks in CHAIN_TRACKS.values():
        own = pairs.wrong[:, 1, list(tracks)]
        assert (own.all(1) == own.any(1)).all()
        assert 5 < own.any(1).sum() < 60


def test_a_whole_reversal_is_the_motion_played_backwards(frames, generator):
    windows = _fit(frames, WindowSettings())
    pairs = make_pairs(windows, torch.ones(4, 25), NONE, generator, "whole")
    assert pairs.wrong[:, 1::2].all()
    t = torch.linspace(0, 1, 5)
    forward = evaluate(PolynomialMotion(pairs.coeffs, pairs.base_rotmat, pairs.base_transl), t)
    backward = evaluate(PolynomialMotion(pairs.corrupted, pairs.base_rotmat, pairs.base_transl), t)
    torch.testing.assert_close(backward[0], forward[0].flip(1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(backward[1], forward[1].flip(1), atol=1e-5, rtol=1e-4)


def test_drift_is_one_constant_velocity(frames, generator):
    windows = _fit(frames, WindowSettings())
    pairs = make_pairs(windows, torch.ones(4, 25), NONE, generator, "drift")
    changed = (pairs.corrupted != pairs.coeffs).any(-1)
    assert (changed.sum((1, 2)) == 1).all()
    assert (changed == pairs.wrong).all()
    assert changed[:, 1].any(1).all()


def test_kinds_come_by_their_shares(frames, generator):
    windows = _fit(frames, WindowSettings(), 8)
    many = windows.select(torch.arange(8).repeat(300))
    pairs = make_pairs(many, torch.ones(4, 25), CorruptionSettings(), generator)
    shares = torch.bincount(pairs.kind, minlength=len(KINDS)) / len(many)
    expected = torch.tensor([getattr(CorruptionSettings(), name) for name in KINDS])
    torch.testing.assert_close(shares, expected, atol=0.04, rtol=0)
    clean = pairs.kind == KINDS.index("clean")
    assert not pairs.wrong[clean].any()
    # Some of them carry noise, which makes no entry wrong by itself.
    touched = (pairs.corrupted != pairs.coeffs)[clean].flatten(1).any(1).float().mean()
    assert float(touched) == pytest.approx(CorruptionSettings().noise, abs=0.05)


def test_a_lower_degree_is_the_least_squares_fit(generator):
    coeffs = torch.randn(2, 4, 25, 3, generator=generator)
    chosen = torch.tensor([True, False])
    lower = lowered_degree(coeffs, chosen, generator)
    torch.testing.assert_close(lower[1], coeffs[1])
    assert (lower[0, 3].abs() < 1e-5).all()
    u = torch.linspace(-0.5, 0.5, 33)
    values = torch.einsum("td,dkc->tkc", u[:, None] ** torch.arange(1, 4), coeffs[0, 1:])
    degree = 2 if (lower[0, 2].abs() > 1e-6).any() else 1
    powers = (u[:, None] ** torch.arange(1, degree + 1)).numpy()
    solution = np.linalg.lstsq(powers, values.reshape(33, -1).numpy(), rcond=None)[0]
    np.testing.assert_allclose(
        lower[0, 1 : degree + 1].reshape(degree, -1).numpy(), solution, atol=1e-4
    )


@pytest.fixture
def mocap_folder(tmp_path):
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    return tmp_path / "mocap"


def _module(folder, cache, **options):
    return MocapDataModule(
        str(folder),
        cache=str(cache),
        **{"num_train": 40, "num_val": 20, "batch_size": 16, "show_progress": False, **options},
    )


def test_the_cache_is_used_verified_and_renewed(mocap_folder, tmp_path, caplog):
    cache = tmp_path / "cache"
    first = _module(mocap_folder, cache).windows("train")
    (file,) = cache.glob("train-*.npz")
    made = file.stat().st_mtime_ns
    again = _module(mocap_folder, cache).windows("train")
    torch.testing.assert_close(again.coeffs, first.coeffs, rtol=0, atol=0)
    assert file.stat().st_mtime_ns == made
    # Damage inside an array, which only a checksum sees.
    arrays = dict(np.load(file))
    arrays["coeffs"][0, 0, 0, 0] += 1
    np.savez(file, **arrays)
    repaired = _module(mocap_folder, cache).windows("train")
    assert "does not have its checksum" in caplog.text
    torch.testing.assert_close(repaired.coeffs, first.coeffs, rtol=0, atol=0)
    _module(mocap_folder, cache, windows=WindowSettings(degree=2)).windows("train")
    assert len(list(cache.glob("train-*.npz"))) == 2


def test_validation_subjects_are_never_trained_on(mocap_folder, tmp_path):
    data = _module(mocap_folder, tmp_path / "cache")
    subjects = {s: {clip.subject for clip in data.clips(s)} for s in ("train", "val")}
    assert subjects["train"]
    assert subjects["val"]
    assert not subjects["train"] & subjects["val"]
    assert subjects["train"] | subjects["val"] == {"ann", "bob", "cat"}


def test_validation_is_the_same_every_time_and_training_is_not(mocap_folder, tmp_path):
    data = _module(mocap_folder, tmp_path / "cache", steps_per_epoch=2)
    first, second = ([b.corrupted for b in data.val_dataloader()] for _ in range(2))
    assert [len(batch) for batch in first] == [16, 4]
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    loader = data.train_dataloader()
    # As Lightning does it: it knows the length and never asks for more.
    one, two = ([b.corrupted for b in islice(loader, 2)] for _ in range(2))
    assert len(one) == len(loader) == 2
    assert not torch.equal(one[0], two[0])


def test_one_subject_is_not_enough():
    clips = [make_clip("a", "s", "train"), make_clip("b", "s", "train")]
    with pytest.raises(InputError, match="all 2 recordings are of subject 's'"):
        split_clips(clips)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "0 files match"),
        (lambda folder: None, "there is no such file or folder"),
    ],
)
def test_nothing_to_learn_from(tmp_path, make, message):
    make(tmp_path / "mocap")
    with pytest.raises(InputError, match=message):
        _module(tmp_path / "mocap", tmp_path / "cache").prepare_data()


def test_impossible_windows_are_refused():
    with pytest.raises(InputError, match="cannot fix polynomials of degree 5"):
        WindowSettings(degree=5, min_frames=5)
    assert Windows.__dataclass_params__.frozen
