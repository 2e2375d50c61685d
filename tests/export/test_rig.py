"""The skin that programs without blend shapes show comes as close to the body as it can."""

from dataclasses import replace

import pytest
import torch

from hfb.body import SmplBody
from hfb.export import JointMotion, Rig, closest_rest, skinned_verts
from hfb.structures import BodyParams

Animated = tuple[Rig, JointMotion]


@pytest.fixture
def posed(animated: Animated, free_body: SmplBody) -> torch.Tensor:
    """What the body itself makes of the motion: all joints and blend shapes."""
    rig, motion = animated
    betas = torch.linspace(-1, 1, 10)
    transl = motion.root - rig.skeleton.rest_joints[0]
    return free_body(BodyParams(betas, motion.pose_rotmat, transl)).verts


def differences_mm(rig: Rig, motion: JointMotion, posed: torch.Tensor) -> torch.Tensor:
    return 1000 * torch.linalg.vector_norm(skinned_verts(rig, motion) - posed, dim=-1)


def test_the_skin_comes_closer_to_the_body(animated: Animated, posed: torch.Tensor) -> None:
    rig, motion = animated
    before = differences_mm(rig, motion, posed)
    after = differences_mm(closest_rest(rig, motion, posed), motion, posed)
    assert float(before.max()) > 10.0
    assert float(after.square().mean()) < 0.1 * float(before.square().mean())
    # No vertex gets worse: the old place was among those it could have kept.
    assert bool((after.square().mean(0) <= before.square().mean(0) + 1e-6).all())


def test_a_rig_that_is_right_already_stays(animated: Animated) -> None:
    rig, motion = animated
    same = closest_rest(rig, motion, skinned_verts(rig, motion).float())
    torch.testing.assert_close(same.rest_verts, rig.rest_verts, atol=1e-5, rtol=0)


def test_joints_that_cancel_each_other_leave_the_vertex_where_it_is(animated: Animated) -> None:
    rig, motion = animated
    weights = torch.zeros_like(rig.weights)
    weights[:, 0] = weights[:, 1] = 0.5
    half_turn = motion.pose_rotmat.clone()
    half_turn[:, 1] = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    odd, turned = replace(rig, weights=weights), replace(motion, pose_rotmat=half_turn)
    found = closest_rest(odd, turned, skinned_verts(odd, turned).float()).rest_verts
    torch.testing.assert_close(found, rig.rest_verts, atol=1e-4, rtol=0)
