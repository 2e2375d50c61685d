"""Clothes with a thickness."""

import numpy as np
import torch

from datamodules.synthetic.clothes import draw_garments
from datamodules.synthetic.scene import plan_scene
from datamodules.synthetic.shot import SyntheticSettings
from hfb.body import SmplBody
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BodyParams


def test_garments_have_thickness_hems_and_folds(body: SmplBody) -> None:
    garments = draw_garments(body, torch.zeros(10), np.random.default_rng(0))
    assert 0.005 < float(garments.thickness.max()) < 0.08
    head = body.weights[:, 15] > 0.9
    assert float(garments.thickness[head].max()) < 1e-3
    # A hem: neighbours whose cloth differs by millimetres.
    edges = body.faces[:, :2]
    assert float((garments.thickness[edges[:, 0]] - garments.thickness[edges[:, 1]]).max()) > 0.002
    pose = torch.eye(3).repeat(2, 24, 1, 1)
    pose[1, 18] = rotvec_to_rotmat(torch.tensor([0.0, 1.5, 0.0]))
    params = BodyParams(torch.zeros(1, 10), pose, torch.zeros(2, 3))
    size = garments.offsets(body, params, torch.zeros(2)).norm(dim=-1)
    near_elbow = (body.weights[:, [16, 18]].sum(1) > 0.9) & (garments.thickness > 0.004)
    change = (size[1] - size[0]).abs()
    assert float(change[near_elbow].max()) > 0.0005  # the elbow's bend folds its sleeve
    assert float(change[body.weights[:, 4] > 0.9].max()) < 1e-5  # and not the knee's


def test_clothed_silhouettes_are_not_the_naked_body(body: SmplBody) -> None:
    settings = SyntheticSettings(height=160, width=128, num_truth=2, blur_rate=(0.2, 0.6))
    garments = draw_garments(body, torch.zeros(10), np.random.default_rng(1))
    naked = plan_scene(settings, 1, body)
    dressed = plan_scene(settings, 1, body, clothes=garments)
    assert torch.equal(naked.target.joints, dressed.target.joints)
    gain = dressed.target.silhouettes.sum() / naked.target.silhouettes.sum()
    assert 1.02 < float(gain) < 1.5
