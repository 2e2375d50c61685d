"""Estimate files of other layouts and bodies: each body stands where its file had it, in pixels."""

import zipfile

import numpy as np
import pytest
import torch

from hfb.body import load_body
from hfb.errors import BodyModelError, InputError
from hfb.files import npz
from hfb.geometry import project, rotmat_to_rotvec, rotvec_to_rotmat
from hfb.init import read_estimate, read_timed_estimates

HEIGHT, WIDTH, ROWS = 240, 320, 3
K = np.array([[500.0, 0.0, 160.0], [0.0, 500.0, 120.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture
def poses(generator):
    return 0.4 * torch.randn(ROWS, 24, 3, generator=generator)


@pytest.fixture
def place(generator):
    return torch.tensor([0.2, -0.1, 4.0]) + 0.1 * torch.randn(ROWS, 3, generator=generator)


@pytest.fixture
def write(tmp_path, poses, place):
    def written(drop=(), **changes):
        arrays = {
            "poses": poses.flatten(1).numpy(),
            "betas": np.zeros(10),
            "trans": place.numpy(),
            "K": K,
            "image_size": np.array([WIDTH, HEIGHT]),
        }
        path = tmp_path / "a.npz"
        kept = {key: value for key, value in (arrays | changes).items() if key not in drop}
        np.savez(path, **kept)
        return path

    return written


def pelvis_pixels(path, body):
    """Pixel of the root joint, and pixels per metre there, of each row."""
    found = []
    for row in read_timed_estimates(path, body, (HEIGHT, WIDTH)):
        pelvis = body.joints(row.estimate.params())[0]
        pixel = project(pelvis[None], row.estimate.camera)[0]
        found.append([*pixel.tolist(), float(row.estimate.camera.focal[0] / pelvis[2])])
    return torch.tensor(found)


def seen(points, focal=500.0):
    focal = torch.as_tensor(focal, dtype=torch.float32).reshape(-1, 1)
    pixels = focal * points[:, :2] / points[:, 2:] + torch.tensor([WIDTH / 2, HEIGHT / 2])
    return torch.cat([pixels, focal / points[:, 2:]], 1)


@pytest.mark.parametrize(
    ("model", "size", "gender", "rest"),
    [
        ("smplx", 165, "neutral", (0.0031, -0.3514, 0.0120)),
        ("smplh", 156, "male", (-0.0022, -0.2408, 0.0286)),
        ("smplh", 156, "female", (-0.0009, -0.2114, 0.0278)),
        ("smpl", 72, "male", (-0.0022, -0.2408, 0.0286)),
    ],
)
def test_transl_of_other_bodies_begins_at_their_root(
    write, poses, place, body, model, size, gender, rest
):
    padded = np.zeros((ROWS, size), np.float32)
    padded[:, :66] = poses.flatten(1)[:, :66].numpy()
    path = write(poses=padded, surface_model_type=np.array(model), gender=np.array(gender.encode()))
    truth = place + torch.tensor(rest)
    torch.testing.assert_close(pelvis_pixels(path, body), seen(truth), atol=0.02, rtol=0.0)


def test_the_free_body_and_smpl_rest_at_the_same_place(write, place, body):
    first = read_estimate(write(), body, (HEIGHT, WIDTH))
    torch.testing.assert_close(first.transl, place[:1])
    rest = body.shape(torch.zeros(10))[1][0]
    assert (rest - torch.tensor([-0.0018, -0.2233, 0.0282])).norm() < 0.005


def test_a_pelvis_says_it_for_every_body(write, place, body):
    path = write(drop=("trans",), pelvis=place.numpy())
    torch.testing.assert_close(pelvis_pixels(path, body), seen(place), atol=0.01, rtol=0.0)
    both = write(pelvis=place.numpy() + 0.1)
    torch.testing.assert_close(pelvis_pixels(both, body), seen(place + 0.1), atol=0.01, rtol=0.0)


def test_every_row_is_seen_where_its_own_camera_saw_it(write, place, body):
    focal = np.array([500.0, 650.0, 800.0])
    cameras = np.tile(K, (ROWS, 1, 1))
    cameras[:, 0, 0] = cameras[:, 1, 1] = focal
    path = write(drop=("trans",), pelvis=place.numpy(), K=cameras)
    torch.testing.assert_close(pelvis_pixels(path, body), seen(place, focal), atol=0.01, rtol=0.0)
    rows = read_timed_estimates(path, body, (HEIGHT, WIDTH))
    assert [float(row.estimate.camera.focal[0]) for row in rows] == [500.0] * ROWS


@pytest.mark.parametrize("layout", ["joints", "matrices", "hypotheses", "one", "one flat"])
def test_layouts_of_poses(write, poses, place, body, layout):
    stored = {
        "joints": poses.numpy(),
        "matrices": rotvec_to_rotmat(poses).numpy(),
        "hypotheses": poses[:, None].repeat(1, 2, 1, 1).numpy(),
        "one": poses[0].numpy(),
        "one flat": poses[0].flatten().numpy(),
    }[layout]
    changes = {"trans": place[0].numpy()} if layout.startswith("one") else {}
    found = read_estimate(write(poses=stored, **changes), body, (HEIGHT, WIDTH))
    assert len(found.transl) == (2 if layout == "hypotheses" else 1)
    torch.testing.assert_close(rotmat_to_rotvec(found.pose_rotmat[-1]), poses[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.transl[-1], place[0])


@pytest.mark.parametrize("shape", [(10,), (1, 10), (ROWS, 10), (1, 1, 10), (ROWS, 1, 10)])
def test_one_rule_for_shapes_and_cameras(write, body, shape):
    named = {"body_name": np.array(body.identity.name)}
    for cameras in (K, K[None], np.tile(K, (ROWS, 1, 1))):
        path = write(betas=np.full(shape, 0.5), K=cameras, **named)
        for row in read_timed_estimates(path, body, (HEIGHT, WIDTH)):
            assert row.estimate.betas.tolist() == [[0.5] * 10]
            assert row.estimate.camera.focal.tolist() == [500.0, 500.0]


MIRRORED = np.tile(np.eye(3), (ROWS, 24, 1, 1))
MIRRORED[1, 7, 2, 2] = -1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trans": np.full((ROWS, 3), -3.5)}, r"trans of row 0 .*behind the camera \(z = -3.46"),
        ({"trans": np.full((ROWS, 3), 1e8)}, r"puts the body 1e\+08 m away"),
        ({"trans": np.tile([1e30, 0, 4.0], (ROWS, 1))}, r"px beside the optical axis, the image"),
        ({"trans": np.tile([0, -40.0, 4.0], (ROWS, 1))}, r"puts the body 4\d\d\d.* px beside"),
        ({"pelvis": np.zeros((ROWS, 3))}, r"pelvis of row 0 .*behind the camera \(z = 0 m\)"),
        ({"poses": MIRRORED}, "poses of row 1, joint 7 mirrors"),
        ({"poses": np.full((ROWS, 72), 1e30)}, r"poses\[0, 0\] is 1e\+30"),
        ({"poses": np.ones((ROWS, 72), bool)}, "poses does not hold numbers"),
        ({"betas": np.full(10, 1e30)}, r"betas\[0\] is 1e\+30"),
        ({"betas": np.zeros((2, 10))}, r"betas have the shape \(2, 10\), expected \(3, 10\)"),
        ({"K": K.T}, "it is transposed"),
        ({"K": K * 1e30}, "its last row"),
        ({"K": np.array([[500, 9, 0], [0, 500, 0], [0, 0, 1.0]])}, "it is skewed"),
        ({"K": np.zeros((2, 3, 3))}, r"K have the shape \(2, 3, 3\)"),
        ({"K": np.full((3, 3), np.inf)}, "K holds values that are not finite"),
        ({"K": np.eye(3, dtype=bool)}, "K does not hold numbers"),
        ({"trans": np.zeros((2, 3))}, r"trans has the shape \(2, 3\), expected 3 rows"),
        ({"pixel_center": np.array("middle")}, "pixel_center does not hold numbers"),
        ({"image_size": np.array([0, 240])}, "image_size is 0 x 240 px"),
        ({"joint_sigma": np.full((ROWS, 24), -1.0)}, "joint_sigma of row 0 must be 1 x 24"),
        ({"probability": np.full((ROWS, 1), -1.0)}, "probability of row 0 must be 1 numbers"),
        ({"probability": np.full((ROWS, 1), 3.0)}, "probability"),
        ({"landmarks": np.zeros((ROWS, 46))}, "lacks landmark_trust: landmarks and"),
        (
            {"landmarks": np.zeros((ROWS, 46)), "landmark_trust": np.zeros((ROWS, 22))},
            "landmarks and landmark_trust of row 0 must be 1 x 46",
        ),
        ({"score": np.zeros(2)}, r"score has the shape \(2,\), expected 3 rows"),
        ({"frame_ids": np.array(["a"] * 3)}, "frame_ids does not hold numbers"),
    ],
)
def test_numbers_that_mean_nothing(write, body, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        read_estimate(write(**changes), body, (HEIGHT, WIDTH))
    assert "\n" not in str(caught.value)


def test_bombs_are_refused_from_the_archives_directory(write, tmp_path, body, monkeypatch):
    path = write()
    monkeypatch.setattr(npz, "MAX_BYTES", 2**20)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.npy", bytes(2**24))
    monkeypatch.setattr(npz, "_read_member", lambda *arguments: pytest.fail("was unpacked"))
    with pytest.raises(InputError, match=r"the estimate .* claims 16 MB of arrays"):
        read_estimate(path, body, (HEIGHT, WIDTH))


def test_an_unknown_model_is_refused(write, body):
    path = write(surface_model_type=np.array("star"))
    with pytest.raises(BodyModelError, match="no body model 'star'"):
        read_estimate(path, body, (HEIGHT, WIDTH))
