"""Pairs of detections and poses."""

import numpy as np
import torch

from datamodules.lifting import shards as lifting_shards
from datamodules.lifting.shards import draw_scenes, random_roi
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init.register.correspondence import correspondence
from hfb.structures import BodyParams, Camera


def test_the_truth_of_a_pair_is_one_body(maker, pairs):
    rotmat = rotvec_to_rotmat(torch.from_numpy(pairs["pose"]))
    params = BodyParams(torch.from_numpy(pairs["betas"]), rotmat, torch.from_numpy(pairs["transl"]))
    joints = maker.studio.body.joints(params)
    torch.testing.assert_close(joints, torch.from_numpy(pairs["joints"]), atol=1e-4, rtol=0)


def test_a_turned_crop_holds_the_person(maker):
    generator = torch.Generator().manual_seed(2)
    for scene, _ in draw_scenes(maker, 7, 3):
        x, y, side, _ = random_roi(scene, generator)
        xy = project(scene.joints[scene.middle], scene.camera)
        assert (xy - torch.tensor([x, y])).norm(dim=-1).max() < 0.85 * side


def test_registration_of_perfect_landmarks_comes_near_the_pose(maker):
    body, table = maker.studio.body, correspondence(maker.studio.body)
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
