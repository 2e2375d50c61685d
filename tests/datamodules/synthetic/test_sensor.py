import pytest
import torch

from datamodules.synthetic.sensor import Sensor
from hfb.formation import linear_to_srgb, srgb_to_linear


def test_sensor_noise_has_the_stated_size():
    sensor = Sensor(full_well=1000.0, read_noise=0.01, bits=0)
    light = torch.full((3, 200, 200), 0.4)
    taken = srgb_to_linear(sensor.expose(light, torch.Generator().manual_seed(0)))
    assert taken.mean() == pytest.approx(0.4, abs=5e-4)
    assert taken.std() == pytest.approx((0.4 / 1000 + 0.01**2) ** 0.5, rel=0.02)
    averaged = srgb_to_linear(sensor.expose(light, torch.Generator().manual_seed(0), frames=4))
    assert averaged.std() == pytest.approx(float(taken.std()) / 2, rel=0.02)


def test_sensor_clips_and_quantises():
    quiet = Sensor(full_well=1e12, read_noise=0.0)
    light = torch.tensor([0.0, 0.2, 1.0, 1.7, -0.1])
    taken = quiet.expose(light, torch.Generator().manual_seed(0))
    levels = taken * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    torch.testing.assert_close(taken, linear_to_srgb(light.clamp(0, 1)), atol=0.5 / 255, rtol=0)
    assert taken[3] == 1
    assert taken[4] == 0
