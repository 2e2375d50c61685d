"""Terms of the object fits against closed forms and slow loops."""

import pytest
import torch

from hfb.baselines.objects.losses import (
    laplacian_loss,
    mesh_edges,
    region_image_loss,
    subframe_silhouette_loss,
    texture_variation_loss,
)
from hfb.baselines.objects.model import erode
from hfb.baselines.objects.prototypes import sphere_prototype

TETRAHEDRON = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def test_edges_of_a_tetrahedron_are_all_pairs():
    edges = {tuple(edge) for edge in mesh_edges(TETRAHEDRON).tolist()}
    assert edges == {(a, b) for a in range(4) for b in range(4) if a != b}


def test_laplacian_of_a_tetrahedron_in_closed_form():
    # Every vertex is 4/3 of its distance from the centre away from the mean of the others.
    verts = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    expected = (4 / 3) ** 2 * verts.square().mean()
    assert float(laplacian_loss(verts, mesh_edges(TETRAHEDRON))) == pytest.approx(float(expected))


def test_laplacian_against_a_matrix_and_in_batches(generator):
    faces = sphere_prototype(3).faces
    verts = torch.randn(2, 56, 3, generator=generator)
    edges = mesh_edges(faces)
    matrix = torch.eye(56)
    for start in range(56):
        neighbours = {int(b) for a, b in edges.tolist() if a == start}
        for end in neighbours:
            matrix[start, end] -= 1 / len(neighbours)
    values = laplacian_loss(verts, edges)
    for sample, value in zip(verts, values, strict=True):
        assert float(value) == pytest.approx(float((matrix @ sample).square().mean()), rel=1e-5)


@pytest.mark.parametrize("wraps", [False, True])
def test_texture_variation_against_a_loop(generator, wraps):
    texture = torch.rand(3, 4, 5, generator=generator)
    padded = texture
    if wraps:
        padded = torch.cat([texture, texture[:, :1]], 1)
        padded = torch.cat([padded, padded[:, :, :1]], 2)
    total = 0.0
    for channel in padded.tolist():
        for row, line in enumerate(channel):
            for column, value in enumerate(line):
                if column + 1 < len(line):
                    total += abs(line[column + 1] - value)
                if row + 1 < len(channel):
                    total += abs(channel[row + 1][column] - value)
    expected = total / padded.numel()
    assert float(texture_variation_loss(texture, wraps)) == pytest.approx(expected, rel=1e-5)


def test_image_loss_counts_the_region_alone():
    preds, target = torch.zeros(3, 2, 2), torch.full((3, 2, 2), 0.5)
    region = torch.tensor([[[True, False], [False, True]]])
    assert float(region_image_loss(preds, target, region)) == pytest.approx(3.0 / 2.01)
    assert float(region_image_loss(preds, target, torch.zeros_like(region))) == 0.0


def test_silhouette_loss_of_two_squares():
    alpha, masks = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    alpha[:, :, :2] = 1.0
    masks[0, :, :2] = 1.0  # the same: overlap 1
    masks[1, :, 1:3] = 1.0  # half shared: overlap 1/3
    expected = 1.0 - (1.0 + 1 / 3) / 2
    assert float(subframe_silhouette_loss(alpha, masks)) == pytest.approx(expected, abs=1e-5)


def test_erosion_takes_a_rim_off():
    alpha = torch.zeros(1, 1, 1, 9, 9)
    alpha[..., 2:7, 2:7] = 1.0
    expected = torch.zeros(9, 9)
    expected[3:6, 3:6] = 1.0
    assert torch.equal(erode(alpha, 3)[0, 0, 0], expected)
    assert torch.equal(erode(alpha, 1), alpha)
    full = torch.ones(1, 1, 1, 4, 4)
    assert torch.equal(erode(full, 5), full)
