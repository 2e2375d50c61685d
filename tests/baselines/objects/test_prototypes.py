"""The prototypes are closed surfaces of the right kind, seen from outside."""

import pytest
import torch

from hfb.baselines.objects.prototypes import load_prototype, sphere_prototype, torus_prototype
from hfb.errors import InputError
from hfb.geometry import face_normals

SHAPES = ["sphere", "torus"]


@pytest.mark.parametrize(
    ("name", "verts", "faces", "euler"), [("sphere", 1538, 3072, 2), ("torus", 2304, 4608, 0)]
)
def test_size_and_euler_characteristic(name, verts, faces, euler):
    shape = load_prototype(name)
    assert (len(shape.verts), len(shape.faces)) == (verts, faces)
    assert sorted(shape.faces.unique().tolist()) == list(range(verts))
    edges = {tuple(sorted(pair)) for pair in _sides(shape.faces)}
    assert verts - len(edges) + faces == euler


@pytest.mark.parametrize("name", SHAPES)
def test_every_edge_is_crossed_once_each_way(name):
    sides = _sides(load_prototype(name).faces)
    assert len(set(sides)) == len(sides)
    assert {(b, a) for a, b in sides} == set(sides)


@pytest.mark.parametrize("name", SHAPES)
def test_normals_point_outward(name):
    shape = load_prototype(name)
    corners = shape.verts[shape.faces]
    normals, centres = face_normals(shape.verts, shape.faces), corners.mean(1)
    inside = torch.zeros_like(centres)
    if name == "torus":  # the ring in the middle of the tube
        ring = centres * torch.tensor([1.0, 0.0, 1.0])
        radius = 1.0 / 1.4
        inside = radius * torch.nn.functional.normalize(ring, dim=1)
    outward = torch.nn.functional.normalize(centres - inside, dim=1)
    assert ((normals * outward).sum(1) > 0.9).all()
    volume = (corners[:, 0] * torch.linalg.cross(corners[:, 1], corners[:, 2])).sum() / 6
    # 4/3 pi for the ball; 2 pi² R r² for the torus, R = 1/1.4, r = .4/1.4.
    expected = {"sphere": 4.18879, "torus": 2 * torch.pi**2 * (1 / 1.4) * (0.4 / 1.4) ** 2}[name]
    assert float(volume) == pytest.approx(expected, rel=0.015)


@pytest.mark.parametrize("name", SHAPES)
def test_extent_and_place(name):
    verts = load_prototype(name).verts
    assert float(verts.abs().max()) == pytest.approx(1.0)
    assert (verts.amax(0) + verts.amin(0)).abs().max() < 1e-6


@pytest.mark.parametrize("name", SHAPES)
def test_texture_is_laid_out_without_overlap_or_folds(name):
    shape = load_prototype(name)
    assert ((shape.uv >= 0) & (shape.uv <= 1)).all()
    a, b, c = shape.uv[shape.faces_uv].unbind(1)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (area > 0).all() or (area < 0).all()
    # Tiles that overlapped would have more area than the texture.
    assert 0.5 < float(area.abs().sum()) / 2 <= 1.0 + 1e-5


def test_sphere_is_round_and_even():
    verts = sphere_prototype(6).verts
    assert torch.allclose(verts.norm(dim=1), torch.ones(len(verts)), atol=1e-5)
    sides = torch.tensor(_sides(sphere_prototype(6).faces))
    length = (verts[sides[:, 0]] - verts[sides[:, 1]]).norm(dim=1)
    assert float(length.max() / length.min()) < 2.5


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: load_prototype("cube"), "cube"),
        (lambda: sphere_prototype(0), "at least 1 square"),
        (lambda: torus_prototype(2, 9), "3 vertices in both directions"),
    ],
)
def test_impossible_shapes(make, match):
    with pytest.raises((InputError, TypeError), match=match):
        make()


def _sides(faces):
    """Directed edges of all faces."""
    return [(f[k], f[(k + 1) % 3]) for f in faces.tolist() for k in range(3)]
