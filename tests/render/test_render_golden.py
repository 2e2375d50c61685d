"""Values and gradients of a small scene, kept in a file: nothing drifts unnoticed."""

import numpy as np
import torch
from make_golden import GOLDEN, load_scene, render_with_gradient


def test_golden(mode: str, backend: str) -> None:
    with np.load(GOLDEN) as file:
        data = dict(file)
    mesh, camera = load_scene(data)
    dtype = torch.float64 if backend == "torch" else torch.float32
    for key, value in render_with_gradient(mesh, camera, mode, backend, dtype).items():
        want = data[f"{mode}_{key}"]
        assert np.abs(want).max() > 0.1
        np.testing.assert_allclose(value, want, rtol=0, atol=1e-4 * np.abs(want).max())
