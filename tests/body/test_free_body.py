"""The shipped body is a sound SMPL-format body."""

import numpy as np
import pytest
import torch

from hfb.body.model_file import BodyFile
from hfb.structures import BodyParams


@pytest.fixture(scope="module")
def fields(repo) -> dict[str, np.ndarray]:
    with np.load(repo / "checkpoints" / "free_body.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def volume(verts: np.ndarray, faces: np.ndarray) -> float:
    """Signed volume of a closed mesh, positive where faces are counter-clockwise from outside."""
    a, b, c = (verts[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def overlapped_share(corners: np.ndarray, size: int = 128) -> float:
    """Share of the used texels whose centre lies in more than one counter-clockwise face."""
    corners = corners * size
    first = np.floor(corners.min(1)).astype(int)
    reach = int((np.floor(corners.max(1)) - first).max()) + 1
    hits = np.zeros((size + reach, size + reach), int)
    for step in np.ndindex(reach, reach):
        texel = first + step
        to_point = texel[:, None] + 0.5 - corners
        edge = np.roll(corners, -1, axis=1) - corners
        side = edge[..., 0] * to_point[..., 1] - edge[..., 1] * to_point[..., 0]
        inside = (side > 0).all(1)
        np.add.at(hits, tuple(texel[inside].T), 1)
    return float((hits > 1).sum() / (hits > 0).sum())


def test_size_is_smpls(free_file: BodyFile) -> None:
    assert free_file.v_template.shape == (6890, 3)
    assert free_file.faces.shape == (13776, 3)
    assert free_file.shapedirs.shape == (6890, 3, 10)


def test_mesh_is_a_closed_manifold_in_one_piece(free_file: BodyFile) -> None:
    faces = free_file.faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)  # each direction once
    reversed_edges = {(b, a) for a, b in edges.tolist()}
    assert {(a, b) for a, b in edges.tolist()} == reversed_edges
    assert len(np.unique(faces)) == 6890
    assert 6890 - len(edges) // 2 + len(faces) == 2  # Euler: one sphere


@pytest.mark.parametrize("beta", [-2.0, 0.0, 2.0])
def test_volume_and_height_are_human(free_file: BodyFile, beta: float) -> None:
    for k in range(10):
        verts = free_file.v_template + beta * free_file.shapedirs[..., k]
        assert 0.035 < volume(verts, free_file.faces) < 0.13  # m³
    if beta == 0:
        assert 1.5 < np.ptp(free_file.v_template[:, 1]) < 1.9


def test_weights_and_regressor_are_means(free_file: BodyFile) -> None:
    assert (free_file.weights >= 0).all()
    np.testing.assert_allclose(free_file.weights.sum(1), 1, atol=1e-6)
    assert (free_file.joint_regressor >= 0).all()
    np.testing.assert_allclose(free_file.joint_regressor.sum(1), 1, atol=1e-6)


def test_left_mirrors_right(free_file: BodyFile, fields) -> None:
    mirror = fields["mirror"]
    flip = np.array([-1.0, 1, 1])
    assert (mirror[mirror] == np.arange(6890)).all()
    verts = free_file.v_template
    np.testing.assert_allclose(verts[mirror] * flip, verts, atol=1e-5)
    shapes = free_file.shapedirs
    np.testing.assert_allclose(shapes[mirror] * flip[:, None], shapes, atol=1e-5)
    faces = {frozenset(face) for face in free_file.faces.tolist()}
    assert {frozenset(face) for face in mirror[free_file.faces].tolist()} == faces


def test_mirrored_pose_gives_the_mirrored_body(free_body_f64, fields, random_params) -> None:
    body, mirror = free_body_f64, torch.from_numpy(fields["mirror"]).long()
    names = body.joint_names
    swap = [
        names.index(n.replace("left", "#").replace("right", "left").replace("#", "right"))
        for n in names
    ]
    params, _ = random_params((1,), (1,))
    flip = torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    verts = body(params).verts - params.transl[:, None]
    mirrored = BodyParams(
        params.betas, (flip @ params.pose_rotmat @ flip)[:, swap], torch.zeros_like(params.transl)
    )
    torch.testing.assert_close(body(mirrored).verts[:, mirror] @ flip, verts, rtol=0, atol=2e-4)


def test_joints_stand_where_their_names_say(free_body) -> None:
    joints = dict(zip(free_body.joint_names, free_body.template_joints, strict=True))
    assert joints["left_hip"][0] > 0 > joints["right_hip"][0]  # the model faces +z, left is +x
    order = ["left_foot", "left_ankle", "left_knee", "left_hip", "spine1", "spine3", "neck", "head"]
    heights = [float(joints[name][1]) for name in order]
    assert heights == sorted(heights)
    arm = [float(joints[f"left_{name}"][0]) for name in ("shoulder", "elbow", "wrist", "hand")]
    assert arm == sorted(arm)
    nose = free_body.template[free_body.landmark_vertices["nose"]]
    assert nose[2] > joints["head"][2] + 0.05


def test_landmarks_have_smplx_names_and_numbers(free_body) -> None:
    from smplx.vertex_ids import vertex_ids

    expected = {k: v for k, v in vertex_ids["smplh"].items() if k in free_body.landmark_vertices}
    assert free_body.landmark_vertices == expected
    assert len(expected) == 21


def test_uv_are_in_the_unit_square_and_do_not_overlap(free_body) -> None:
    uv, corners = free_body.uv, free_body.uv[free_body.faces_uv]
    assert uv.min() >= 0
    assert uv.max() <= 1
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]) / 2
    assert (area > 0).double().mean() > 0.999
    assert 0.4 < area.sum() < 1
    assert overlapped_share(corners[area > 0].double().numpy()) < 0.001


def test_identity_names_the_shipped_file(free_body, repo) -> None:
    import hashlib

    content = (repo / "checkpoints" / "free_body.npz").read_bytes()
    assert free_body.identity.sha256 == hashlib.sha256(content).hexdigest()
    assert (free_body.identity.name, free_body.identity.gender) == ("free_body", "neutral")
    assert len(content) < 2_000_000
