import importlib.util
import sys

import numpy as np
import pytest
import torch

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


def test_the_tool_makes_a_prior_from_a_folder_of_clips(tool, tmp_path, capsys):
    generator = np.random.default_rng(0)
    basis = generator.normal(size=(3, 69)) * 0.3
    for subject in ("anna", "ben"):
        (tmp_path / subject).mkdir()
        poses = np.zeros((150, 72))
        poses[:, 3:] = generator.normal(size=(150, 3)) @ basis
        np.savez(tmp_path / subject / "clip.npz", poses=poses, mocap_framerate=120.0)
    output = tmp_path / "out" / "pose_prior.npz"
    tool.main(["--mocap", str(tmp_path), "--output", str(output), "--components", "2"])
    assert "held-out poses: 150" in capsys.readouterr().out
    prior = MixturePosePrior(output)
    inside = torch.from_numpy(generator.normal(size=(50, 3)) @ basis).float()
    spread = inside.std() * torch.randn(50, 69, generator=torch.Generator().manual_seed(0))
    assert prior(inside).mean() + 0.5 < prior(spread).mean()


def test_an_empty_folder_is_named(tool, tmp_path):
    with pytest.raises(InputError, match="no cmu_smpl_pack"):
        list(tool.read_clips(tmp_path))


def test_the_packs_reader_gives_the_packs_valid_poses(tool, shared_data):
    # A slow twin of the unpacking: second differences summed one by one.
    folder = shared_data / "mocap"
    clip = next(tool.read_clips(folder))
    with np.load(folder / "cmu_smpl_pack.npz") as data:
        name = (folder / "manifest.csv").read_text().splitlines()[1].split(",")[0]
        head, high, low = (data[f"{name}/{key}"].astype(np.int64) for key in "hdl")
        num_frames = int(data[f"{name}/n"][0])
        valid = np.unpackbits(data[f"{name}/v"])[:num_frames].astype(bool)
    frames = [head[0], head[1]]
    for k in range(num_frames - 2):
        frames.append(2 * frames[-1] - frames[-2] + high[:, k] * 256 + low[:, k])
    expected = np.stack(frames)[valid][:, 6:] * 1e-4
    np.testing.assert_allclose(clip.poses, tool.shortest(expected), atol=1e-9)


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
