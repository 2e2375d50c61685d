import numpy as np
import pytest
import torch

from datamodules.synthetic.camera_placement import CameraRange, place_camera
from hfb.geometry import project
from hfb.structures import BodyParams


def _block(width=0.5, height=1.7):
    """Vertices of an upright block that stands on the ground, (1, V, 3)."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (700, 3)) * [width, height, 0.3] + [0.4, height / 2, -0.2]
    points[:8, 1], points[8:16, 1] = 0.0, height
    return torch.from_numpy(points).float()[None]


def _placed(seed=0, limits=None, height=160, width=128):
    limits = CameraRange() if limits is None else limits
    rng = np.random.default_rng(seed)
    return place_camera(_block(), torch.tensor([0.0, 0, 1]), height, width, limits, rng)


@pytest.mark.parametrize("seed", range(6))
def test_camera_sees_the_whole_body_at_the_drawn_size(seed):
    limits = CameraRange(subject=(0.6, 0.7), roll_deg=0.0)
    placed = _placed(seed, limits)
    points = project(placed.transform(_block()[0]), placed.camera)
    assert (points > 0).all()
    assert (points < torch.tensor([128.0, 160.0])).all()
    share = float(points[:, 1].max() - points[:, 1].min()) / 160
    assert 0.55 < share < 0.75
    assert placed.world_to_camera @ placed.world_to_camera.T == pytest.approx(
        torch.eye(3).numpy(), abs=1e-5
    )
    assert 0.8 <= float(placed.centre[1]) <= 1.9
    assert torch.linalg.det(placed.world_to_camera) == pytest.approx(1.0, abs=1e-5)


def test_yaw_is_measured_from_where_the_body_faces():
    limits = CameraRange(yaw_deg=(30.0, 30.0), turned_share=0.0)
    placed = _placed(1, limits)
    middle = _block()[0].mean(0)
    towards = (placed.centre - middle)[[0, 2]]
    assert np.rad2deg(np.arctan2(*towards.numpy())) == pytest.approx(30.0, abs=2.0)


def test_placing_parameters_equals_placing_points(body, generator):
    placed = _placed(2)
    betas = torch.randn(1, 10, generator=generator)
    rotmat = torch.linalg.qr(torch.randn(24, 3, 3, generator=generator)).Q
    rotmat = (rotmat * torch.linalg.det(rotmat)[:, None, None])[None]
    transl = torch.randn(1, 3, generator=generator)
    eye = torch.eye(3).expand(1, 24, 3, 3)
    pelvis = body.joints(BodyParams(betas, eye, torch.zeros(1, 3)))[0, 0]
    world = body(BodyParams(betas, rotmat, transl)).verts
    moved = placed.place_body(rotmat, transl, pelvis)
    torch.testing.assert_close(
        body(BodyParams(betas, *moved)).verts, placed.transform(world), atol=2e-5, rtol=0
    )
