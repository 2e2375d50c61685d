"""A two-triangle mesh with a seam, small enough to check by hand."""

import pytest
import torch

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
