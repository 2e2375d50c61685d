"""The signs of a wrong fit are what they are called, in mm."""

import math
from dataclasses import replace

import pytest
import torch

from hfb.evaluate.trust.signs import offsets_mm, signs_of
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.refine.result import Refinement
from hfb.structures import Camera, InitialEstimate


@pytest.fixture
def estimate(body) -> InitialEstimate:
    """Somebody upright in front of the camera, in two guesses of which the first is better."""
    camera = Camera(torch.tensor([500.0, 500.0]), torch.tensor([100.0, 120.0]), 240, 200)
    joints = len(body.parents)
    pose = torch.eye(3).expand(2, joints, 3, 3).clone()
    pose[:, 0] = rotvec_to_rotmat(torch.tensor([math.pi, 0.0, 0.0]))  # y up to y down
    return InitialEstimate(
        betas=torch.zeros(2, body.num_betas),
        pose_rotmat=pose,
        transl=torch.tensor([[0.0, 0.3, 4.0]]).expand(2, 3).clone(),
        camera=camera,
        score=torch.tensor([1.0, 1.0 - math.log(3.0) / 20.0]),
        body=body.identity,
        source="test",
    )


def refined(estimate, **changes) -> Refinement:
    moved = replace(estimate, **changes)
    motion = static_motion(moved.pose_rotmat[0], moved.transl[0], 2)
    return Refinement("x", motion, moved.betas[0], torch.zeros(3, 4, 4), moved.camera, 4, "linear")


def measured(estimate, refinement, body):
    return signs_of(estimate, refinement, body, 0.5, 0.8)


def test_a_turn_of_a_joint_moves_what_hangs_on_it():
    """A chain of three and a branch: root, elbow at 0.3 m, hand 0.4 m further; a foot at 1 m."""
    joints = torch.tensor([[0.0, 0, 0], [0.3, 0, 0], [0.3, 0.4, 0], [0, -1.0, 0]])
    sigma = torch.tensor([0.1, 0.2, 5.0, 5.0])
    found = offsets_mm(joints, sigma, [-1, 0, 1, 0])
    hand = 1000 * math.hypot(0.1 * 0.5, 0.2 * 0.4)
    torch.testing.assert_close(found, torch.tensor([0.0, 30.0, hand, 100.0]), atol=1e-3, rtol=0)


def test_a_fit_that_stayed_has_moved_nowhere(estimate, body):
    signs = measured(estimate, refined(estimate), body)
    assert signs.moved_mm == pytest.approx(0.0, abs=1e-3)
    assert signs.path_mm == pytest.approx(0.0, abs=1e-3)
    assert signs.spread_mm == pytest.approx(0.0, abs=1e-3)
    assert signs.start_mm is None
    assert signs.joint_start_mm is None
    assert signs.lifted_mm is None
    assert (signs.unexplained, signs.matte_iou) == (0.5, 0.8)
    assert signs.tilt_deg < 10


def test_places_alone_count_for_nothing_and_turned_joints_do(estimate, body):
    elsewhere = refined(estimate, transl=estimate.transl + torch.tensor([0.2, 0.0, 0.5]))
    assert measured(estimate, elsewhere, body).moved_mm == pytest.approx(0.0, abs=1e-2)
    bent = estimate.pose_rotmat.clone()
    knee = body.joint_names.index("left_knee")
    bent[:, knee] = rotvec_to_rotmat(torch.tensor([0.8, 0.0, 0.0]))
    signs = measured(estimate, refined(estimate, pose_rotmat=bent), body)
    moves = {n for n, mm in zip(body.joint_names, signs.joint_moved_mm, strict=True) if mm > 1.0}
    assert moves == {"left_ankle", "left_foot"}
    assert signs.moved_mm == pytest.approx(sum(signs.joint_moved_mm) / 24)


def test_other_guesses_count_by_their_scores(estimate, body):
    bent = estimate.pose_rotmat.clone()
    bent[1, body.joint_names.index("left_hip")] = rotvec_to_rotmat(torch.tensor([0.8, 0.0, 0.0]))
    two = replace(estimate, pose_rotmat=bent)
    alone = refined(replace(two, pose_rotmat=bent.flip(0)))
    apart = measured(estimate, alone, body).moved_mm
    # A score that is log(3) / 20 lower counts a third: a quarter of the two together.
    assert measured(two, refined(two), body).spread_mm == pytest.approx(0.25 * apart, rel=1e-3)
    lifted = replace(estimate, unlifted=replace(two, pose_rotmat=bent.flip(0)))
    assert measured(lifted, refined(lifted), body).lifted_mm == pytest.approx(apart, rel=1e-3)


def test_somebody_upside_down_is_tilted(estimate, body):
    turned = estimate.pose_rotmat.clone()
    turned[:, 0] = torch.eye(3)
    fallen = replace(estimate, pose_rotmat=turned)
    assert measured(fallen, refined(fallen), body).tilt_deg > 170


def test_an_uncertain_start_is_far_in_mm(estimate, body):
    sigma = torch.full((2, len(body.parents)), 0.1)
    sure, unsure = (replace(estimate, joint_sigma=factor * sigma) for factor in (1.0, 2.0))
    near, far = (measured(one, refined(one), body) for one in (sure, unsure))
    assert far.start_mm == pytest.approx(2 * near.start_mm, rel=1e-4)
    assert near.joint_start_mm[0] == 0.0
    wrist, shoulder = (body.joint_names.index(f"left_{name}") for name in ("wrist", "shoulder"))
    assert near.joint_start_mm[wrist] > near.joint_start_mm[shoulder] > 0.0
