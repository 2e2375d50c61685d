"""Cameras of training images."""

from dataclasses import replace

import numpy as np
import torch

from datamodules.lifting.photography import TrainingCamera
from datamodules.synthetic.sensor import Sensor
from datamodules.synthetic.wild.camera import ToneCurve
from hfb.formation import linear_to_srgb

PLAIN = TrainingCamera(1.0, Sensor(1e9, 0.0, bits=0), 0.0, 0.0, ToneCurve(), 1.0, ".jpg", 0)


def light(size=48):
    steps = torch.linspace(0.0, 1.0, size)
    return torch.stack(
        [steps.expand(size, -1), steps.expand(size, -1).T, torch.full((size, size), 0.5)]
    )


def taken(camera, linear=None):
    linear = light() if linear is None else linear
    return camera.take(linear, torch.Generator().manual_seed(0))


def test_a_perfect_camera_stores_the_light_as_srgb():
    wanted = (linear_to_srgb(light()) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(taken(PLAIN).astype(int) - wanted).max() <= 1


def test_each_fault_shows():
    plain = taken(PLAIN).astype(float)
    assert taken(replace(PLAIN, scale=0.5)).shape == plain.shape
    grey = taken(replace(PLAIN, saturation=0.0))
    assert np.abs(np.diff(grey.astype(int), axis=-1)).max() == 0
    noisy = taken(replace(PLAIN, sensor=Sensor(600.0, 0.006, bits=0)))
    assert 1.0 < np.abs(noisy - plain).mean() < 20.0
    edge = torch.full((3, 48, 48), 0.2)
    edge[..., 24:] = 0.6
    sharp, soft = (taken(replace(PLAIN, **{name: 1.0}), edge).astype(int)
                   for name in ("sharpening", "lens_px"))  # fmt: skip
    assert sharp.max() > taken(PLAIN, edge).max()
    assert (
        np.abs(np.diff(soft[24, :, 0])).max()
        < np.abs(np.diff(taken(PLAIN, edge)[24, :, 0].astype(int))).max()
    )
    assert (taken(replace(PLAIN, quality=20)) != taken(PLAIN)).any()
    assert (taken(replace(PLAIN, quality=20, codec=".webp")) != taken(PLAIN)).any()


def test_cameras_differ_and_some_are_poor():
    rng = np.random.default_rng(0)
    drawn = [TrainingCamera.draw(rng) for _ in range(60)]
    assert min(camera.scale for camera in drawn) < 0.6
    assert any(camera.quality == 0 for camera in drawn)
    assert any(0 < camera.quality < 40 for camera in drawn)
    assert all(0.0 <= camera.saturation < 1.5 for camera in drawn)


def test_an_ordinary_camera_has_nothing_but_noise_a_lens_and_jpeg():
    rng = np.random.default_rng(0)
    drawn = [TrainingCamera.draw_ordinary(rng) for _ in range(60)]
    for camera in drawn:
        assert (camera.scale, camera.sharpening, camera.saturation) == (1.0, 0.0, 1.0)
        assert camera.tone == ToneCurve()
        assert camera.codec == ".jpg"
    assert 30 < sum(camera.quality == 0 for camera in drawn) < 54
    assert 30 < sum(camera.lens_px == 0 for camera in drawn) < 54
