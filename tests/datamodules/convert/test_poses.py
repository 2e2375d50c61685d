"""Converters on tiny files in the layouts that the tools themselves write."""

import pickle

import numpy as np
import pytest
import torch

from datamodules.convert.poses import convert_poses
from hfb.body import load_body
from hfb.errors import BodyModelError, InputError
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init import read_estimate, read_timed_estimates

ROWS, WIDTH, HEIGHT = 4, 640, 480
FREE_PELVIS = torch.tensor([0.0, -0.22, 0.03])
"""Where the free body's root rests, to 4 mm as SMPL's."""


@pytest.fixture
def rotvec(generator):
    return 0.4 * torch.randn(ROWS, 24, 3, generator=generator)


@pytest.fixture
def transl(generator):
    return torch.tensor([0.2, -0.1, 4.0]) + 0.1 * torch.randn(ROWS, 3, generator=generator)


@pytest.fixture(scope="module")
def body():
    return load_body()


def _read(path, size=(HEIGHT, WIDTH)):
    return read_timed_estimates(path, load_body(), size)


def _pelvis(estimate, body):
    return body.joints(estimate.params())[0]


def _check(path, rotvec, pelvis, focal, body, num_joints=24):
    """Pose, and the root joint's pixel and size in each row's own camera."""
    moments = _read(path)
    assert [m.frame for m in moments] == [0, 0, 1, 1]
    for row, moment in enumerate(moments):
        estimate = moment.estimate
        expected = rotvec_to_rotmat(rotvec[row])
        expected[num_joints:] = torch.eye(3)
        assert torch.allclose(estimate.pose_rotmat[0], expected, atol=1e-5)
        assert estimate.camera.principal_point.tolist() == [WIDTH / 2, HEIGHT / 2]
        found = _pelvis(estimate, body)
        pixel = project(found[None], estimate.camera)[0]
        x, y, z = pelvis[row].tolist()
        truth = torch.tensor([focal[row] * x / z + WIDTH / 2, focal[row] * y / z + HEIGHT / 2])
        assert (pixel - truth).abs().max() < 0.05
        size = estimate.camera.focal.mean() / found[2]
        assert float(size) == pytest.approx(focal[row] / z, rel=1e-4)


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


def test_hybrik(tmp_path, rotvec, transl, body):
    source = _hybrik(tmp_path / "res.pk", rotvec, transl)
    out = convert_poses("hybrik", source, tmp_path / "s" / "poses.hfbinit.npz", num_photos=2)
    # `transl` is the root joint; a box of 256 px: the crop's own 1000 px
    _check(out, rotvec, transl, [1000.0] * ROWS, body)


def test_hybrik_with_a_box_that_grows(tmp_path, rotvec, transl, body):
    boxes = np.array([[100.0, 50.0, 356.0 + 20 * k, 306.0] for k in range(ROWS)])
    source = _hybrik(tmp_path / "res.pk", rotvec, transl, bbox=boxes)
    out = convert_poses("hybrik", source, tmp_path / "p.npz", 2)
    focal = [1000.0 / 256.0 * (256 + 20 * k) for k in range(ROWS)]
    _check(out, rotvec, transl, focal, body)
    cameras = [moment.estimate.camera for moment in _read(out)]
    assert len({float(camera.focal[0]) for camera in cameras}) == 1, "a clip has one camera"


def test_rows_of_pictures_of_different_sizes_keep_their_own(tmp_path, rotvec, transl, body):
    widths = np.full(ROWS, WIDTH)
    widths[1:] = 2 * WIDTH
    source = _hybrik(tmp_path / "res.pk", rotvec, transl, width=widths)
    out = convert_poses("hybrik", source, tmp_path / "p.npz", 2)
    estimate = read_estimate(out, body, (HEIGHT, WIDTH))
    x, _, z = transl[0].tolist()
    pixel = project(_pelvis(estimate, body)[None], estimate.camera)[0]
    assert float(pixel[0]) == pytest.approx(1000.0 * x / z + WIDTH / 2, abs=0.05)
    with pytest.raises(InputError, match="for an image of 1280 x 480 px in row 1, this"):
        _read(out)
    unsized = read_timed_estimates(out, body)
    assert [m.estimate.camera.width for m in unsized] == [WIDTH, 2 * WIDTH, 2 * WIDTH, 2 * WIDTH]


@pytest.mark.parametrize("is_matrix", [False, True])
def test_cliff(tmp_path, rotvec, transl, is_matrix, body):
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
    _check(path, rotvec, transl + FREE_PELVIS, [800.0] * ROWS, body)
    with pytest.raises(InputError, match="--width and --height"):
        convert_poses("cliff", source, path, 2)


def test_wham(tmp_path, rotvec, transl, body):
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
    _check(out, rotvec, transl + FREE_PELVIS, [800.0] * ROWS, body)  # the diagonal of 640 x 480


def test_gvhmr(tmp_path, rotvec, transl, body):
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
    pelvis = transl + torch.tensor([0.0031, -0.3514, 0.0120])  # where SMPL-X's root rests
    _check(out, rotvec, pelvis, [900.0] * ROWS, body, num_joints=22)


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


MIRRORED = np.tile(np.eye(3), (ROWS, 24, 1, 1))
MIRRORED[2, 5] = np.diag([1.0, 1.0, -1.0])


class _Foreign:
    def __reduce__(self):
        return print, ("this must never be run",)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"transl": np.full((ROWS, 3), np.nan)}, "transl holds values that are not finite"),
        ({"pred_thetas": np.zeros((ROWS, 207))}, r"pred_thetas has the shape \(4, 207\)"),
        (
            {"pred_thetas": np.ones((ROWS, 216))},
            "of row 0, joint 0 is no rotation matrix",
        ),
        ({"transl": np.zeros((ROWS - 1, 3))}, r"transl have the shape \(3, 3\), expected \(4, 3\)"),
        ({"bbox": np.zeros((ROWS, 4))}, "row 0: K cannot belong to an image"),
        ({"pred_betas": _Foreign()}, "it asks for builtins.print"),
        ({"pred_betas": "none"}, "pred_betas does not hold numbers"),
        ({"pred_betas": np.full(10, 1e30)}, r"betas\[0, 0\] is 1e\+30; no such value exceeds 100"),
        ({"transl": np.full((ROWS, 3), -3.5)}, "transl of row 0 puts the body behind the camera"),
        ({"transl": np.full((ROWS, 3), 1e8)}, r"transl of row 0 puts the body 1e\+08 m away"),
        ({"pred_thetas": MIRRORED}, "pred_thetas of row 2, joint 5 mirrors"),
        ({"height": np.zeros(ROWS)}, "the image of row 0 is 640 x 0 px"),
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
    torch.save({"smpl_params_incam": _Foreign()}, tmp_path / "bad.pt")
    with pytest.raises(InputError, match="no torch file of plain tensors"):
        convert_poses("gvhmr", tmp_path / "bad.pt", tmp_path / "p.npz")
    torch.save({"K_fullimg": torch.eye(3)}, tmp_path / "empty.pt")
    with pytest.raises(InputError, match="lacks smpl_params_incam"):
        convert_poses("gvhmr", tmp_path / "empty.pt", tmp_path / "p.npz")


def _write_wham(path, rotvec, transl, **changes):
    content = {
        "pose": rotvec.flatten(1).numpy(),
        "trans": transl.numpy(),
        "betas": np.zeros((ROWS, 10)),
    }
    np.savez(path, **(content | changes))
    return path


@pytest.mark.parametrize(
    "betas", [np.full(10, 0.5), np.full((1, 10), 0.5), np.full((ROWS, 16), 0.5), np.full(4, 0.5)]
)
def test_shapes_of_one_row_and_other_lengths(tmp_path, rotvec, transl, betas):
    source = _write_wham(tmp_path / "p.npz", rotvec, transl, betas=betas)
    out = convert_poses("wham", source, tmp_path / "out.npz", 1, (WIDTH, HEIGHT))
    with np.load(out) as found:
        assert found["betas"].shape == (ROWS, 10)
        number = min(betas.shape[-1], 10)
        assert (found["betas"][:, :number] == 0.5).all()
        assert (found["betas"][:, number:] == 0.0).all()


def test_poses_with_an_axis_of_joints(tmp_path, rotvec, transl, body):
    source = _write_wham(tmp_path / "p.npz", rotvec, transl, pose=rotvec.numpy())
    out = convert_poses("wham", source, tmp_path / "out.npz", 2, (WIDTH, HEIGHT))
    _check(out, rotvec, transl + FREE_PELVIS, [800.0] * ROWS, body)


def test_half_precision_and_one_camera_for_all_rows(tmp_path, rotvec, transl, body):
    rotvec, transl = rotvec.bfloat16(), transl.bfloat16()
    matrix = torch.tensor([[900.0, 0, WIDTH / 2], [0, 900.0, HEIGHT / 2], [0, 0, 1]])
    params = {
        "global_orient": rotvec[:, 0],
        "body_pose": rotvec[:, 1:22],
        "betas": torch.zeros(10, dtype=torch.bfloat16),
        "transl": transl,
    }
    source = tmp_path / "r.pt"
    torch.save({"smpl_params_incam": params, "K_fullimg": matrix}, source)
    out = convert_poses("gvhmr", source, tmp_path / "p.npz", 2)
    pelvis = transl.float() + torch.tensor([0.0031, -0.3514, 0.0120])
    _check(out, rotvec.float(), pelvis, [900.0] * ROWS, body, num_joints=22)


def _model_file(path, num_joints, generator):
    """A model file of any body of the family, and where the root of each shape rests."""
    verts = 0.2 * torch.randn(12, 3, generator=generator).double().numpy()
    shapedirs = 0.02 * torch.randn(12, 3, 16, generator=generator).double().numpy()
    regressor = torch.rand(num_joints, 12, generator=generator).double().numpy()
    regressor /= regressor.sum(1, keepdims=True)
    np.savez(path, v_template=verts, shapedirs=shapedirs, J_regressor=regressor)
    return lambda betas: regressor[0] @ (verts + shapedirs[..., :10] @ betas)


@pytest.mark.parametrize(("tool", "num_joints"), [("wham", 24), ("gvhmr", 55)])
def test_with_the_tools_own_body_any_shape_stands_where_it_stood(
    tmp_path, rotvec, transl, body, generator, tool, num_joints
):
    rest_of = _model_file(tmp_path / "model.npz", num_joints, generator)
    betas = torch.randn(ROWS, 10, generator=generator)
    if tool == "wham":
        source = _write_wham(tmp_path / "p.npz", rotvec, transl, betas=betas.numpy())
        focal = 800.0
    else:
        focal, source = 900.0, tmp_path / "r.pt"
        matrix = torch.tensor([[900.0, 0, WIDTH / 2], [0, 900.0, HEIGHT / 2], [0, 0, 1]])
        params = {
            "global_orient": rotvec[:, 0],
            "body_pose": rotvec[:, 1:22],
            "betas": betas,
            "transl": transl,
        }
        torch.save({"smpl_params_incam": params, "K_fullimg": matrix}, source)
    model = tmp_path / "model.npz"
    out = convert_poses(tool, source, tmp_path / "o.npz", 2, (WIDTH, HEIGHT), True, model)
    rests = torch.tensor(np.stack([rest_of(row) for row in betas.double().numpy()]))
    num_shared = 24 if tool == "wham" else 22
    _check(out, rotvec, transl + rests.float(), [focal] * ROWS, body, num_shared)


def test_without_it_the_doubt_is_said(tmp_path, rotvec, transl, caplog):
    source = _write_wham(tmp_path / "p.npz", rotvec, transl, betas=np.ones((ROWS, 10)))
    convert_poses("wham", source, tmp_path / "out.npz", 1, (WIDTH, HEIGHT), drop_betas=True)
    assert "--body with that model's file makes it exact" in caplog.text
    caplog.clear()
    convert_poses("wham", source, tmp_path / "out.npz", 1, (WIDTH, HEIGHT))
    assert not caplog.text
    with pytest.raises(BodyModelError, match="is no body model: it lacks v_template"):
        convert_poses("wham", source, tmp_path / "o", 1, (WIDTH, HEIGHT), False, source)
