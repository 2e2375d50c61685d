from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules.mocap.files import MocapClip
from datamodules.synthetic.movement import action_library
from datamodules.synthetic.movement.action_library import ANGLES, LIMITS, load_library
from datamodules.synthetic.movement.anatomy import angles_to_rotmat, soft_limit
from datamodules.synthetic.movement.grounding import GRAVITY, root_path, sole_positions
from datamodules.synthetic.movement.mocap_action import random_mocap_action
from datamodules.synthetic.movement.procedural import random_action
from hfb.body import load_body
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import evaluate, fit_polynomial
from hfb.structures import BodyParams

LIBRARY = load_library()[1]
BETAS = torch.zeros(10)


@pytest.fixture(scope="module")
def body():
    return load_body()


def _action(seed=0, name=None, variation=1.0):
    return random_action(torch.Generator().manual_seed(seed), name, variation)


def _angles(**given):
    zero = {name: np.zeros(1) for name in ANGLES}
    return zero | {"l_sh_abd": np.full(1, 0.0)} | {k: np.array([v]) for k, v in given.items()}


def _joints(body, **given):
    rotmat = torch.from_numpy(angles_to_rotmat(_angles(**given))).float()
    joints = body.joints(BodyParams(BETAS[None], rotmat, torch.zeros(1, 3)))[0]
    return dict(zip(body.joint_names, joints.numpy(), strict=True))


def _verts(body, action, times):
    rotmat, transl = action.window(body, BETAS, times)
    return body(BodyParams(BETAS[None], rotmat, transl)).verts


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


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_actions_stay_within_anatomical_limits(name):
    for seed in range(4):
        action = _action(seed, name)
        times = np.linspace(0, action.duration, 50)
        curves = action.angle_curves(times)
        for angle, (low, high) in LIMITS.items():
            for side in ("", "l_", "r_"):
                if side + angle in curves:
                    values = curves[side + angle]
                    assert low - 1e-9 <= values.min()
                    assert values.max() <= high + 1e-9
        rotmat = action.pose(times)
        np.testing.assert_allclose(
            rotmat @ rotmat.swapaxes(-1, -2), np.broadcast_to(np.eye(3), rotmat.shape), atol=1e-9
        )
        # Knees are hinges: no rotation about other axes, none backwards.
        knees = rotmat_to_rotvec(torch.from_numpy(rotmat[:, [4, 5]])).numpy()
        np.testing.assert_allclose(knees[..., 1:], 0.0, atol=1e-9)
        assert (knees[..., 0] >= 0).all()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_bodies_stand_on_the_ground_and_fly_only_in_flights(body, name):
    action = _action(1, name)
    times = torch.linspace(0, action.duration, 25, dtype=torch.float64)
    lowest = _verts(body, action, times)[..., 1].min(dim=1).values
    flying = torch.zeros(len(times), dtype=torch.bool)
    for start, end in action.flights:
        flying |= (times > start) & (times < end)
    # Soles are taken as rigid, skinned ones are not: two centimetres at bent toes.
    assert (lowest > -0.02).all()
    assert (lowest[~flying] < 0.02).all()


def test_jump_rises_and_its_pelvis_falls_freely(body):
    action = _action(3, "jump")
    start, end = action.flights[0]
    times = torch.linspace(start + 0.03, end - 0.03, 31, dtype=torch.float64)
    _, transl = action.window(body, BETAS, times)
    assert _verts(body, action, times)[15, :, 1].min() > 0.08
    height = transl[:, 1].double().numpy()
    step = float(times[1] - times[0])
    curvature = np.polyfit(step * np.arange(31), height, 2)[0] * 2
    assert curvature == pytest.approx(-GRAVITY, rel=0.02)


def test_support_foot_does_not_slide(body):
    action = _action(0, "kick", variation=0.0)
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


def test_motion_is_no_polynomial_of_the_fit(body):
    action = _action(2, "kick")
    centre = sum(action.focus) / 2
    times = torch.linspace(centre - 0.1, centre + 0.1, 33, dtype=torch.float64)
    rotmat, transl = action.window(body, BETAS, times)
    unit = (torch.arange(33) + 0.5) / 33
    fitted = fit_polynomial(rotmat, transl, unit, degree=2)
    pose, _ = evaluate(fitted, unit)
    error = rotmat_to_rotvec(rotmat.mT @ pose).norm(dim=-1).rad2deg()
    assert error.max() > 1.0
    assert 0.15 < error.mean() < 1.5  # CMU motion capture: 0.3 degrees over 125 ms


def test_variation_is_drawn_from_the_generator():
    first, again, other = _action(5), _action(5), _action(6)
    times = np.linspace(0, 0.3, 5)
    np.testing.assert_array_equal(first.pose(times), again.pose(times))
    assert first.name != other.name or not np.allclose(first.pose(times), other.pose(times))
    authored = _action(5, "squat", variation=0.0)
    assert authored.name == "squat"
    assert authored.duration == pytest.approx(0.95)


def test_unknown_actions_and_angles_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no action 'fly'; the library has arm_circle"):
        _action(0, "fly")
    bad = tmp_path / "actions.yaml"
    bad.write_text("poses: {standing: {wing: 3}}\nactions: {}\n")
    monkeypatch.setattr(action_library, "LIBRARY_FILE", bad)
    with pytest.raises(InputError, match="standing: no angle is called 'wing'"):
        load_library.__wrapped__()


def _clip(frames=300):
    rng = np.random.default_rng(0)
    phase = np.linspace(0, 6, frames)[:, None]
    poses = 0.3 * np.sin(phase + rng.uniform(0, 6, 72))
    poses[:, :3] = np.array([np.pi / 2, 0, 0])  # upright in a z-up world
    trans = np.stack([phase[:, 0], 0 * phase[:, 0], 0.9 + 0 * phase[:, 0]], axis=1)
    return MocapClip("clip", "somebody", poses, trans, 120.0, np.ones(frames, dtype=bool))


def test_mocap_stands_upright_and_reproduces_its_frames(body, generator):
    action = random_mocap_action(_clip(), generator, seconds=0.5)
    frame_times = torch.arange(0, 60, 7, dtype=torch.float64) / 120.0
    rotmat, transl = action.window(body, BETAS, frame_times)
    torch.testing.assert_close(rotmat, action.pose_rotmat[::7][:9], atol=1e-5, rtol=0)
    joints = body.joints(BodyParams(BETAS[None], rotmat, transl))
    assert (joints[:, 15, 1] > joints[:, 0, 1] + 0.3).all()  # head above pelvis along y
    lowest = body(BodyParams(BETAS[None], rotmat, transl)).verts[..., 1].min()
    assert abs(lowest) < 0.03
    assert transl[-1, 0] - transl[0, 0] == pytest.approx(56 * 6 / 299, abs=1e-3)


def test_mocap_avoids_invalid_frames(generator):
    clip = replace(_clip(), valid=np.arange(300) >= 200)
    for _ in range(5):
        action = random_mocap_action(clip, generator, seconds=0.5)
        assert action.transl[0, 0] >= 200 * 6 / 299 - 1e-4
    with pytest.raises(InputError, match=r"clip clip has no valid stretch of 2\.0 s"):
        random_mocap_action(clip, generator, seconds=2.0)


def test_mocap_refuses_a_clip_that_is_too_short(generator):
    with pytest.raises(InputError, match="no valid stretch"):
        random_mocap_action(_clip(frames=20), generator, seconds=0.5)
