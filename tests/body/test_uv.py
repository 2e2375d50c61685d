"""Texture coordinates where the body file has none, or a template is given."""

import dataclasses

import numpy as np
import pytest

from hfb.body import load_body
from hfb.body.uv import cylinder_atlas, uv_of_body
from hfb.errors import AssetNotFoundError, BodyModelError


def signed_areas(uv: np.ndarray, faces_uv: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1), (x2, y2) = (uv[faces_uv[:, k]].T for k in range(3))
    return ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / 2


def test_atlas_gives_each_face_a_patch_of_its_own_size(free_file) -> None:
    uv, faces_uv = cylinder_atlas(dataclasses.replace(free_file, uv=None, faces_uv=None))
    assert uv.min() > 0
    assert uv.max() < 1
    areas = signed_areas(uv, faces_uv)
    a, b, c = (free_file.v_template[free_file.faces[:, k]] for k in range(3))
    true_areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    ratio = areas / true_areas
    assert areas.sum() > 0.4  # the charts fill the square reasonably
    assert areas[areas < 0].sum() > -0.03 * areas.sum()  # folds are few
    assert np.mean(np.abs(np.log(np.maximum(ratio, 1e-9) / np.median(ratio))) < np.log(3)) > 0.85
    edges = np.linalg.norm(uv[faces_uv] - uv[np.roll(faces_uv, 1, axis=1)], axis=-1)
    # only the few faces that a cylinder's axis pierces (crown, crotch) stretch across a chart
    assert (edges.max(axis=1) > 0.1).sum() < 10


def test_atlas_charts_keep_their_distance(free_file) -> None:
    _, faces_uv = cylinder_atlas(free_file)
    uv, _ = cylinder_atlas(free_file)
    part = np.full(len(uv), -1)
    part[faces_uv] = free_file.weights[free_file.faces].sum(1).argmax(1)[:, None]
    boxes = [(uv[part == p].min(0), uv[part == p].max(0)) for p in np.unique(part)]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            gap = np.maximum(other_low - high, low - other_high).max()
            assert gap > 1 / 256


def test_body_without_uv_gets_the_atlas(tiny_path) -> None:
    body = load_body(tiny_path)
    assert body.faces_uv.shape == body.faces.shape
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1


def test_obj_template_with_shuffled_faces_is_matched(tmp_path, free_file) -> None:
    rng = np.random.default_rng(0)
    assert free_file.uv is not None
    assert free_file.faces_uv is not None
    lines = [f"v {x} {y} {z}" for x, y, z in free_file.v_template]
    lines += [f"vt {u} {v}" for u, v in free_file.uv]
    for f in rng.permutation(len(free_file.faces)):
        turn = rng.integers(3)
        face, places = np.roll(free_file.faces[f], turn), np.roll(free_file.faces_uv[f], turn)
        lines.append("f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(face, places, strict=True)))
    path = tmp_path / "smpl_uv.obj"
    path.write_text("\n".join(lines))
    bare = dataclasses.replace(free_file, uv=None, faces_uv=None)
    uv, faces_uv = uv_of_body(bare, path)
    np.testing.assert_allclose(uv[faces_uv], free_file.uv[free_file.faces_uv], atol=1e-6)


def test_npz_template_and_its_errors(tmp_path, free_file) -> None:
    good, odd = tmp_path / "uv.npz", tmp_path / "odd.npz"
    np.savez(good, vt=free_file.uv[:, ::-1], ft=free_file.faces_uv)
    uv, _ = uv_of_body(free_file, good)
    np.testing.assert_array_equal(uv, free_file.uv[:, ::-1])
    np.savez(odd, vt=free_file.uv, ft=free_file.faces_uv[:5])
    with pytest.raises(BodyModelError, match="do not fit a mesh of 13776 faces"):
        uv_of_body(free_file, odd)
    np.savez(odd, images=np.zeros(3))
    with pytest.raises(BodyModelError, match="not a UV template with the arrays vt and ft"):
        uv_of_body(free_file, odd)
    with pytest.raises(AssetNotFoundError, match="leave `uv_file` out"):
        uv_of_body(free_file, tmp_path / "none.obj")


def test_obj_template_of_another_mesh_is_refused(tmp_path, free_file) -> None:
    path = tmp_path / "other.obj"
    path.write_text("v 0 0 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n")
    with pytest.raises(BodyModelError, match="does not have the faces of"):
        uv_of_body(free_file, path)
    path.write_text("v 0 0 0\nf 1 2 3\n")
    with pytest.raises(BodyModelError, match="not an obj file with texture coordinates"):
        uv_of_body(free_file, path)
