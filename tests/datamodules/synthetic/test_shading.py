import numpy as np
import pytest
import torch

from datamodules.synthetic.shading import Light, irradiance, shaded_exposure
from datamodules.synthetic.texels import map_texels
from hfb.structures import Camera, Mesh

LIGHT = Light(
    direction=torch.tensor([0.0, 0.0, -1.0]),  # from the camera's side
    up=torch.tensor([0.0, -1.0, 0.0]),
    lamp=torch.tensor([0.5, 0.4, 0.3]),
    ambient=torch.tensor([0.2, 0.2, 0.4]),
    ground_share=0.5,
)


UV = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def _square(shift=0.0):
    """A unit square 5 m before the camera that faces it; y points down."""
    corners = torch.tensor([[-0.5, 0.5, 5.0], [0.5, 0.5, 5.0], [0.5, -0.5, 5.0], [-0.5, -0.5, 5.0]])
    return corners + torch.tensor([shift, 0.0, 0.0])


def _camera(size=60):
    return Camera(torch.tensor([150.0, 150.0]), torch.tensor([size / 2, size / 2]), size, size)


def test_irradiance_has_its_closed_form():
    normals = torch.tensor([[0.0, 0, -1], [0, -1, 0], [0, 1, 0], [0, 0, 1]])
    expected = torch.stack(
        [
            LIGHT.lamp + 0.75 * LIGHT.ambient,  # faces the lamp, half of the sky
            LIGHT.ambient,  # faces up
            0.5 * LIGHT.ambient,  # faces down
            0.75 * LIGHT.ambient,  # turned away from the lamp
        ]
    )
    torch.testing.assert_close(irradiance(normals, LIGHT), expected)


def test_texels_interpolate_vertex_values():
    texels = map_texels(FACES, UV, FACES, height=4, width=8)
    values = texels.from_verts @ UV.numpy()
    u, v = values.reshape(4, 8, 2).transpose(2, 0, 1)
    np.testing.assert_allclose(u, np.broadcast_to((np.arange(8) + 0.5) / 8, (4, 8)), atol=1e-6)
    np.testing.assert_allclose(v[:, 0], 1 - (np.arange(4) + 0.5) / 4, atol=1e-6)  # row 0 is v = 1


def test_texels_off_the_faces_take_the_nearest_face():
    texels = map_texels(FACES[:1], 0.5 * UV, FACES[:1], height=8, width=8)
    total = np.asarray(texels.from_verts.sum(axis=1))
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_exposure_of_a_lit_square_is_albedo_times_irradiance():
    albedo = torch.tensor([0.5, 0.25, 1.0])[:, None, None].expand(3, 8, 8).contiguous()
    mesh = Mesh(_square().expand(3, 4, 3), FACES, UV, FACES, albedo)
    texels = map_texels(FACES, UV, FACES, 8, 8)
    exposure = shaded_exposure(mesh, _camera(), LIGHT, texels)
    expected = albedo[:, 0, 0] * irradiance(torch.tensor([0.0, 0, -1]), LIGHT)
    torch.testing.assert_close(exposure.rgb[:, 30, 30], expected, atol=1e-5, rtol=0)
    # 1 m at 5 m with 150 px: 30 px wide.
    assert exposure.alpha.sum() == pytest.approx(900, rel=0.01)
    assert exposure.alpha[0, 5, 5] == 0


def test_moving_square_blurs_to_a_linear_ramp():
    num = 64
    shifts = (torch.arange(num) + 0.5) / num * 0.4  # 12 px
    verts = torch.stack([_square(float(shift)) for shift in shifts])
    mesh = Mesh(verts, FACES, UV, FACES, torch.ones(3, 4, 4))
    exposure = shaded_exposure(mesh, _camera(), LIGHT, map_texels(FACES, UV, FACES, 4, 4))
    row = exposure.alpha[0, 30]
    expected = ((torch.arange(12) + 0.5) / 12).clamp(0, 1)  # the left edge starts at pixel 15
    torch.testing.assert_close(row[15:27], expected, atol=0.03, rtol=0)
    torch.testing.assert_close(row[27:45], torch.ones(18), atol=1e-3, rtol=0)
