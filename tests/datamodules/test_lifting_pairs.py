"""Pairs for the lifting network: drawn, stored, read, refused."""

import numpy as np
import pytest
import torch

from datamodules.lifting import shards as lifting_shards
from datamodules.lifting.data_module import LiftingDataModule, mirrored_pairs, read_pairs
from datamodules.lifting.outfits import Wardrobe
from datamodules.lifting.scene import PICTURE_SIZE
from datamodules.lifting.shards import PairMaker, draw_scenes, pair_of, random_roi
from datamodules.lifting_pairs import main
from datamodules.mocap.windows import join_clips
from hfb.body import load_body
from hfb.errors import InputError
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init.detect.detector_output import DetectorOutput
from hfb.init.detect.landmarks import Landmarks
from hfb.init.register.correspondence import correspondence
from hfb.structures import BodyParams, Camera
from hfb.training.lifting.batch import batch_of
from tests.datamodules.test_mocap import make_clip


@pytest.fixture(scope="module")
def maker():
    """Draws pictures of a made-up walk; without the detector, which the tests here do not need."""
    body = load_body()
    backgrounds = torch.randint(0, 255, (2, 3, PICTURE_SIZE, PICTURE_SIZE), dtype=torch.uint8)
    frames = join_clips([make_clip("walk", "ann", "train")], 120.0)
    return PairMaker(frames, ("ann",), body, Wardrobe.of(body), backgrounds, None)


@pytest.fixture(scope="module")
def pairs(maker):
    """Three pairs as they are stored, read by a detector that is never wrong about the joints."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for scene, subject in draw_scenes(maker, 3, 3):
        roi = random_roi(scene, generator)
        joints = scene.joints[scene.middle]
        points = np.zeros((39, 5))
        xy = project(joints, scene.camera).numpy()
        points[:24, :2] = (xy - np.array(roi[:2])) / roi[2] * 256 + 128
        world = np.zeros((39, 3))
        world[:24] = joints - joints[0]
        output = DetectorOutput(points, np.full((39, 3), 0.1), world, 0.9, roi)
        found_xy = np.zeros((33, 2))
        guess = Landmarks(found_xy, world[:33], np.ones(33), 1.0, roi, roi, outputs=(output,))
        found.append(pair_of(scene, guess, subject))
    return {name: np.stack([pair[name] for pair in found]) for name in found[0]}


def stored(folder, pairs, name="pairs_00000.npz", **changes):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = pairs | {"registered": pairs["pose"]} | changes
    np.savez(folder / name, **{key: value for key, value in arrays.items() if value is not None})
    return folder


def test_the_truth_of_a_pair_is_one_body(maker, pairs):
    rotmat = rotvec_to_rotmat(torch.from_numpy(pairs["pose"]))
    params = BodyParams(torch.from_numpy(pairs["betas"]), rotmat, torch.from_numpy(pairs["transl"]))
    joints = maker.body.joints(params)
    torch.testing.assert_close(joints, torch.from_numpy(pairs["joints"]), atol=1e-4, rtol=0)


def test_people_are_seen_whole_and_pictures_are_repeatable(maker):
    first, again = (list(draw_scenes(maker, 5, 2)) for _ in range(2))
    for (scene, _), (same, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(scene.image, same.image)
        xy = project(scene.joints, scene.camera)
        assert xy.min() > 0
        assert xy.max() < PICTURE_SIZE
        # The person differs from the place, and only near the body.
        differs = np.abs(scene.image.astype(int) - scene.background.astype(int)).max(-1) > 60
        rows, columns = np.nonzero(differs)
        assert differs.mean() > 0.002
        assert np.median(rows) > float(xy[..., 1].min()) - 20
        assert np.median(columns) < float(xy[..., 0].max()) + 20
        assert scene.blur_rate >= 0


def test_a_turned_crop_holds_the_person(maker):
    generator = torch.Generator().manual_seed(2)
    for scene, _ in draw_scenes(maker, 7, 3):
        x, y, side, _ = random_roi(scene, generator)
        xy = project(scene.joints[scene.middle], scene.camera)
        assert (xy - torch.tensor([x, y])).norm(dim=-1).max() < 0.85 * side


def test_what_the_network_should_say_is_what_the_crop_shows(pairs, tmp_path):
    arrays, subjects = read_pairs(stored(tmp_path, pairs))
    assert subjects == {"ann"}
    seen, truth = batch_of(arrays)
    # The perfect detector's 3D points are in the camera's axes; the view's roll and turn apart.
    depths = torch.stack([truth.joints[..., 2].flatten(), seen.world[:, :24, 2].flatten()])
    assert torch.corrcoef(depths)[0, 1] > 0.8
    torch.testing.assert_close(truth.joints[:, 0], torch.zeros(3, 3))


def test_mirrored_pairs_are_those_of_the_mirrored_person(maker, pairs, tmp_path):
    arrays, _ = read_pairs(stored(tmp_path, pairs))
    mirrored = mirrored_pairs(arrays)
    rotmat = rotvec_to_rotmat(mirrored["pose"])
    joints = maker.body.joints(BodyParams(mirrored["betas"], rotmat, torch.zeros(3, 3)))
    wanted = mirrored["joints"] - mirrored["joints"][:, :1]
    # The body itself is a little lopsided.
    torch.testing.assert_close(joints - joints[:, :1], wanted, atol=0.012, rtol=0)
    again = mirrored_pairs(mirrored)
    for name, values in arrays.items():
        torch.testing.assert_close(again[name], values, atol=1e-4, rtol=1e-5)


def test_registration_of_perfect_landmarks_comes_near_the_pose(maker):
    body, table = maker.body, correspondence(maker.body)
    generator = torch.Generator().manual_seed(3)
    rotmat = rotvec_to_rotmat(0.15 * torch.randn(2, 24, 3, generator=generator))
    rotmat[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    transl = torch.tensor([[0.2, 0.1, 3.0], [-0.3, 0.0, 4.0]])
    posed = body(BodyParams(torch.zeros(2, 10), rotmat, transl))
    points = torch.cat([posed.joints, posed.verts[:, table.vertices]], 1)
    channels = table.from_points.float() @ points
    landmarks = torch.linalg.pinv(table.from_landmarks.float()) @ channels
    camera = torch.tensor([[300.0, 310.0, 160.0, 150.0], [500.0, 500.0, 100.0, 170.0]])
    xy = torch.stack(
        [project(p, Camera(c[:2], c[2:], 320, 320)) for p, c in zip(landmarks, camera, strict=True)]
    )
    output, world = torch.zeros(2, 39, 5), torch.zeros(2, 39, 3)
    output[:, :33, :2], output[:, :33, 3] = (xy - 160.0) / 300.0 * 256 + 128, 8.0
    world[:, :33] = landmarks - landmarks[:, [23, 24]].mean(1, keepdim=True)
    arrays = {
        "points": output.numpy(),
        "world": world.numpy(),
        "roi": np.array([[160.0, 160.0, 300.0, 0.0]] * 2, np.float32),
        "camera": camera.numpy(),
    }
    found = rotvec_to_rotmat(torch.from_numpy(lifting_shards.registered_poses(arrays, body)))
    joints = body.joints(BodyParams(torch.zeros(2, 10), found, transl))
    error = (joints - joints[:, :1]) - (posed.joints - posed.joints[:, :1])
    assert error.norm(dim=-1).mean() < 0.04


def test_half_of_a_training_batch_is_mirrored_and_validation_is_not(pairs, tmp_path):
    others = pairs | {"subject": np.array(["bob"] * 3)}
    data = LiftingDataModule(
        str(stored(tmp_path / "train", pairs)),
        str(stored(tmp_path / "val", others)),
        batch_size=2,
        mirror=1.0,
    )
    (first, *_), (same, *_) = list(data.val_dataloader()), list(data.val_dataloader())
    torch.testing.assert_close(first["points"], same["points"])
    torch.testing.assert_close(first["points"], torch.from_numpy(pairs["points"][:2]))
    mirrored = torch.cat([batch["camera"] for batch in data.train_dataloader()])
    assert len(mirrored) == 3
    assert (mirrored[:, 2] < 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world": None}, "lacks world"),
        ({"points": np.zeros((2, 39, 5), np.float32)}, "differ in length"),
    ],
)
def test_faulty_files_are_named(pairs, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_pairs(stored(tmp_path, pairs, **change))


def test_a_truncated_file_is_named(pairs, tmp_path):
    stored(tmp_path, pairs)
    file = tmp_path / "pairs_00000.npz"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match="pairs_00000"):
        read_pairs(tmp_path)


def test_no_pairs_and_the_same_people_in_both_splits(pairs, tmp_path):
    with pytest.raises(InputError, match="no pairs in"):
        read_pairs(tmp_path)
    folder = str(stored(tmp_path, pairs))
    with pytest.raises(InputError, match="both hold pairs of subject 'ann'"):
        LiftingDataModule(folder, folder).arrays("train")


def test_the_command_refuses_what_it_cannot_do(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={tmp_path / 'o'}", "--count=0"])
    assert "at least one pair" in capsys.readouterr().err
    folder = tmp_path / "o"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    with pytest.raises(SystemExit):
        main([f"--mocap={tmp_path}", f"--output={folder}", "--count=1"])
    assert "pairs of another recipe" in capsys.readouterr().err
