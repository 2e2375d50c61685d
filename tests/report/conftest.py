"""A person before a level camera, as fits of consecutive photos find them."""

import pytest
import torch

from hfb.body import SmplBody, load_body
from hfb.geometry import default_camera, rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.refine.result import Refinement


@pytest.fixture(scope="session")
def free_body() -> SmplBody:
    return load_body()


@pytest.fixture
def waving() -> list[Refinement]:
    """Two photos of a person who stands 4 m away and raises both arms."""
    pose = torch.zeros(24, 3)
    pose[0, 0] = torch.pi  # y up to y down
    found = []
    for _ in range(2):
        still = static_motion(rotvec_to_rotmat(pose), torch.tensor([0.0, 0.2, 4.0]), 1)
        coeffs = still.coeffs.clone()
        coeffs[1, 0, 0] = 0.3
        coeffs[1, 1 + 16, 2], coeffs[1, 1 + 17, 2] = 0.8, -0.8
        coeffs[1, 1 + 18, 1] = 0.5
        motion = still.with_coeffs(coeffs)
        texture, camera = torch.rand(3, 16, 16), default_camera(120, 160)
        betas = torch.linspace(-1, 1, 10)
        found.append(Refinement("s", motion, betas, texture, camera, 4, "linear"))
    return found
