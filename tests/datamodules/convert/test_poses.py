"""Converters on tiny files in the layouts that the tools themselves write."""

import pickle

import numpy as np
import pytest
import torch

from datamodules.convert.poses import convert_poses
from hfb.body import load_body
from hfb.errors import BodyModelError, InputError
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init import read_timed_estimates

ROWS, WIDTH, HEIGHT = 4, 640, 480


@pytest.fixture
def rotvec(generator):
    return 0.4 * torch.randn(ROWS, 24, 3, generator=generator)


@pytest.fixture
def transl(generator):
    return torch.tensor([0.2, -0.1, 4.0]) + 0.1 * torch.randn(ROWS, 3, generator=generator)


def _read(path):
    return read_timed_estimates(path, load_body(), (HEIGHT, WIDTH))


def _check(path, rotvec, transl, focal, num_joints=24):
    moments = _read(path)
    assert [m.frame for m in moments] == [0, 0, 1, 1]
    for row, moment in enumerate(moments):
        estimate = moment.estimate
        expected = rotvec_to_rotmat(rotvec[row])
        expected[num_joints:] = torch.eye(3)
        assert torch.allclose(estimate.pose_rotmat[0], expected, atol=1e-5)
        assert torch.allclose(estimate.transl[0], transl[row], atol=1e-5)
        assert estimate.camera.focal.tolist() == pytest.approx([focal[row]] * 2, rel=1e-5)
        assert estimate.camera.principal_point.tolist() == [WIDTH / 2, HEIGHT / 2]


def _hybrik(path, rotvec, place, /, **changes):
    matrices = rotvec_to_rotmat(rotvec).reshape(ROWS, 216)
    content = {
        "pred_uvd": np.zeros((ROWS, 29, 3)),
        "pred_camera": np.zeros((ROWS, 3)),
        "pred_betas": np.zeros((ROWS, 10), np.float32),
        "pred_thetas": matrices.numpy(),
        "transl": place.numpy(),
        "bbox": np.tile(np.array([100.0, 50.0, 356.0, 306.0]), (ROWS, 1)),
        "height": np.full(ROWS, HEIGHT),
        "width": np.full(ROWS, WIDTH),
        "img_path": ["a.png"] * ROWS,
    }
    path.write_bytes(pickle.dumps(content | changes))
    return path


def test_hybrik(tmp_path, rotvec, transl):
    source = _hybrik(tmp_path / "res.pk", rotvec, transl)
    out = convert_poses("hybrik", source, tmp_path / "s" / "poses.hfbinit.npz", num_photos=2)
    _check(out, rotvec, transl, [1000.0] * ROWS)  # a box of 256 px: the crop's own 1000 px


@pytest.mark.parametrize("is_matrix", [False, True])
def test_cliff(tmp_path, rotvec, transl, is_matrix):
    pose = rotvec_to_rotmat(rotvec) if is_matrix else rotvec.flatten(1)
    np.savez(
        tmp_path / "x_cliff_hr48.npz",
        imgname=np.array(["a.png", None, "b", "c"], dtype=object),
        pose=pose.numpy(),
        shape=np.zeros((ROWS, 10)),
        global_t=transl.numpy(),
        pred_joints=np.zeros((ROWS, 24, 3)),
        focal_l=np.full(ROWS, 800.0),
        detection_all=np.zeros((ROWS, 8)),
    )
    path = tmp_path / "poses.hfbinit.npz"
    source = tmp_path / "x_cliff_hr48.npz"
    convert_poses("cliff", source, path, 2, (WIDTH, HEIGHT))
    _check(path, rotvec, transl, [800.0] * ROWS)
    with pytest.raises(InputError, match="--width and --height"):
        convert_poses("cliff", source, path, 2)


def test_wham(tmp_path, rotvec, transl):
    source = tmp_path / "person.npz"
    np.savez(
        source,
        pose=rotvec.flatten(1).numpy(),
        trans=transl.numpy(),
        betas=np.zeros((ROWS, 10)),
        verts=np.zeros((ROWS, 3, 3)),
        frame_ids=np.arange(ROWS),
    )
    out = convert_poses("wham", source, tmp_path / "p.npz", 2, (WIDTH, HEIGHT))
    _check(out, rotvec, transl, [800.0] * ROWS)  # the diagonal of 640 x 480


def test_gvhmr(tmp_path, rotvec, transl):
    matrix = torch.tensor([[900.0, 0, WIDTH / 2], [0, 900.0, HEIGHT / 2], [0, 0, 1]])
    source = tmp_path / "hmr4d_results.pt"
    params = {
        "global_orient": rotvec[:, 0],
        "body_pose": rotvec[:, 1:22].flatten(1),
        "betas": torch.zeros(ROWS, 10),
        "transl": transl,
    }
    content = {
        "smpl_params_incam": params,
        "smpl_params_global": params,
        "K_fullimg": matrix.expand(ROWS, 3, 3),
        "net_outputs": {},
    }
    torch.save(content, source)
    out = convert_poses("gvhmr", source, tmp_path / "p.npz", 2)
    _check(out, rotvec, transl, [900.0] * ROWS, num_joints=22)


def test_hmr2_puts_the_body_where_its_crop_camera_saw_it(tmp_path, rotvec, generator):
    matrices = rotvec_to_rotmat(rotvec)
    cam = torch.tensor([0.9, 0.05, -0.1]).expand(ROWS, 3)
    centre, box = torch.tensor([[250.0, 300.0]]).expand(ROWS, 2), torch.full((ROWS,), 320.0)
    source = tmp_path / "out.pt"
    content = {
        "pred_cam": cam,
        "pred_smpl_params": {
            "global_orient": matrices[:, :1],
            "body_pose": matrices[:, 1:],
            "betas": torch.zeros(ROWS, 10),
        },
        "box_center": centre,
        "box_size": box,
        "img_size": torch.tensor([[WIDTH, HEIGHT]]).expand(ROWS, 2).float(),
    }
    torch.save(content, source)
    moments = _read(convert_poses("hmr2", source, tmp_path / "p.npz", 2))
    point = 0.3 * torch.randn(5, 3, generator=generator)
    estimate = moments[0].estimate
    seen = project(point + estimate.transl[0], estimate.camera)
    # The network's weak-perspective camera: x = s (X + tx) on [-1, 1] of the box.
    crop = cam[0, 0] * (point[:, :2] + cam[0, 1:])
    assert torch.allclose(seen, centre[0] + crop * box[0] / 2, atol=1.0)
    assert estimate.camera.focal[0] == pytest.approx(5000 / 256 * WIDTH, rel=1e-6)


def test_betas_of_another_body_are_refused_or_dropped(tmp_path, rotvec, transl):
    source = _hybrik(tmp_path / "res.pk", rotvec, transl, pred_betas=np.ones((ROWS, 10)))
    kept = convert_poses("hybrik", source, tmp_path / "kept.npz", 2)
    with pytest.raises(BodyModelError, match="betas belong to"):
        _read(kept)
    dropped = convert_poses("hybrik", source, tmp_path / "dropped.npz", 2, drop_betas=True)
    assert not _read(dropped)[0].estimate.betas.any()


class _Foreign:
    def __reduce__(self):
        return print, ("this must never be run",)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"transl": np.full((ROWS, 3), np.nan)}, "trans hold values that are not finite"),
        ({"pred_thetas": np.zeros((ROWS, 207))}, r"pred_thetas has the shape \(4, 207\)"),
        ({"pred_thetas": np.ones((ROWS, 216))}, "does not hold rotation matrices"),
        ({"transl": np.zeros((ROWS - 1, 3))}, r"trans have the shape \(3, 3\)"),
        ({"bbox": np.zeros((ROWS, 4))}, "no usable image size or focal length"),
        ({"pred_betas": _Foreign()}, "it asks for builtins.print"),
        ({"pred_betas": "none"}, "pred_betas does not hold numbers"),
    ],
)
def test_hostile_pickles(tmp_path, rotvec, transl, changes, match, capsys):
    source = _hybrik(tmp_path / "res.pk", rotvec, transl, **changes)
    with pytest.raises(InputError, match=match) as caught:
        convert_poses("hybrik", source, tmp_path / "p.npz", 2)
    assert "\n" not in str(caught.value)
    assert "never be run" not in capsys.readouterr().out
    assert not (tmp_path / "p.npz").exists()


def test_hostile_archives(tmp_path, rotvec):
    objects = tmp_path / "objects.npz"
    np.savez(objects, pose=np.array([_Foreign()], dtype=object), trans=1, betas=1)
    with pytest.raises(InputError, match="pickle"):
        convert_poses("wham", objects, tmp_path / "p.npz", 1, (WIDTH, HEIGHT))
    whole = tmp_path / "whole.npz"
    np.savez(whole, pose=rotvec.numpy(), trans=np.zeros((ROWS, 3)), betas=np.zeros((ROWS, 10)))
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"cut\.npz"):
        convert_poses("wham", cut, tmp_path / "p.npz", 1, (WIDTH, HEIGHT))
    with pytest.raises(InputError, match=r"poses have the shape \(4, 24, 3\)"):
        convert_poses("wham", whole, tmp_path / "p.npz", 1, (WIDTH, HEIGHT))
    torch.save({"smpl_params_incam": _Foreign()}, tmp_path / "bad.pt")
    with pytest.raises(InputError, match="no torch file of plain tensors"):
        convert_poses("gvhmr", tmp_path / "bad.pt", tmp_path / "p.npz")
    torch.save({"K_fullimg": torch.eye(3)}, tmp_path / "empty.pt")
    with pytest.raises(InputError, match="lacks smpl_params_incam"):
        convert_poses("gvhmr", tmp_path / "empty.pt", tmp_path / "p.npz")
