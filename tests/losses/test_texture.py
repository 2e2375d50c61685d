import math
import time

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from hfb.errors import InputError, ShapeError
from hfb.geometry import face_normals
from hfb.losses import TexelPairs, pair_cosines, texel_pairs, texture_smoothness_loss


def _tube(num_sides, margin=0.0):
    """A prism without lids, unrolled onto the texture: one UV seam where the sheet is glued.

    Returns verts, faces, uv, faces_uv. Side k spans u in [k, k + 1] / num_sides.
    """
    angle = torch.arange(num_sides) * (2 * math.pi / num_sides)
    ring = torch.stack([angle.cos(), torch.zeros(num_sides), angle.sin()], -1)
    verts = torch.cat([ring, ring + torch.tensor([0.0, 1.0, 0.0])])
    u = margin + (1 - 2 * margin) * torch.arange(num_sides + 1) / num_sides
    uv = torch.stack([u.repeat(2), torch.tensor([margin, 1 - margin]).repeat_interleave(len(u))], 1)
    faces, faces_uv = [], []
    for k in range(num_sides):
        nxt, up = (k + 1) % num_sides, num_sides
        faces += [[k, k + up, nxt], [nxt, k + up, nxt + up]]
        up = num_sides + 1
        faces_uv += [[k, k + up, k + 1], [k + 1, k + up, k + 1 + up]]
    return verts, torch.tensor(faces), uv, torch.tensor(faces_uv)


def _as_set(pairs: TexelPairs):
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def test_a_tube_that_fills_the_texture_is_a_cylinder_of_texels():
    height, width = 6, 12
    _, faces, uv, faces_uv = _tube(4)
    expected = set()
    for row in range(height):
        for column in range(width):
            for step_row, step_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
                if row + step_row < height:
                    here = row * width + column
                    there = (row + step_row) * width + (column + step_column) % width
                    expected.add((min(here, there), max(here, there)))
    pairs = texel_pairs(faces, uv, faces_uv, (height, width), max_steps=2)
    assert _as_set(pairs) == expected
    assert pairs.num_texels == height * width


def test_the_seam_is_crossed_at_the_right_height_if_one_chart_lies_upside_down():
    # Two squares of a folded strip; the second one is stored turned by half a turn in the texture.
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]])
    left = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0], [0.0, 1.0]]  # vertices 0 1 2 3
    right = [[1.0, 1.0], [0.6, 1.0], [0.6, 0.0], [1.0, 0.0]]  # vertices 1 4 5 2
    uv = torch.tensor(left + right)
    faces_uv = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    size = 10
    pairs = _as_set(texel_pairs(faces, uv, faces_uv, size))
    # The seam joins column 3 (seen from the left chart) and column 9, rows run the other way.
    across = {(first, second) for first, second in pairs if abs(first % size - second % size) > 3}
    expected = set()
    for row in range(size):
        for step in (-1, 0, 1):
            other = size - 1 - (row + step)
            if 0 <= other < size:
                here, there = row * size + 3, other * size + 9
                expected.add((min(here, there), max(here, there)))
    assert across == expected


def test_the_seam_of_a_mirrored_chart_is_crossed_at_the_right_height():
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]])
    left = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0], [0.0, 1.0]]
    mirrored = [[1.0, 0.0], [0.6, 0.0], [0.6, 1.0], [1.0, 1.0]]  # u runs backwards, v does not
    uv = torch.tensor(left + mirrored)
    faces_uv = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    pairs = _as_set(texel_pairs(faces, uv, faces_uv, 10))
    for row in range(10):
        assert (row * 10 + 3, row * 10 + 9) in pairs
    assert (3, 99) not in pairs


def _cross_2d(o, a, b):
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def _loop_pairs(faces, uv, faces_uv, size):
    """Eq. 5's c_kj inside the charts by brute force: adjacent faces, 8-neighbours, no seams."""
    face_of = {}
    for row in range(size):
        for column in range(size):
            point = ((column + 0.5) / size, 1 - (row + 0.5) / size)
            for f, corners in enumerate(faces_uv.tolist()):
                a, b, c = (uv[i].tolist() for i in corners)
                sides = [_cross_2d(a, b, point), _cross_2d(b, c, point), _cross_2d(c, a, point)]
                if all(s >= -1e-9 for s in sides) or all(s <= 1e-9 for s in sides):
                    face_of.setdefault((row, column), f)
    found = {}
    for (row, column), f in face_of.items():
        for step_row in (-1, 0, 1):
            for step_column in (-1, 0, 1):
                other = (row + step_row, column + step_column)
                if other in face_of and other != (row, column):
                    g = face_of[other]
                    if set(faces[f].tolist()) & set(faces[g].tolist()):
                        here, there = row * size + column, other[0] * size + other[1]
                        found[here, there] = (f, g)
    return found


def test_smoothness_is_eq_5_as_a_loop_over_ordered_pairs(generator):
    verts, faces, uv, faces_uv = _tube(5, margin=0.11)
    size = 14
    pairs = texel_pairs(faces, uv, faces_uv, size, max_steps=1)
    texture = torch.rand(3, size, size, generator=generator)
    visible = torch.rand(len(faces), generator=generator) > 0.4
    normals = face_normals(verts, faces)
    oracle = _loop_pairs(faces, uv, faces_uv, size)
    # The loop knows neither seams nor the texels beside a chart: compare on its own pairs.
    covered = {k for pair in oracle for k in pair}
    both = [
        i
        for i, (first, second) in enumerate(_as_list(pairs))
        if {first, second} <= covered and not _is_far(first, second, size)
    ]
    chosen = TexelPairs(
        *(t[both] for t in (pairs.first, pairs.second, pairs.first_face, pairs.second_face)),
        num_texels=pairs.num_texels,
        height=size,
        width=size,
    )
    assert {p for pair in _as_set(chosen) for p in (pair, pair[::-1])} == set(oracle)
    flat = texture.reshape(3, -1)
    total = 0.0
    for (k, j), (f, g) in oracle.items():
        if visible[g]:
            cosine = max(float(normals[f] @ normals[g]), 0.0)
            total += cosine * float((flat[:, k] - flat[:, j]).abs().sum())
    expected = total / (8 * pairs.num_texels)
    value = texture_smoothness_loss(texture, chosen, pair_cosines(chosen, normals), visible)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def _as_list(pairs):
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def _is_far(first, second, size):
    rows = abs(first // size - second // size)
    return rows > 1 or abs(first % size - second % size) > 1


def test_texels_beside_a_chart_belong_to_it_and_charts_that_only_look_close_do_not_mix():
    # Two triangles without a common vertex, one texel apart in the texture.
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    uv = torch.tensor([[0.0, 0], [0.45, 0], [0.0, 1], [0.55, 1], [1.0, 1], [1.0, 0]])
    pairs = texel_pairs(faces, uv, faces, 20)
    assert (pairs.first_face == pairs.second_face).all()
    assert set(pairs.first_face.tolist()) == {0, 1}
    covered = 0.5 * 0.45 * 400
    assert pairs.num_texels > covered * 2


def test_a_fold_of_more_than_a_quarter_turn_counts_nothing():
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0.2, 0.2, 0.05]])
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    # In the texture the second triangle is folded out.
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    pairs = texel_pairs(faces, uv, faces, 8)
    cosine = pair_cosines(pairs, face_normals(verts, faces))
    between = pairs.first_face != pairs.second_face
    assert between.any()
    assert (cosine[between] == 0).all()
    assert torch.allclose(cosine[~between], torch.ones(1))


def test_invisible_faces_and_constant_textures_cost_nothing(generator):
    verts, faces, uv, faces_uv = _tube(4)
    pairs = texel_pairs(faces, uv, faces_uv, 8)
    cosine = pair_cosines(pairs, face_normals(verts, faces))
    texture = torch.rand(2, 3, 8, 8, generator=generator)
    nothing = torch.zeros(2, len(faces), dtype=torch.bool)
    assert texture_smoothness_loss(texture, pairs, cosine, nothing).tolist() == [0.0, 0.0]
    everything = texture_smoothness_loss(texture, pairs, cosine, ~nothing)
    torch.testing.assert_close(everything, texture_smoothness_loss(texture, pairs, cosine))
    constant = torch.full((3, 8, 8), 0.3)
    assert float(texture_smoothness_loss(constant, pairs, cosine)) == 0.0


def test_a_batch_is_its_single_textures(generator):
    verts, faces, uv, faces_uv = _tube(4)
    pairs = texel_pairs(faces, uv, faces_uv, 8)
    normals = torch.stack([face_normals(verts, faces), face_normals(verts * 2 + verts**2, faces)])
    cosine = pair_cosines(pairs, normals)
    texture = torch.rand(2, 3, 8, 8, generator=generator)
    visible = torch.rand(2, len(faces), generator=generator) > 0.5
    both = texture_smoothness_loss(texture, pairs, cosine, visible)
    for b in range(2):
        single = texture_smoothness_loss(texture[b], pairs, cosine[b], visible[b])
        torch.testing.assert_close(both[b], single)


def test_gradient_of_smoothness(generator):
    verts, faces, uv, faces_uv = _tube(4)
    pairs = texel_pairs(faces, uv, faces_uv, 4)
    cosine = pair_cosines(pairs, face_normals(verts, faces).double())
    visible = torch.rand(len(faces), generator=generator) > 0.3
    texture = torch.rand(3, 4, 4, dtype=torch.float64, generator=generator).requires_grad_()
    assert gradcheck(lambda t: texture_smoothness_loss(t, pairs, cosine, visible), texture)


def test_wrong_sizes_are_named(generator):
    verts, faces, uv, faces_uv = _tube(4)
    pairs = texel_pairs(faces, uv, faces_uv, 8)
    cosine = pair_cosines(pairs, face_normals(verts, faces))
    with pytest.raises(ShapeError, match=r"texture is \(16, 16\), the texel pairs were made for"):
        texture_smoothness_loss(torch.zeros(3, 16, 16), pairs, cosine)
    with pytest.raises(InputError, match="max_steps=3"):
        texel_pairs(faces, uv, faces_uv, 8, max_steps=3)


def test_the_shipped_body_has_nearly_all_neighbours_seams_included(repo):
    with np.load(repo / "checkpoints" / "free_body.npz") as body:
        faces = torch.from_numpy(body["f"].astype(np.int64))
        uv, faces_uv = torch.from_numpy(body["vt"]), torch.from_numpy(body["ft"].astype(np.int64))
        verts = torch.from_numpy(body["v_template"]).float()
    start = time.process_time()  # wall time would count what else the machine does
    pairs = texel_pairs(faces, uv.float(), faces_uv, 128)
    assert time.process_time() - start < 2.0
    # Four pairs a texel is every neighbour of every texel; charts have rims, seams have not.
    assert len(pairs) > 0.93 * 4 * pairs.num_texels
    seam = torch.tensor([_is_far(*pair, 128) for pair in _as_list(pairs)])
    assert seam.sum() > 1000
    # Neighbours are close on the body, those across seams as close as the others.
    centres = verts[faces].mean(1)
    distance = (centres[pairs.first_face] - centres[pairs.second_face]).norm(dim=-1)
    assert distance[seam].max() < 0.1
    assert distance[seam].median() < 0.03


def test_only_the_papers_cosine_is_negative_at_a_fold():
    pairs = TexelPairs(
        first=torch.tensor([0, 1]),
        second=torch.tensor([1, 2]),
        first_face=torch.tensor([0, 1]),
        second_face=torch.tensor([1, 2]),
        num_texels=3,
        height=1,
        width=3,
    )
    normals = torch.tensor([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.0, -1.0]])
    assert pair_cosines(pairs, normals).tolist() == pytest.approx([0.8, 0.0])
    assert pair_cosines(pairs, normals, clamp=False).tolist() == pytest.approx([0.8, -0.8])
