import numpy as np
import pytest
import torch

from datamodules.synthetic.movement.action_library import ANGLES
from datamodules.synthetic.movement.anatomy import angles_to_rotmat, soft_limit
from hfb.structures import BodyParams

BETAS = torch.zeros(10)


def _angles(**given):
    zero = {name: np.zeros(1) for name in ANGLES}
    return zero | {"l_sh_abd": np.full(1, 0.0)} | {k: np.array([v]) for k, v in given.items()}


def _joints(body, **given):
    rotmat = torch.from_numpy(angles_to_rotmat(_angles(**given))).float()
    joints = body.joints(BodyParams(BETAS[None], rotmat, torch.zeros(1, 3)))[0]
    return dict(zip(body.joint_names, joints.numpy(), strict=True))


# Which way a limb must point in SMPL's frame (x left, y up, z forward) for one clinical angle.
POINTING = [
    ({}, "l_shoulder", "l_elbow", (0, -1, 0)),
    ({"l_sh_flex": 90.0}, "l_shoulder", "l_elbow", (0, 0, 1)),
    ({"r_sh_flex": 90.0}, "r_shoulder", "r_elbow", (0, 0, 1)),
    ({"r_sh_flex": 90.0, "r_elbow": 90.0}, "r_elbow", "r_wrist", (0, 1, 0)),
    ({"l_elbow": 90.0}, "l_elbow", "l_wrist", (0, 0, 1)),
    ({"l_hip_flex": 90.0}, "l_hip", "l_knee", (0, 0, 1)),
    ({"r_hip_flex": 90.0, "r_knee": 90.0}, "r_knee", "r_ankle", (0, -1, 0)),
    ({"r_knee": 90.0}, "r_knee", "r_ankle", (0, 0, -1)),
    ({"root_pitch": 90.0}, "pelvis", "neck", (0, 0, 1)),
    ({"root_roll": 90.0}, "pelvis", "neck", (1, 0, 0)),
    ({"l_hip_abd": 50.0}, "l_hip", "l_knee", (0.766, -0.643, 0)),
    ({"r_hip_abd": 50.0}, "r_hip", "r_knee", (-0.766, -0.643, 0)),
]


@pytest.mark.parametrize(("given", "start", "end", "direction"), POINTING)
def test_clinical_angles_point_limbs_where_they_should(body, given, start, end, direction):
    full = {"l": "left", "r": "right"}
    joints = _joints(body, **given)
    start, end = (f"{full[n[0]]}{n[1:]}" if n[:2] in ("l_", "r_") else n for n in (start, end))
    bone = joints[end] - joints[start]
    # The rest pose's bones are not exactly along the axes (up to 20 degrees for the upper arm).
    assert bone @ np.array(direction) / np.linalg.norm(bone) > np.cos(np.deg2rad(22))


def test_raised_arm_lifts_the_shoulder_blade(body):
    low, high = _joints(body), _joints(body, l_sh_abd=150.0)
    assert high["left_shoulder"][1] > low["left_shoulder"][1] + 0.01
    assert high["left_elbow"][1] > high["left_shoulder"][1]


def test_right_side_is_the_mirror_image_of_the_left(body):
    angles = {"sh_flex": 70.0, "sh_abd": 30.0, "sh_turn": 20.0, "elbow": 60.0, "hip_flex": 50.0,
              "hip_rot": 30.0, "knee": 40.0, "flat": 1.0}  # fmt: skip
    left = angles_to_rotmat(_angles(**{f"l_{k}": v for k, v in angles.items()}))[0]
    right = angles_to_rotmat(_angles(**{f"r_{k}": v for k, v in angles.items()}))[0]
    mirror = np.diag([-1.0, 1, 1])
    for left_joint, right_joint in ((1, 2), (4, 5), (7, 8), (13, 14), (16, 17), (18, 19)):
        np.testing.assert_allclose(left[left_joint], mirror @ right[right_joint] @ mirror)
        assert not np.allclose(left[left_joint], left[right_joint])


def test_flat_foot_stays_level_whatever_the_leg_does():
    angles = _angles(l_hip_flex=40.0, l_knee=50.0, root_pitch=5.0, l_flat=1.0)
    rotmat = angles_to_rotmat(angles)[0]
    foot = rotmat[0] @ rotmat[1] @ rotmat[4] @ rotmat[7]
    np.testing.assert_allclose(foot, np.eye(3), atol=1e-9)


def test_soft_limit_is_the_identity_inside_and_never_leaves_the_range():
    value = np.linspace(-300, 300, 2001)
    limited = soft_limit(value, -20.0, 100.0)
    inside = (value > -15) & (value < 95)
    np.testing.assert_allclose(limited[inside], value[inside])
    assert limited.min() >= -20
    assert limited.max() <= 100
    assert (np.diff(limited) >= 0).all()
