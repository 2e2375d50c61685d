"""`motion.npz` as players see it: in real time, upright, without foreign shapes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules.mocap.files import read_mocap_clip
from hfb.body import load_body
from hfb.export import write_motion
from hfb.geometry import default_camera, rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.refine.result import Refinement
from hfb.report.motion_record import motion_record
from hfb.structures import BodyIdentity, BodyParams

SPEED = 2.0  # m/s to the right
EXPOSURE = torch.tensor([[1.0, 1.02], [1.05, 1.07], [1.1, 1.12]])
FPS, SUBFRAMES = 20.0, 4


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture
def refinements():
    """A standing person, 4 m before a level camera, who slides to the right."""
    stand = torch.eye(3).repeat(24, 1, 1)
    stand[0] = rotvec_to_rotmat(torch.tensor([torch.pi, 0.0, 0.0]))  # y up to y down
    found = []
    for opening, closing in EXPOSURE.tolist():
        still = static_motion(stand, torch.tensor([0.0, 0.2, 4.0]), 1)
        coeffs = still.coeffs.clone()
        coeffs[0, 0, 0] = SPEED * ((opening + closing) / 2 - 1.0)
        coeffs[1, 0, 0] = SPEED * (closing - opening)
        motion = still.with_coeffs(coeffs)
        betas = torch.linspace(-1, 1, 10)
        texture, camera = torch.zeros(3, 4, 4), default_camera(8, 8)
        found.append(Refinement("s", motion, betas, texture, camera, SUBFRAMES, "linear"))
    return found


def written(path, refinements, exposure, body):
    write_motion(path, motion_record(refinements, exposure, FPS, body))
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def test_a_pitched_camera_is_set_upright(refinements, body, tmp_path):
    """The same person seen from above: their file is the same, up to where the camera stands."""
    level = written(tmp_path / "level.npz", refinements, EXPOSURE, body)
    pitch = rotvec_to_rotmat(torch.tensor([-0.5, 0.0, 0.0]))
    rest = body.shape(refinements[0].betas)[1][0]
    tilted = []
    for refinement in refinements:
        motion = refinement.motion
        base, coeffs = motion.base_rotmat.clone(), motion.coeffs.clone()
        base[0] = pitch @ base[0]
        coeffs[:, 0] = coeffs[:, 0] @ pitch.T
        transl = (motion.base_transl + rest) @ pitch.T - rest
        turned = replace(motion, base_rotmat=base, coeffs=coeffs, base_transl=transl)
        up = pitch @ torch.tensor([0.0, -1.0, 0.0])
        camera = replace(refinement.camera, up=up)
        tilted.append(replace(refinement, motion=turned, camera=camera))
    data = written(tmp_path / "tilted.npz", tilted, EXPOSURE, body)
    np.testing.assert_allclose(data["trans"], level["trans"], atol=1e-4)
    np.testing.assert_allclose(data["poses"], level["poses"], atol=1e-4)


def test_a_clip_plays_as_long_as_it_lasts(refinements, body, tmp_path):
    data = written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    rate = float(data["mocap_frame_rate"])
    assert rate == 200.0, "four sub-frames in 20 ms"
    assert len(data["poses"]) / rate == pytest.approx(0.12)
    np.testing.assert_allclose(np.diff(data["timestamps"]), 1 / rate, atol=1e-9)
    # Uniform speed, through the gaps, too: the true one at every step.
    np.testing.assert_allclose(np.diff(data["trans"][:, 0]), SPEED / rate, atol=1e-5)
    assert data["subframe_times"].shape == (12,)
    assert data["poses_smpl"].shape == (len(data["poses"]), 72)


def test_rates_are_whole_and_bounded(refinements, body, tmp_path):
    odd = EXPOSURE + torch.tensor([0.0, 0.0013])
    data = written(tmp_path / "m.npz", refinements, odd, body)
    assert float(data["mocap_frame_rate"]) == 188.0
    assert len(data["poses"]) == round(0.1213 * 188)
    quick = torch.cat([EXPOSURE[:, :1], EXPOSURE[:, :1] + 0.001], 1)
    data = written(tmp_path / "m.npz", refinements, quick, body)
    assert float(data["mocap_frame_rate"]) == 240.0
    alone = written(tmp_path / "m.npz", refinements[:1], quick[:1], body)
    assert float(alone["mocap_frame_rate"]) == 4000.0
    np.testing.assert_allclose(alone["timestamps"], alone["subframe_times"], atol=1e-7)
    still = [replace(refinements[0], num_subframes=1)]
    assert float(written(tmp_path / "m.npz", still, EXPOSURE[:1], body)["mocap_framerate"]) == FPS


def test_players_see_it_upright_on_the_floor(refinements, body, tmp_path):
    """Our own reader of AMASS files, and the body of mean shape that players take."""
    written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    clip = read_mocap_clip(tmp_path / "m.npz")
    pose = rotvec_to_rotmat(torch.from_numpy(clip.poses).float().unflatten(-1, (-1, 3)))
    posed = body(BodyParams(torch.zeros(10), pose, torch.from_numpy(clip.transl).float()))
    head, feet = posed.joints[:, 15], posed.joints[:, [10, 11]].mean(1)
    up = head - feet
    assert (up[:, 2] > 1.3).all()
    assert (up[:, :2].abs() < 0.2).all()
    assert abs(float(posed.verts[..., 2].min())) < 0.05, "but for the shape, on the floor"
    assert clip.frame_rate == 200.0
    forward = posed.verts[0, body.landmark_vertices["nose"]] - posed.joints[0, 15]
    assert float(forward[1]) < 0, "faces the camera, from which y points away"


def test_what_the_photos_tell_stands_beside_it(refinements, body, tmp_path):
    data = written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    assert not data["betas"].any()
    np.testing.assert_allclose(data["betas_original"], np.linspace(-1, 1, 10), atol=1e-6)
    rest = body.shape(refinements[0].betas)[1][0].numpy()
    in_camera = data["subframe_trans"] + rest
    matrix = data["world_from_camera"]
    in_world = in_camera @ matrix[:, :3].T + matrix[:, 3]
    shown_rest = np.array([-0.0018, -0.2233, 0.0282])
    times = data["timestamps"]
    for axis in range(3):
        shown = np.interp(data["subframe_times"], times, data["trans"][:, axis])
        np.testing.assert_allclose(shown + shown_rest[axis], in_world[:, axis], atol=1e-3)


def test_shapes_of_smpl_itself_are_kept(refinements, body, tmp_path, monkeypatch):
    monkeypatch.setattr(body, "identity", BodyIdentity("smpl_neutral", "ab"))
    data = written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    np.testing.assert_allclose(data["betas"][:10], np.linspace(-1, 1, 10), atol=1e-6)


def test_long_motions_are_looked_at_here_and_there(refinements, body, tmp_path, monkeypatch):
    import hfb.report.uniform_motion as module

    whole = written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    monkeypatch.setattr(module, "_LOOKED_AT", 3)
    few = written(tmp_path / "m.npz", refinements, EXPOSURE, body)
    np.testing.assert_allclose(few["trans"], whole["trans"], atol=1e-5)
