from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from hfb.body import load_body
from hfb.errors import BodyModelError, InputError
from hfb.geometry import project, rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser, read_estimate, read_timed_estimates, write_estimate
from hfb.refine.initialise import initialise_frame
from hfb.structures import (
    BlurSample,
    BodyIdentity,
    BodyParams,
    Camera,
    InitialEstimate,
    SeenLandmarks,
)


@pytest.fixture(scope="module")
def body():
    return load_body()


def named(body, identity):
    """The same body under another name."""
    other = copy(body)
    other.identity = identity
    return other


@pytest.fixture
def estimate(generator, body):
    rotvec = 0.5 * torch.randn(3, 24, 3, generator=generator)
    return InitialEstimate(
        betas=torch.randn(3, 10, generator=generator),
        pose_rotmat=rotvec_to_rotmat(rotvec),
        transl=torch.tensor([0.0, 0.0, 5.0]) + torch.randn(3, 3, generator=generator),
        camera=Camera(torch.tensor([500.0, 510.0]), torch.tensor([99.5, 120.0]), 240, 200),
        score=torch.tensor([0.9, 0.5, 0.1]),
        body=body.identity,
        source="a test",
        joint_sigma=torch.rand(3, 24, generator=generator),
        landmarks=SeenLandmarks(
            200.0 * torch.rand(3, 23, 2, generator=generator),
            torch.rand(3, 23, generator=generator),
        ),
        probability=torch.tensor([0.9, 0.1, 0.0]),
    )


def changed(path, target, drop=(), **entries):
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files if key not in drop}
    np.savez(target, **{**arrays, **entries})
    return target


@pytest.fixture
def written(tmp_path, estimate):
    return write_estimate(tmp_path / "deep" / "a.hfbinit.npz", estimate)


def test_round_trip_keeps_every_hypothesis(written, estimate, body):
    back = read_estimate(written, body, (240, 200))
    for name in ("betas", "pose_rotmat", "transl", "score", "joint_sigma", "probability"):
        torch.testing.assert_close(getattr(back, name), getattr(estimate, name))
    torch.testing.assert_close(back.landmarks.xy, estimate.landmarks.xy)
    torch.testing.assert_close(back.landmarks.trust, estimate.landmarks.trust)
    torch.testing.assert_close(back.camera.focal, estimate.camera.focal)
    torch.testing.assert_close(back.camera.principal_point, estimate.camera.principal_point)
    assert (back.camera.height, back.camera.width) == (240, 200)
    assert back.source == "a test"
    assert back.body == body.identity
    assert not list(written.parent.glob("*.part"))


def test_a_failed_write_leaves_the_old_file(written, estimate, monkeypatch):
    before = written.read_bytes()

    def no_space(*args: object, **kwargs: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", no_space)
    with pytest.raises(InputError, match=r"cannot write .*a\.hfbinit\.npz: no space left"):
        write_estimate(written, estimate)
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_files_from_elsewhere_have_one_pose_a_frame(written, tmp_path, body):
    path = changed(
        written,
        tmp_path / "b.npz",
        drop=(
            "score",
            "probability",
            "joint_sigma",
            "landmarks",
            "landmark_trust",
            "body_name",
            "body_sha256",
        ),
        poses=np.zeros((4, 72), np.float32),
        trans=np.arange(12, dtype=np.float32).reshape(4, 3),
        betas=np.arange(16, dtype=np.float32),
        frame_ids=np.array([3, 5, 7, 9]),
        pixel_center=np.float32(0.0),
    )
    smpl = named(body, BodyIdentity("smpl_neutral"))
    back = read_estimate(path, smpl, (240, 200), frame=7)
    torch.testing.assert_close(back.transl, torch.tensor([[6.0, 7.0, 8.0]]))
    torch.testing.assert_close(back.betas, torch.arange(10.0)[None])
    # centres at integers in the file, at integers + 0.5 here
    torch.testing.assert_close(back.camera.principal_point, torch.tensor([100.0, 120.5]))
    with pytest.raises(InputError, match="has no frame 4"):
        read_estimate(path, smpl, frame=4)


def test_amass_file_asks_for_a_camera(written, tmp_path, estimate, body):
    drop = (
        "K",
        "format",
        "format_version",
        "joint_sigma",
        "landmarks",
        "landmark_trust",
        "probability",
        "score",
        "surface_model_type",
    )
    path = changed(
        written,
        tmp_path / "amass_poses.npz",
        drop=(*drop, "body_name", "body_sha256"),
        poses=np.full((2, 156), 0.1),
        trans=np.tile([0.0, 0.0, 4.0], (2, 1)),
        betas=np.zeros(16),
        gender=np.array(b"neutral"),
    )
    with pytest.raises(InputError, match=r"no camera .*--data.camera"):
        read_estimate(path, body)
    back = read_estimate(path, body, camera=estimate.camera)
    # the two hand joints of SMPL are not those of SMPL-H
    assert torch.equal(back.pose_rotmat[0, 22], torch.eye(3))
    assert not torch.equal(back.pose_rotmat[0, 21], torch.eye(3))


def test_betas_of_another_body_are_refused_by_both_names(written, body):
    other = named(body, BodyIdentity("smpl_female", "cd" * 32, gender="female"))
    with pytest.raises(BodyModelError, match=r"free_body.*smpl_female"):
        read_estimate(written, other)


def test_original_smpl_betas_do_not_fit_the_free_body(written, tmp_path, body):
    path = changed(written, tmp_path / "c.npz", drop=("body_name", "body_sha256"))
    with pytest.raises(BodyModelError, match=r"smpl \(neutral\).*free_body"):
        read_estimate(path, body)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"poses": np.full((1, 72), np.nan)}, "poses holds values that are not finite"),
        ({"trans": np.zeros((1, 3, 2))}, "trans"),
        ({"poses": np.zeros((1, 71))}, "poses have 71 numbers"),
        ({"poses": np.zeros((0, 72))}, "holds no poses"),
        ({"K": np.zeros((3, 3))}, "K cannot belong to an image"),
        ({"image_size": np.array([640, 480])}, "is for an image of 640 x 480"),
        ({"format": np.array("other")}, "has the format 'other'"),
        ({"format_version": np.array(9)}, "format version 9"),
        ({"betas": np.zeros((5, 10))}, "betas have the shape"),
        ({"poses": np.array("text")}, "poses does not hold numbers"),
    ],
)
def test_faults_inside_the_file(written, tmp_path, entries, message, body):
    path = changed(written, tmp_path / "bad.npz", **entries)
    with pytest.raises(InputError, match=message) as caught:
        read_estimate(path, body, (240, 200))
    assert "\n" not in str(caught.value)


def test_missing_keys_are_named(written, tmp_path, body):
    path = changed(written, tmp_path / "bad.npz", drop=("trans",))
    with pytest.raises(InputError, match="lacks trans"):
        read_estimate(path, body)


@pytest.fixture
def meshes(body, generator):
    """Three posed bodies as METRO would give them, before a camera, and their file's entries."""
    pose = rotvec_to_rotmat(0.3 * torch.randn(3, 24, 3, generator=generator))
    upright = rotvec_to_rotmat(torch.tensor([torch.pi, 0.0, 0.0]))
    pose[:, 0] = upright @ pose[:, 0]
    transl = torch.tensor([[0.0, 0.2, 3.0], [0.3, 0.1, 3.5], [-0.2, 0.3, 4.0]])
    params = BodyParams(torch.randn(3, 10, generator=generator), pose, transl)
    return body(params).verts


def with_vertices(written, target, vertices, **entries):
    drop = (
        "poses",
        "trans",
        "betas",
        "joint_sigma",
        "landmarks",
        "landmark_trust",
        "probability",
        "score",
        "body_name",
        "body_sha256",
    )
    return changed(written, target, drop=drop, vertices=np.asarray(vertices), **entries)


def test_vertices_project_onto_themselves_within_a_pixel(written, tmp_path, body, meshes):
    path = with_vertices(written, tmp_path / "v.npz", meshes[None], score=np.array([[0.9, 0.5, 0]]))
    found = read_estimate(path, body, (240, 200))
    assert found.score.tolist() == pytest.approx([0.9, 0.5, 0.0])
    assert found.body == body.identity
    verts = body(BodyParams(found.betas, found.pose_rotmat, found.transl)).verts
    apart = (project(verts, found.camera) - project(meshes, found.camera)).norm(dim=-1)
    assert apart.mean(-1).max() < 0.3
    # The registration leaves out pose blend shapes: a few vertices at bent joints are further off.
    assert apart.quantile(0.97) < 1.0


def test_a_photo_starts_from_a_file_of_vertices(written, tmp_path, body, meshes):
    path = with_vertices(written, tmp_path / "v.npz", meshes[:1])
    photo, matte = torch.zeros(1, 3, 240, 200), torch.ones(1, 1, 240, 200)
    sample = BlurSample("photo", photo, photo[0], alpha=matte, estimate_path=str(path))
    started = initialise_frame(sample, body, BlazePoseInitialiser())
    verts = body(started.estimate.params()).verts
    assert (verts - meshes[0]).norm(dim=-1).mean() < 0.004


def test_noisy_vertices_of_several_frames(written, tmp_path, body, meshes, generator):
    noisy = meshes + 0.01 * torch.randn(meshes.shape, generator=generator)
    ids, times = np.array([0, 0, 1]), np.array([0.0, 0.01, 0.04])
    path = with_vertices(written, tmp_path / "v.npz", noisy, frame_ids=ids, timestamps=times)
    rows = read_timed_estimates(path, body, (240, 200))
    assert [(row.frame, row.time) for row in rows] == [(0, 0.0), (0, 0.01), (1, 0.04)]
    for row, clean in zip(rows, meshes, strict=True):
        assert (body(row.estimate.params()).verts - clean).norm(dim=-1).mean() < 0.01
    alone = read_estimate(path, body, (240, 200), frame=1)
    torch.testing.assert_close(alone.transl, rows[2].estimate.transl)


def test_vertices_of_another_mesh_are_refused(written, tmp_path, body, meshes, generator):
    short = with_vertices(written, tmp_path / "short.npz", np.zeros((1, 9, 3)))
    with pytest.raises(InputError, match=r"vertices are \(9, 3\) a mesh.*has \(6890, 3\)"):
        read_estimate(short, body)
    order = torch.randperm(meshes.shape[1], generator=generator)
    other = with_vertices(written, tmp_path / "other.npz", meshes[:1, order])
    with pytest.raises(InputError, match=r"mm from the body free_body.*another mesh"):
        read_estimate(other, body)
    flat = with_vertices(written, tmp_path / "flat.npz", np.zeros((6890, 3)))
    with pytest.raises(InputError, match=r"vertices has the shape.*expected \(T, V, 3\)"):
        read_estimate(flat, body)


def test_parameters_win_where_a_file_has_both(written, tmp_path, body, estimate):
    path = changed(written, tmp_path / "both.npz", vertices=np.zeros((1, 9, 3)))
    torch.testing.assert_close(read_estimate(path, body).transl, estimate.transl)


def test_other_bodies_are_refused_by_name(written, tmp_path, body, estimate):
    other = copy(body)
    other.parents = body.parents[:22]
    with pytest.raises(BodyModelError, match=r"an estimate file needs SMPL's 24 joints.* has 22"):
        read_estimate(written, other)
    cut = replace(
        estimate, pose_rotmat=estimate.pose_rotmat[:, :22], joint_sigma=None, landmarks=None
    )
    with pytest.raises(BodyModelError, match=r"an estimate file needs SMPL's 24 joints.* has 22"):
        write_estimate(tmp_path / "cut.npz", cut)


def test_truncated_and_foreign_files(written, tmp_path, body):
    cut = tmp_path / "cut.npz"
    cut.write_bytes(written.read_bytes()[:700])
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    single = tmp_path / "single.npy"
    np.save(single, np.zeros(3))
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, poses=np.array([{}]), trans=np.zeros(3), betas=np.zeros(10))
    for path, message in (
        (cut, "is not an npz that can be read"),
        (text, "cannot be read"),
        (single, "not an npz file"),
        (pickled, "could run code"),
        (tmp_path / "absent.npz", "no estimate at"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            read_estimate(path, body)
        assert "\n" not in str(caught.value)


def test_a_probability_of_one_may_be_rounded(written, tmp_path, body):
    rounded = np.array([[np.nextafter(np.float32(1.0), np.float32(2.0)), 0.0, 0.0]])
    back = read_estimate(
        changed(written, tmp_path / "b.npz", probability=rounded), body, (240, 200)
    )
    assert back.probability.tolist() == [1.0, 0.0, 0.0]
