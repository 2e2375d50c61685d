"""Shadows on the ground of training images."""

import numpy as np
import torch

from datamodules.lifting.ground_shadow import shadow_left
from datamodules.synthetic.camera_placement import CameraRange, place_camera
from hfb.structures import BodyParams


def test_the_shadow_lies_at_the_feet_away_from_the_lamp(maker):
    body = maker.studio.body
    verts = body(BodyParams(torch.zeros(10), torch.eye(3).expand(24, 3, 3), torch.zeros(3))).verts
    verts = (verts - torch.stack([torch.tensor(0.0), verts[:, 1].min(), torch.tensor(0.0)]))[None]
    limits = CameraRange(yaw_deg=(0.0, 0.0), turned_share=0.0, height_m=(1.6, 1.7), roll_deg=0.0)
    rng = np.random.default_rng(1)
    placed = place_camera(verts, torch.tensor([0.0, 0.0, 1.0]), 240, 240, limits, rng)
    towards = torch.nn.functional.normalize(torch.tensor([1.0, 1.0, 0.0]), dim=0)
    drawn = [
        shadow_left(verts, body.faces, towards, placed, np.random.default_rng(k))[0]
        for k in range(6)
    ]
    assert any(bool((left == 1.0).all()) for left in drawn)
    shaded = [left for left in drawn if float(left.min()) < 0.9]
    assert shaded
    feet = placed.transform(verts[0])
    feet = feet[:, :2] / feet[:, 2:] * placed.camera.focal + placed.camera.principal_point
    for left in shaded:
        assert 0.0 < float(left.min())
        weight = 1.0 - left
        columns = torch.arange(240.0) + 0.5
        # The lamp is on the person's left, the camera's right or left by where it stands.
        away = placed.transform(torch.tensor([[-1.0, 0.0, 0.0]]))[0]
        side = float(away[0] / away[2] * placed.camera.focal[0] + placed.camera.principal_point[0])
        middle = float((weight.sum(0) * columns).sum() / weight.sum())
        centre = float(feet[:, 0].mean())
        assert (middle - centre) * (side - centre) > 0
        rows = torch.arange(240.0) + 0.5
        assert float((weight.sum(1) * rows).sum() / weight.sum()) > float(feet[:, 1].mean())
