"""Steps of the body builder on small cases; the whole of it needs a package and five minutes."""

import numpy as np
import pytest

from hfb.body.model_file import BodyFile, read_body_file


@pytest.fixture(autouse=True)
def _tools_on_path(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(repo / "tools"))


@pytest.fixture(scope="module")
def body(repo) -> BodyFile:
    return read_body_file(repo / "checkpoints" / "free_body.npz")


@pytest.fixture(scope="module")
def mirror(repo) -> np.ndarray:
    with np.load(repo / "checkpoints" / "free_body.npz", allow_pickle=False) as archive:
        return archive["mirror"].astype(np.int64)


def sphere(levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """An octahedron subdivided into a unit sphere, with a front and a back chart.

    Returns vertices, faces, UVs and UV faces; the seam runs around z = 0.
    """
    verts = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    for _ in range(levels):
        middle: dict[tuple[int, int], int] = {}

        def between(a: int, b: int, middle: dict[tuple[int, int], int] = middle) -> int:
            key = (min(a, b), max(a, b))
            if key not in middle:
                point = (np.array(verts[a]) + verts[b]) / 2
                middle[key] = len(verts)
                verts.append(tuple(point / np.linalg.norm(point)))
            return middle[key]

        finer = []
        for a, b, c in faces:
            ab, bc, ca = between(a, b), between(b, c), between(c, a)
            finer += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = finer
    points, triangles = np.array(verts, float), np.array(faces)
    back = points[triangles].mean(1)[:, 2] < 0
    places = triangles + len(points) * back[:, None]
    # seen from the front and from the back, widened towards the rim where that view is steep
    flat = points[:, :2] * (1 + 0.3 * (1 - np.abs(points[:, 2:])))
    uv = np.concatenate([flat, flat * [-1, 1]])
    return points, triangles, uv, places


def edge_set(faces: np.ndarray) -> set[tuple[int, int]]:
    edges = [(f[k], f[(k + 1) % 3]) for f in faces.tolist() for k in range(3)]
    assert len(set(edges)) == len(edges)
    return set(edges)


def signed_uv_areas(uv: np.ndarray, places: np.ndarray) -> np.ndarray:
    a, b, c = (uv[places[:, k]] for k in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


@pytest.mark.parametrize("num_faces", [400, 160])
def test_decimation_keeps_a_closed_symmetric_manifold_and_its_seam(num_faces: int) -> None:
    from free_body.decimate import Decimator
    from free_body.population import volume

    verts, faces, uv, places = sphere(3)
    mirrored = verts * [-1, 1, 1]
    opposite = np.linalg.norm(verts[:, None] - mirrored[None], axis=-1).argmin(0)
    weight = np.ones(len(verts))
    decimator = Decimator(verts[None], faces, places, uv, opposite, weight)
    thin, thin_places = decimator.run(num_faces)
    assert num_faces <= len(thin) < num_faces + 4
    edges = edge_set(thin)
    assert {(b, a) for a, b in edges} == edges
    assert len(np.unique(thin)) - len(edges) // 2 + len(thin) == 2
    same = {frozenset(face) for face in thin.tolist()}
    assert {frozenset(face) for face in opposite[thin].tolist()} == same
    assert volume(verts, thin) > 0.9 * volume(verts, faces)
    # every corner still lies where its vertex lay, in its own chart
    back = verts[thin].mean(1)[:, 2] < 0
    np.testing.assert_array_equal(thin_places, thin + len(verts) * back[:, None])
    signs = np.sign(signed_uv_areas(uv, thin_places))
    assert (signs == 1).all()


def test_decimation_removes_cheap_vertices_first() -> None:
    from free_body.decimate import Decimator

    verts, faces, uv, places = sphere(3)
    opposite = np.linalg.norm(verts[:, None] - (verts * [-1, 1, 1])[None], axis=-1).argmin(0)
    weight = np.where(verts[:, 1] > 0, 1.0, 0.01)  # the lower half may go
    thin, _ = Decimator(verts[None], faces, places, uv, opposite, weight).run(350)
    kept = verts[np.unique(thin)]
    assert (kept[:, 1] > 0).sum() > 1.5 * (kept[:, 1] < 0).sum()


def test_regressor_is_sparse_non_negative_symmetric_and_accurate(body, mirror) -> None:
    from free_body.regressor import fit_regressor
    from free_body.skeleton import MIRROR

    betas = np.random.default_rng(0).normal(size=(6, 10))
    bodies = body.v_template + np.einsum("bk,vck->bvc", betas, body.shapedirs)
    joints = np.einsum("jv,bvc->bjc", body.joint_regressor, bodies)
    regressor = fit_regressor(bodies, joints, mirror)
    np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-12)
    assert (regressor >= 0).all()
    assert (regressor > 0).sum(1).max() < 200
    np.testing.assert_allclose(regressor[MIRROR][:, mirror], regressor, atol=1e-12)
    error = np.linalg.norm(np.einsum("jv,bvc->bjc", regressor, bodies) - joints, axis=-1)
    assert error.mean() < 1e-3  # m


def test_slits_are_zipped_into_a_closed_rim() -> None:
    from free_body.mesh import boundary_loops, zip_loop

    size = 7
    index = np.arange(size * size).reshape(size, size)
    quads = [
        (index[r, c], index[r, c + 1], index[r + 1, c + 1], index[r + 1, c])
        for r in range(size - 1)
        for c in range(size - 1)
        if not (r == 3 and 1 <= c < 5)  # a slit of four quads
    ]
    rows, columns = np.divmod(np.arange(size * size), size)
    verts = np.stack([columns, rows, 0 * rows], -1).astype(float)
    loops = boundary_loops(np.array(quads))
    slit = min(loops, key=len)
    assert sorted(map(len, loops)) == [10, 24]
    triangles = zip_loop(slit, verts)
    assert len(triangles) == len(slit) - 2
    area = sum(abs(np.cross(verts[b] - verts[a], verts[c] - verts[a])[2]) for a, b, c in triangles)
    assert area / 2 == pytest.approx(4)  # the four quads, none twice


def test_t_pose_is_undone_by_skinning(body) -> None:
    from free_body.rest_pose import chain_joints, rotation_from_degrees, to_t_pose
    from free_body.skeleton import PARENTS

    rng = np.random.default_rng(0)
    rotmat = np.stack([rotation_from_degrees(*rng.normal(0, 10, 3)) for _ in range(24)])[None]
    some = rng.permutation(6890)[:200]
    verts, weights = body.v_template[some][None], body.weights[some]
    joints = (body.joint_regressor @ body.v_template)[None]
    moved = chain_joints(rotmat, joints)
    rest = to_t_pose(verts, weights, rotmat, joints, moved)[0]
    back = np.swapaxes(rotmat[0], -1, -2)
    posed = np.zeros_like(rest)
    for j in range(24):
        posed += weights[:, [j]] * ((rest - moved[0, j]) @ back[j].T + joints[0, j])
    np.testing.assert_allclose(posed, verts[0], atol=1e-9)
    lengths = [np.linalg.norm(p[1:] - p[list(PARENTS[1:])], axis=-1) for p in (moved[0], joints[0])]
    np.testing.assert_allclose(*lengths, atol=1e-12)


def test_better_skinning_rests_and_turns_rigidly_and_keeps_twisted_limbs_thick(body) -> None:
    from free_body.pose_blend import better_skinning
    from free_body.rest_pose import local_rotations, skin
    from free_body.skeleton import JOINTS
    from free_body.source import TWIST_BONES

    verts, weights = body.v_template, body.weights
    joints = body.joint_regressor @ verts
    none = {f"{bone}.{side}": np.zeros(len(verts)) for bone in TWIST_BONES for side in "LR"}
    still = better_skinning(verts, joints, weights, none, local_rotations())
    np.testing.assert_allclose(still, verts, atol=1e-9)
    turn = local_rotations(pelvis=(0, 70, 20))
    np.testing.assert_allclose(
        better_skinning(verts, joints, weights, none, turn),
        (verts - joints[0]) @ turn[0].T + joints[0],
        atol=1e-9,
    )
    wrist = JOINTS.index("left_wrist")
    near = np.flatnonzero((weights[:, wrist] > 0.3) & (weights[:, wrist - 2] > 0.3))
    twisted = local_rotations(left_wrist=(120, 0, 0))  # about the forearm

    def thickness(points: np.ndarray) -> float:
        return float(np.linalg.norm((points - joints[wrist])[near][:, 1:], axis=1).mean())

    better = thickness(better_skinning(verts, joints, weights, none, twisted))
    plain = thickness(skin(verts, joints, weights, twisted))
    assert plain < better <= thickness(verts) * 1.02


def test_principal_shapes_recover_a_known_spread(body, mirror) -> None:
    from free_body.population import principal_shapes

    rng = np.random.default_rng(0)
    betas = rng.normal(size=(60, 10))
    betas = (betas - betas.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(betas.T, ddof=0))).T
    bodies = body.v_template + np.einsum("bk,vck->bvc", betas, body.shapedirs)
    mean, components, explained = principal_shapes(bodies.astype(np.float32), body.faces, mirror)
    np.testing.assert_allclose(mean, body.v_template, atol=1e-5)
    assert explained > 0.9999
    # the shipped components are principal already: found again, signs included
    np.testing.assert_allclose(components[..., 0], body.shapedirs[..., 0], atol=3e-4)
    np.testing.assert_allclose(components[..., 2], body.shapedirs[..., 2], atol=3e-4)


@pytest.mark.parametrize(
    ("bone", "joint"),
    [
        ("spine05", "pelvis"),
        ("upperleg02.L", "left_hip"),
        ("toe3-2.R", "right_foot"),
        ("foot.R", "right_ankle"),
        ("metacarpal2.L", "left_wrist"),
        ("finger4-1.R", "right_hand"),
        ("breast.L", "spine3"),
        ("oculi02.L", "head"),
        ("neck03", "head"),
    ],
)
def test_bones_move_with_their_joint(bone: str, joint: str) -> None:
    from free_body.skeleton import joint_of_bone

    assert joint_of_bone(bone) == joint
