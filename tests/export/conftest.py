"""A two-triangle mesh with a seam, small enough to check by hand, and a body that moves."""

import pytest
import torch

from hfb.body import SmplBody, load_body
from hfb.export import JointMotion, Rig, Skeleton
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import Mesh


@pytest.fixture
def seam_mesh() -> Mesh:
    """A square of two triangles moving along x; the shared edge is a UV seam."""
    square = torch.tensor([[0.0, 0, 2], [1, 0, 2], [1, 1, 2.5], [0, 1, 2]])
    shift = torch.tensor([0.0, 0.25, 1.0])[:, None, None] * torch.tensor([1.0, 0.0, 0.5])
    texture = torch.zeros(3, 4, 8)
    texture[0, 0] = 1.0  # the first row is red: it lies at v = 1
    return Mesh(
        verts=square + shift,
        faces=torch.tensor([[0, 1, 2], [0, 2, 3]]),
        uv=torch.tensor([[0.0, 0], [0.4, 0], [0.4, 1], [0.6, 0], [0.6, 1], [1.0, 1]]),
        faces_uv=torch.tensor([[0, 1, 2], [3, 4, 5]]),
        texture=texture,
    )


@pytest.fixture(scope="session")
def free_body() -> SmplBody:
    return load_body()


@pytest.fixture
def animated(free_body: SmplBody) -> tuple[Rig, JointMotion]:
    """A body that bends every joint somewhat, 4 m before the camera."""
    gen = torch.Generator().manual_seed(3)
    verts, joints = free_body.shape(torch.linspace(-1, 1, 10))
    start = 0.4 * torch.randn(24, 3, generator=gen)
    start[0] += torch.tensor([torch.pi, 0.0, 0.0])  # y up to y down
    change = 0.3 * torch.randn(24, 3, generator=gen)
    times = torch.tensor([0.1, 0.11, 0.13], dtype=torch.float64)
    shares = ((times - times[0]) / (times[-1] - times[0])).float()[:, None, None]
    rig = Rig(
        Skeleton(free_body.joint_names, free_body.parents, joints),
        verts,
        free_body.weights,
        free_body.faces,
        free_body.uv,
        free_body.faces_uv,
        torch.rand(3, 16, 16, generator=gen),
    )
    root = torch.tensor([0.1, 0.2, 4.0]) + shares[:, 0] * torch.tensor([0.3, 0.0, 0.1])
    return rig, JointMotion(times, rotvec_to_rotmat(start + shares * change), root)
