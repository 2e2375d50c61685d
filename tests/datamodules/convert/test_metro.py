"""METRO's meshes: where they stand in the photo, and the poses that the body has on them."""

import numpy as np
import pytest
import torch

from datamodules.convert.poses import convert_poses
from datamodules.external import main
from hfb.body import load_body
from hfb.errors import InputError
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init import read_estimate, read_timed_estimates
from hfb.structures import BodyParams

WIDTH, HEIGHT, BOX = 640, 480, 300.0
CENTRE = np.array([[400.0, 200.0], [250.0, 260.0]])
CAMERA = np.array([[0.9, 0.05, -0.1], [0.8, -0.1, 0.1]])


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def truth(body):
    """Two poses about the root joint, camera axes: x right, y down."""
    generator = torch.Generator().manual_seed(3)
    rotvec = 0.25 * torch.randn(2, 24, 3, generator=generator)
    rotvec[:, 0] = torch.tensor([torch.pi, 0.0, 0.0])
    params = BodyParams(torch.zeros(2, 10), rotvec_to_rotmat(rotvec), torch.zeros(2, 3))
    return BodyParams(params.betas, params.pose_rotmat, -body(params).joints[:, 0])


@pytest.fixture(scope="module")
def content(body, truth):
    return {
        "pred_vertices": body(truth).verts.numpy(),
        "pred_camera": CAMERA,
        "box_center": CENTRE,
        "box_size": np.full(2, BOX),
        "img_size": np.array([WIDTH, HEIGHT]),
    }


def _saved(path, content):
    np.savez(path, **content)
    return path


def test_poses_and_places_are_those_of_the_crop(tmp_path, content, truth, body):
    source = _saved(tmp_path / "metro.npz", content)
    path = convert_poses("metro", source, tmp_path / "poses.hfbinit.npz", num_photos=2)
    for row in range(2):
        estimate = read_estimate(path, body, (HEIGHT, WIDTH), frame=row)
        relative = estimate.pose_rotmat[0].mT @ truth.pose_rotmat[row]
        trace = relative.diagonal(dim1=-2, dim2=-1).sum(-1)
        assert torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1))).mean() < 2.0
        # Points at the root's depth are where the crop's weak perspective has them.
        scale, shift = CAMERA[row, 0], CAMERA[row, 1:]
        expected = CENTRE[row] + BOX / 2 * scale * shift
        pelvis = body.joints(estimate.params())[0]
        pixel = project(pelvis[None], estimate.camera)[0].numpy()
        assert np.abs(pixel - expected).max() < 1.5
        size = float(estimate.camera.focal.mean() / pelvis[2])
        assert size == pytest.approx(BOX / 2 * scale, rel=0.01)


def test_the_demo_crops_the_middle(tmp_path, content, body):
    plain = {name: content[name] for name in ("pred_vertices", "pred_camera")}
    source = _saved(tmp_path / "metro.npz", plain)
    output = tmp_path / "poses.hfbinit.npz"
    main([
        "--tool", "metro", "--source", str(source), "--output", str(output),
        "--width", str(WIDTH), "--height", str(HEIGHT),
    ])  # fmt: skip
    estimate = read_timed_estimates(output, body, (HEIGHT, WIDTH))[0].estimate
    pelvis = body.joints(estimate.params())[0]
    pixel = project(pelvis[None], estimate.camera)[0].numpy()
    expected = np.array([WIDTH, HEIGHT]) / 2 + HEIGHT / 2 * CAMERA[0, 0] * CAMERA[0, 1:]
    assert np.abs(pixel - expected).max() < 2.0


def test_torch_files_are_read_too(tmp_path, content):
    source = tmp_path / "metro.pt"
    torch.save({name: torch.from_numpy(np.asarray(v)) for name, v in content.items()}, source)
    converted = convert_poses("metro", source, tmp_path / "poses.hfbinit.npz")
    with np.load(converted) as data:
        assert data["vertices"].shape == (2, 6890, 3)
        assert data["frame_ids"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred_vertices": np.zeros((2, 431, 3))}, r"pred_vertices are \(2, 431, 3\), expected"),
        ({"pred_vertices": np.zeros((6890, 3))}, r"\(6890, 3\), expected \(N, 6890, 3\)"),
        ({"pred_camera": np.array([[0.9, 0, 0], [-0.1, 0, 0]])}, "scale in pred_camera of row 1"),
        ({"pred_camera": np.zeros((2, 4))}, "pred_camera"),
        ({"box_size": np.zeros(2)}, "box_size of row 0 is not positive"),
        ({"img_size": np.array([0, 480])}, "img_size holds 0"),
    ],
)
def test_other_files_are_refused(tmp_path, content, changes, message):
    source = _saved(tmp_path / "metro.npz", content | changes)
    with pytest.raises(InputError, match=message):
        convert_poses("metro", source, tmp_path / "poses.hfbinit.npz")
    assert not (tmp_path / "poses.hfbinit.npz").exists()


def test_half_a_box_and_no_size(tmp_path, content):
    half = {name: value for name, value in content.items() if name != "box_size"}
    source = _saved(tmp_path / "half.npz", half)
    with pytest.raises(InputError, match="lacks box_size"):
        convert_poses("metro", source, tmp_path / "poses.hfbinit.npz")
    sizeless = {name: value for name, value in content.items() if name != "img_size"}
    source = _saved(tmp_path / "sizeless.npz", sizeless)
    with pytest.raises(InputError, match="give --width and --height"):
        convert_poses("metro", source, tmp_path / "poses.hfbinit.npz")


def test_settings_of_parameters_are_refused(tmp_path, content):
    source = _saved(tmp_path / "metro.npz", content)
    with pytest.raises(InputError, match="--drop_betas has no effect on METRO's meshes"):
        convert_poses("metro", source, tmp_path / "poses.hfbinit.npz", drop_betas=True)
