"""How far joints get in a time."""

import numpy as np
import pytest
import torch

from hfb.prior import trajectory_covariance
from hfb.prior.trajectory_gp import TIMES_S, VARIANCES_M2


def test_places_covary_as_a_slow_loop_says_and_drift_apart():
    times = torch.tensor([[0.0, 0.1, 0.7], [3.0, 3.2, 3.9]], dtype=torch.float64)
    found = trajectory_covariance(times)
    for row, at in enumerate(times.tolist()):
        for i, j in np.ndindex(3, 3):
            parts = zip(TIMES_S, VARIANCES_M2, strict=True)
            slow = sum(v * np.exp(-((at[i] - at[j]) ** 2) / (2 * t**2)) for t, v in parts)
            assert found[row, i, j].item() == pytest.approx(slow, rel=1e-12)
    assert torch.linalg.eigvalsh(found).min() > 0.0
    apart = found[0].diagonal()[0] - found[0, 0]
    assert (apart.diff() > 0.0).all()
