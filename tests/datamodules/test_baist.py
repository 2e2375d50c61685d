import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from datamodules.baist import BaistDataModule, BaistDataset, usable_runs
from hfb.errors import InputError
from hfb.files.pickles import read_pickled_arrays
from hfb.formation import linear_to_srgb, srgb_to_linear

VIDEO = "gWA_sBM_c01_d26_mWA0_ch06_cropped_32X"


NUM_BLUR = 90


HEIGHT, WIDTH = 24, 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video in which a bright bar walks over a grey gradient; frame 49 has no annotation."""
    root = tmp_path_factory.mktemp("b-aist++")
    video = root / VIDEO
    for name in ("blur", "blur_anno", "sharp", "sharp_anno"):
        (video / name).mkdir(parents=True)
    for number in range(NUM_BLUR):
        frames = []
        for k in range(7):
            frame = scene()
            frame[:, (7 * number + k) // 3 % WIDTH] = 250
            frames.append(frame)
            Image.fromarray(frame).save(video / "sharp" / f"{number:08d}_{k:03d}.png")
        mean = np.mean(frames, axis=0).round().astype(np.uint8)
        Image.fromarray(mean).save(video / "blur" / f"{number:08d}.png")
        if number != 49:
            anno = video / "blur_anno" / f"{number:08d}.pkl"
            anno.write_bytes(pickle.dumps({"bbox": np.array([0, 0, 19, 23])}))
    return root


def scene() -> np.ndarray:
    ramp = np.linspace(40, 120, WIDTH).astype(np.uint8)
    return np.repeat(np.tile(ramp, (HEIGHT, 1))[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def aist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AIST++'s annotations: keypoints in cm, cameras by setting."""
    root = tmp_path_factory.mktemp("aist")
    (root / "keypoints3d").mkdir()
    (root / "cameras").mkdir()
    rng = np.random.default_rng(0)
    base = rng.normal(size=(17, 3)) * 50
    keypoints = base + np.arange(200)[:, None, None] * np.array([1.0, 0.5, 0.0])
    content = {"keypoints3d": keypoints + 1e3, "keypoints3d_optim": keypoints}
    path = root / "keypoints3d" / "gWA_sBM_cAll_d26_mWA0_ch06.pkl"
    path.write_bytes(pickle.dumps(content))
    camera = {
        "name": "c01", "size": [1920, 1080], "matrix": np.eye(3).tolist(),
        "rotation": [0.1, -0.4, 3.0], "translation": [10.0, 160.0, 500.0],
        "distortions": [0.0] * 5,
    }  # fmt: skip
    (root / "cameras" / "setting7.json").write_text(json.dumps([{"name": "c02"}, camera]))
    (root / "cameras" / "mapping.txt").write_text("gWA_sBM_cAll_d26_mWA0_ch06 setting7\n")
    return root


def test_frames_at_the_ends_and_without_annotation_are_left_out(root: Path) -> None:
    assert usable_runs(root / VIDEO, 1, 1) == [[n] for n in range(40, 49)]
    assert usable_runs(root / VIDEO, 3, 4) == [[40, 41, 42], [44, 45, 46]]


@pytest.mark.parametrize("num_averaged", [1, 2, 3])
def test_samples_are_means_in_linear_light_before_the_median(root: Path, num_averaged: int) -> None:
    sample = BaistDataset([root / VIDEO], num_averaged, stride=5)[0]
    assert sample.sample_id == f"{VIDEO}_00000040_{num_averaged}"
    frames = [np.array(Image.open(root / VIDEO / "blur" / f"{40 + k:08d}.png")) for k in
              range(num_averaged)]  # fmt: skip
    light = np.mean([srgb_to_linear(torch.from_numpy(f / 255.0)).numpy() for f in frames], axis=0)
    expected = linear_to_srgb(torch.from_numpy(light)).permute(2, 0, 1).float()
    torch.testing.assert_close(sample.blurry[0], expected, atol=1e-5, rtol=0)
    clean = torch.from_numpy(scene() / 255.0).permute(2, 0, 1).float()
    torch.testing.assert_close(sample.background, clean, atol=1e-6, rtol=0)
    assert sample.target is None
    assert float(sample.exposure[0, 1]) == pytest.approx(num_averaged / 60)


def test_truth_of_aist_is_in_the_camera_in_metres(root: Path, aist: Path) -> None:
    module = BaistDataModule(
        str(root), truth="aist", truth_folder=str(aist), num_averaged=2, stride=5, first_frame=10.0,
        frames_per_blur=2.0, exposure_frames=1.5,
    )  # fmt: skip
    batch = next(iter(module.test_dataloader()))
    target = batch[0].target
    assert target.joints.shape == (1, 14, 12, 3)
    assert target.joint_names[:2] == ("left_hip", "right_hip")
    opened, closed = 10 + 2 * 40, 10 + 2 * 41 + 1.5
    stored = read_pickled_arrays(next((aist / "keypoints3d").glob("*.pkl")), "keypoints")
    rotation = Rotation.from_rotvec([0.1, -0.4, 3.0]).as_matrix()
    for s in range(14):
        at = opened + (s + 0.5) / 14 * (closed - opened)
        low = int(at)
        world = (1 - at + low) * stored["keypoints3d_optim"][low] + (at - low) * stored[
            "keypoints3d_optim"
        ][low + 1]
        expected = world[11] @ rotation.T / 100 + np.array([0.1, 1.6, 5.0])
        np.testing.assert_allclose(target.joints[0, s, 0].numpy(), expected, atol=1e-4)
    duration = (closed - opened) / 60
    assert float(batch[0].exposure[0, 1]) == pytest.approx(duration)
    assert float(target.times.max()) < duration


def test_truth_of_an_estimate_file(root: Path, tmp_path: Path) -> None:
    joints = np.random.default_rng(1).normal(size=(NUM_BLUR, 7, 24, 3))
    np.savez(tmp_path / f"{VIDEO}.npz", frame_ids=np.arange(NUM_BLUR), joints=joints)
    dataset = BaistDataset([root / VIDEO], 2, 5, truth_folder=tmp_path)
    target = dataset[1].target
    expected = joints[45:47].reshape(1, 14, 24, 3)
    torch.testing.assert_close(target.joints, torch.from_numpy(expected).float())
    (tmp_path / f"{VIDEO}.npz").unlink()
    np.savez(tmp_path / f"{VIDEO}.npz", frame_ids=np.arange(3), joints=joints[:3])
    with pytest.raises(InputError, match="lacks frame 40"):
        dataset[0]


def test_faults_are_reported_sample_by_sample(root: Path, aist: Path, tmp_path: Path) -> None:
    module = BaistDataModule(
        str(root), truth="aist", truth_folder=str(aist), first_frame=1000.0, batch_size=3, stride=5
    )
    (batch,) = list(module.test_dataloader())
    assert len(batch) == 2
    assert all("of AIST++ is wanted" in broken.reason for broken in batch)
    with pytest.raises(InputError, match=r"no videos of B-AIST\+\+"):
        BaistDataModule(str(tmp_path)).test_dataloader()
    with pytest.raises(InputError, match="truth_folder goes with truth"):
        BaistDataModule(str(root), truth="aist")
