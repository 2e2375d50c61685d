"""True and wrong matrices C: they mean the motions they are made of, and differ where those do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recordings import make_clip, save_clip
from training_pairs import make_pairs

from datamodules.mocap import CoefficientDataModule
from datamodules.mocap.coefficient_pairs import PoseErrorSettings, papers_coeffs
from datamodules.mocap.frames import join_clips
from datamodules.mocap.start_errors import made_up_errors, nearest_windows, read_start_errors
from datamodules.mocap.windows import WindowSettings, draw_windows, fit_windows
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import PolynomialMotion, evaluate, subframe_times

SETTINGS = WindowSettings(degree=2)


@pytest.fixture(scope="module")
def windows():
    frames = join_clips([make_clip("walk", "ann", "train", seed=3)], 120.0)
    return fit_windows(frames, *draw_windows(frames, SETTINGS, 60), SETTINGS)


def _as_motion(coeffs):
    eye = torch.eye(3).expand(len(coeffs), 24, 3, 3)
    return PolynomialMotion(coeffs, eye, torch.zeros(len(coeffs), 3), 0.0, "paper")


def _apart(one, other):
    """Mean rotation between two motions, rad, and distance, m."""
    t = subframe_times(5)
    (a, x), (b, y) = (evaluate(motion, t) for motion in (one, other))
    return rotmat_to_rotvec(a.mT @ b).norm(dim=-1).mean(), (x - y).norm(dim=-1).max()


def _people(windows):
    return made_up_errors(windows, torch.Generator().manual_seed(0))


def test_papers_coefficients_mean_the_motion(windows):
    people = _people(windows)
    motion = PolynomialMotion(windows.coeffs, people.pose_rotmat, people.transl)
    t = torch.linspace(0.0, 1.0, 9)
    coeffs = papers_coeffs(*evaluate(motion, t), t, 2)
    turn, way = _apart(_as_motion(coeffs), motion)
    assert turn < 0.02
    assert way < 0.02


def test_the_same_motion_written_alike_is_the_same(windows):
    people = _people(windows)
    motion = PolynomialMotion(windows.coeffs, people.pose_rotmat, people.transl)
    t = torch.linspace(0.0, 1.0, 9)
    sampled = evaluate(motion, t)
    coeffs = papers_coeffs(*sampled, t, 2)
    # Other signs and a full turn more are the same rotations.
    odd = coeffs.clone()
    odd[:, :, 3:9] *= -1.0
    odd[:, 0, 4, 3] += 2 * torch.pi
    again = papers_coeffs(*sampled, t, 2, odd)
    assert (again - odd).abs().mean() < 0.02
    assert _apart(_as_motion(again), motion)[0] < 0.02


def test_wrong_ones_have_the_poses_of_starts_and_right_ones_the_truth(tmp_path):
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    make_pairs(tmp_path / "pairs", "ann", 60, 0)
    pose_errors = PoseErrorSettings(0.0, 1.0, 1.0, depth_error=0.0, aside_error_m=0.0)
    data = CoefficientDataModule(
        str(tmp_path / "mocap"),
        pairs=str(tmp_path / "pairs"),
        pose_errors=pose_errors,
        num_train=60,
        num_val=20,
        cache=str(tmp_path / "cache"),
        show_progress=False,
    )
    people = data.people("train")
    data.corruption = replace(data.corruption, mirror=0.0)
    pairs = data.pairs_of("train", torch.arange(60), torch.Generator().manual_seed(0))
    rest = PolynomialMotion(torch.zeros(60, 1, 25, 3), people.start_rotmat, people.transl)
    assert _apart(_as_motion(pairs.corrupted), rest)[0] < 1e-3
    middle = evaluate(_as_motion(pairs.coeffs), torch.tensor([0.5]))[0][:, 0]
    assert rotmat_to_rotvec(middle.mT @ people.pose_rotmat).norm(dim=-1).mean() < 0.02
    # The pairs' elbows are wrong, their spines are not.
    apart = (pairs.corrupted - pairs.coeffs)[:, 0].abs()
    wrong = (apart > 0.1).any(-1).float().mean(0)
    assert wrong[[19, 20]].min() > 0.8
    assert wrong[[4, 7]].max() < 0.3


def test_borrowed_motions_are_those_of_similar_poses(windows):
    nearest = nearest_windows(windows.base_rotmat[:7], windows, 3)
    apart = windows.base_rotmat[nearest[:, 0]] - windows.base_rotmat[:7]
    assert apart[:, 1:22].abs().max() < 0.02
    with pytest.raises(InputError, match="60 windows cannot give 61 motions"):
        nearest_windows(windows.base_rotmat, windows, 61)


def test_people_taken_for_facing_the_other_way_are_left_out(windows, tmp_path):
    make_pairs(tmp_path / "pairs", "ann", 30, 0)
    file = tmp_path / "pairs" / "pairs_00000.npz"
    arrays = dict(np.load(file))
    arrays["registered"][:10, 0] = [0.0, 0.0, torch.pi]
    np.savez(file, **arrays)
    assert len(read_start_errors(tmp_path / "pairs", windows, 1, 0.8)) == 20
    assert len(read_start_errors(tmp_path / "pairs", windows, 1, 4.0)) == 30
    with pytest.raises(InputError, match="no pair whose start"):
        read_start_errors(tmp_path / "pairs", windows, 1, 0.0)


def test_a_folder_without_pairs(windows, tmp_path):
    with pytest.raises(InputError, match="no pairs in"):
        read_start_errors(tmp_path, windows, 1, 0.8)
