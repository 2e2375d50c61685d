import numpy as np
import pytest
import torch

from datamodules.synthetic.movement.grounding import root_path, sole_positions
from datamodules.synthetic.movement.procedural import random_action
from hfb.structures import BodyParams

BETAS = torch.zeros(10)


def test_support_foot_does_not_slide(body, generator):
    action = random_action(generator, "kick", variation=0.0)
    times = torch.linspace(0.35, 0.6, 26, dtype=torch.float64)
    rotmat, transl = action.window(body, BETAS, times)
    soles, sides, pelvis = sole_positions(body, BETAS, rotmat)
    world = soles + (transl + pelvis)[:, None]
    centres = [world[:, [s == side for s in sides]].mean(dim=1) for side in (0, 1)]
    travel = [(centre[-1] - centre[0]).norm() for centre in centres]
    assert travel[0] < 0.05  # it may roll
    assert travel[1] > 0.6  # the right foot kicks


def test_root_path_of_a_still_pose_is_still(body):
    eye = torch.eye(3).expand(20, 24, 3, 3)
    path = root_path(body, BETAS, eye, np.linspace(0, 0.2, 20))
    np.testing.assert_allclose(path, np.broadcast_to(path[:1], path.shape), atol=1e-9)
    verts = body(BodyParams(BETAS[None], eye[:1], torch.from_numpy(path[:1]).float())).verts
    assert verts[..., 1].min() == pytest.approx(0.0, abs=1e-3)
