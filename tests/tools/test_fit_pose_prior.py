"""The tool that fits the pose prior, on a small case."""

import importlib.util
import sys

import numpy as np
import pytest
import torch

from datamodules.mocap.clip import split_of_subject
from datamodules.mocap.packed import read_manifest
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.prior import MixturePosePrior


@pytest.fixture(scope="module")
def tool(repo):
    pytest.importorskip("sklearn", reason="only the tool that fits the prior needs scikit-learn")
    path = repo / "tools" / "fit_pose_prior.py"
    spec = importlib.util.spec_from_file_location("fit_pose_prior", path)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules["fit_pose_prior"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fit_pose_prior"]


def test_shortest_turns_the_long_way_round_into_the_short_one(tool):
    pose = np.zeros((1, 69))
    pose[0, 0] = 2 * np.pi - 0.2
    assert tool.shortest(pose)[0, 0] == pytest.approx(-0.2)


def test_thin_drops_poses_at_rest(tool):
    poses = np.zeros((100, 69))
    poses[50:, 5] = np.linspace(0, 1, 50)
    assert len(tool.thin(poses, 0.3)) == 4


def test_mirrored_is_a_reflection_of_the_bodys_rotations(tool):
    generator = np.random.default_rng(0)
    poses = generator.normal(size=(3, 69)) * 0.5
    np.testing.assert_allclose(tool.mirrored(tool.mirrored(poses)), poses)
    left_knee = torch.from_numpy(poses.reshape(3, 23, 3)[:, 3])
    right_knee = torch.from_numpy(tool.mirrored(poses).reshape(3, 23, 3)[:, 4])
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    expected = mirror @ rotvec_to_rotmat(left_knee) @ mirror
    torch.testing.assert_close(rotvec_to_rotmat(right_knee), expected)


def save_clip(folder, subject, body_pose, **arrays):
    poses = np.concatenate([np.zeros((len(body_pose), 3)), body_pose], 1)
    path = folder / subject / "clip.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, poses=poses, trans=np.zeros((len(poses), 3)), mocap_framerate=120.0, **arrays)


SUBJECTS = {"train": "ben", "val": "anna"}
"""Whom the names' hash puts where."""


def test_the_tool_makes_a_prior_from_a_folder_of_clips(tool, tmp_path, capsys):
    assert {split_of_subject(name): name for name in SUBJECTS.values()} == SUBJECTS
    generator = np.random.default_rng(0)
    basis = generator.normal(size=(3, 69)) * 0.3
    for subject in SUBJECTS.values():
        save_clip(tmp_path / "mocap", subject, generator.normal(size=(150, 3)) @ basis)
    output = tmp_path / "out" / "pose_prior.npz"
    tool.main(["--mocap", str(tmp_path / "mocap"), "--output", str(output), "--components", "2"])
    assert "held-out poses: 150" in capsys.readouterr().out
    prior = MixturePosePrior(output)
    inside = torch.from_numpy(generator.normal(size=(50, 3)) @ basis).float()
    spread = inside.std() * torch.randn(50, 69, generator=torch.Generator().manual_seed(0))
    assert prior(inside).mean() + 0.5 < prior(spread).mean()


def test_only_valid_poses_are_read(tool, tmp_path):
    poses = 0.1 * np.arange(5.0)[:, None] * np.ones(69)
    save_clip(tmp_path, SUBJECTS["train"], poses, valid=np.array([1, 1, 0, 0, 1]))
    save_clip(tmp_path, SUBJECTS["val"], poses, valid=np.zeros(5))
    (clip,) = tool.read_clips(tmp_path)
    np.testing.assert_allclose(clip.poses, poses[[0, 1, 4]], atol=1e-12)
    assert not clip.is_held_out


def test_nothing_to_learn_from_is_named(tool, tmp_path):
    with pytest.raises(InputError, match="0 files match"):
        tool.read_clips(tmp_path)
    save_clip(tmp_path, SUBJECTS["val"], np.zeros((5, 69)))
    with pytest.raises(InputError, match="no recordings of training subjects"):
        tool.read_clips(tmp_path)


def test_clips_come_in_the_order_of_their_manifest(tool, shared_data):
    """The shipped file's random numbers were drawn in that order."""
    rows = read_manifest(shared_data / "mocap")
    splits = [row["split"] for row in rows.values()]
    found = tool.read_clips(shared_data / "mocap")
    assert [clip.is_held_out for clip in found] == [split == "val" for split in splits]
    assert sum(len(clip.poses) for clip in found if not clip.is_held_out) == 174_768


def test_faults_change_what_they_say(tool, generator):
    pose = 0.4 * torch.randn(50, 69, generator=generator)
    faults = tool.disturbed_poses(pose, generator)
    changed = {
        name: (values - pose).unflatten(-1, (-1, 3)).norm(dim=-1) > 1e-3
        for name, values in faults.items()
    }
    assert (changed["knee_or_elbow_bent_backwards"].sum(1) == 1).all()
    assert not changed["hip_or_shoulder_reversed"][:, 2:15].any()
    assert changed["arm_of_another_pose"].any(0).nonzero().flatten().tolist() == [12, 15, 17, 19]
    assert 0.25 < changed["noise_0.3_rad"].float().mean() < 0.42
