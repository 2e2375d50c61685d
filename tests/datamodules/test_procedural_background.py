import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.synthetic.camera_placement import CameraRange, place_camera
from datamodules.synthetic.exposure_window import coarse_times, window_for_blur
from datamodules.synthetic.shading import Light
from datamodules.synthetic.world.background import background_image, photograph
from datamodules.synthetic.world.scenes import indoor_world, outdoor_world
from datamodules.synthetic.world.solids import Ball, Box, Ground
from hfb.errors import InputError
from hfb.geometry import project
from hfb.structures import BodyParams


def _grey(u, v):
    return np.full((len(u), 3), 0.5)


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


def _light():
    return Light(
        torch.tensor([0.0, -1, 0]), torch.tensor([0.0, -1, 0]), torch.ones(3), torch.ones(3) * 0.5
    )


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


def test_placing_parameters_equals_placing_points(generator):
    from hfb.body import load_body

    body = load_body()
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


def test_solids_are_hit_where_they_are():
    centre = np.array([0.0, 1.0, 0.0], np.float32)
    rays = np.array([[0.0, 0, 1], [0, -1, 0], [0, 0.6, 0.8], [0, 0, -1]], np.float32).T
    box = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), 0.0, _grey)
    np.testing.assert_allclose(box.intersect(centre, rays), [4, np.inf, np.inf, np.inf])
    room = Box(np.array([-3.0, 0, -2]), np.array([3.0, 4, 5]), 0.0, _grey, inside=True)
    np.testing.assert_allclose(room.intersect(centre, rays), [5, 1, 5, 2], rtol=1e-5)
    np.testing.assert_allclose(Ground(_grey).intersect(centre, rays)[1:3], [1, np.inf])
    turned = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), np.pi, _grey)
    np.testing.assert_allclose(turned.intersect(centre, rays), [np.inf] * 3 + [4], rtol=1e-5)
    ball = Ball(np.array([0.0, 1, 5]), 1.0, _grey, np.zeros((512, 512), np.float32))
    np.testing.assert_allclose(ball.intersect(centre, rays)[[0, 3]], [4, np.inf], rtol=1e-5)


def test_box_normals_face_the_ray():
    box = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), 0.0, _grey)
    points = np.array([[0.0, 1, 4], [1, 1, 5], [0.5, 2, 5]], np.float32).T
    normals, *_ = box.surface(points)
    np.testing.assert_allclose(normals.T, [[0, 0, -1], [1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("draw", [indoor_world, outdoor_world])
def test_nothing_stands_between_camera_and_person(draw):
    centre, forward = np.array([0.0, 1.4, 0.0], np.float32), np.array([0.3, -0.1, 0.95])
    reach = 4.0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        world = draw(centre, forward, reach, rng)
        # The person's column: rays within 0.5 m of the axis at its distance, above the ground.
        sideways = rng.uniform(-0.12, 0.12, 200)
        angle = np.arctan2(0.3, 0.95) + sideways
        rays = np.stack([np.sin(angle), rng.uniform(-0.2, 0.1, 200), np.cos(angle)])
        rays = (rays / np.linalg.norm(rays, axis=0)).astype(np.float32)
        for solid in world.solids:
            if not isinstance(solid, Ground):
                assert solid.intersect(centre, rays).min() > reach + 0.3


def test_backgrounds_are_textured_bounded_and_repeatable():
    placed, light = _placed(3), _light()
    images = [background_image(placed, light, np.random.default_rng(s)) for s in (0, 0, 1, 2, 3)]
    torch.testing.assert_close(images[0], images[1], atol=0, rtol=0)
    for image in images:
        assert image.shape == (3, 160, 128)
        assert 0 <= image.min()
        assert image.max() <= 1
        assert image.std() > 0.02
        assert 0.05 < image.mean() < 0.4
    assert (images[0] - images[2]).abs().mean() > 0.02


def test_photographs_are_cropped_not_stretched(tmp_path):
    columns = np.linspace(0, 255, 300).astype(np.uint8)
    Image.fromarray(np.broadcast_to(columns[None, :, None], (100, 300, 3)).copy()).save(
        tmp_path / "wide.png"
    )
    image = photograph(tmp_path, 50, 50, np.random.default_rng(0))
    assert image.shape == (3, 50, 50)
    # 100 of 300 columns are kept: a third of the range of values.
    from hfb.formation import linear_to_srgb

    encoded = linear_to_srgb(image)
    assert encoded.max() - encoded.min() == pytest.approx(1 / 3, abs=0.02)
    with pytest.raises(InputError, match="no pictures"):
        photograph(tmp_path / "empty", 50, 50, np.random.default_rng(0))


def test_window_of_a_moving_bar_has_its_closed_form_length():
    # A bar 40 px wide that moves 200 px/s sideways: blur rate = 200 · duration / 40.
    times = np.linspace(1.0, 1.2, 41)
    left = np.round(200 * (times - 1.0)).astype(int) + 10
    column = np.arange(100)
    bars = torch.from_numpy((column >= left[:, None]) & (column < left[:, None] + 40))
    silhouettes = bars[:, None].expand(41, 5, 100)
    window = window_for_blur(silhouettes, times, centre=1.1, wanted=0.5, min_duration=0.01)
    assert window.duration == pytest.approx(0.1, abs=0.003)
    assert (window.start + window.end) / 2 == pytest.approx(1.1)
    short = window_for_blur(silhouettes, times, 1.1, wanted=0.0, min_duration=0.03)
    assert short.duration == pytest.approx(0.03, abs=1e-6)
    longest = window_for_blur(silhouettes, times, 1.0, wanted=5.0, min_duration=0.01)
    assert longest.duration == pytest.approx(0.2)
    assert longest.blur_rate == pytest.approx(1.0)


def test_coarse_times_stay_inside_the_motion():
    times = coarse_times(centre=0.05, duration=0.6, longest=0.2, num=5)
    np.testing.assert_allclose(times, [0, 0.05, 0.1, 0.15, 0.2])
    np.testing.assert_allclose(coarse_times(0.3, 0.1, 0.2, 3), [0, 0.05, 0.1])
