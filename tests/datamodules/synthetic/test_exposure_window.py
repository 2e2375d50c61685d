import numpy as np
import pytest
import torch

from datamodules.synthetic.exposure_window import coarse_times, window_for_blur


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
