"""What people wear in training images."""

import numpy as np
import torch

from datamodules.lifting.dressing import draw_dress, draw_paint
from datamodules.synthetic.shading import Light
from hfb.structures import BodyParams

TIMES = torch.linspace(0.0, 0.1, 3)
LIGHT = Light(
    direction=torch.tensor([0.0, 0.0, -1.0]),
    up=torch.tensor([0.0, -1.0, 0.0]),
    lamp=torch.ones(3),
    ambient=torch.full((3,), 0.3),
)


def dresses(maker, count):
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    betas = torch.zeros(maker.studio.body.num_betas)
    rng = np.random.default_rng(4)
    return [
        draw_dress(maker.studio.body, betas, maker.studio.wardrobe, photo, rng)
        for _ in range(count)
    ]


def test_clothes_lie_on_the_body_and_some_people_wear_skirts_or_long_hair(maker):
    rotmat = torch.eye(3).expand(3, 24, 3, 3)
    params = BodyParams(torch.zeros(1, 10), rotmat, torch.zeros(3, 3))
    naked = maker.studio.body(params).verts
    drawn = dresses(maker, 12)
    assert any(dress.extras is not None for dress in drawn)
    assert any(dress.covering is not None for dress in drawn)
    for dress in drawn:
        verts = dress.verts(maker.studio.body, params, TIMES)
        assert dress.faces.max() < verts.shape[1]
        away = (verts[:, : naked.shape[1]] - naked).norm(dim=-1)
        assert away.max() < 0.25
        assert away.mean() < 0.06
    assert max(float((d.verts(maker.studio.body, params, TIMES)[:, :6890] - naked).abs().max())
               for d in drawn) > 0.01  # fmt: skip


def test_what_faces_the_lamp_is_brighter(maker):
    dress = dresses(maker, 1)[0]
    params = BodyParams(torch.zeros(1, 10), torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 3))
    verts = dress.verts(maker.studio.body, params, TIMES[:1])[0] @ torch.diag(
        torch.tensor([1.0, -1.0, -1.0])
    ) + torch.tensor([0.0, 0.0, 3.0])
    behind = Light(-LIGHT.direction, LIGHT.up, LIGHT.lamp, LIGHT.ambient)
    shown = torch.from_numpy(np.asarray(dress.texels.from_verts @ (verts[:, 2] < 2.9).numpy()))
    front = (shown > 0.9).reshape(dress.texture.shape[1:]) & (dress.texture.mean(0) > 0.05)
    lit, dark = (dress.lit(verts, light)[:, front].mean() for light in (LIGHT, behind))
    assert lit > 1.3 * dark


def test_paint_changes_no_shape_and_does_not_shine(maker):
    body, photo = maker.studio.body, torch.rand(3, 64, 64)
    rng = np.random.default_rng(0)
    dress = draw_paint(body, maker.studio.wardrobe, photo, rng)
    params = BodyParams(torch.zeros(1, 10), torch.eye(3).expand(3, 24, 3, 3), torch.zeros(3, 3))
    torch.testing.assert_close(dress.verts(body, params, TIMES), body(params).verts)
    assert float(dress.gloss.max()) == 0.0
