import math

import pytest
import roma
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck

from hfb.errors import ShapeError
from hfb.geometry import (
    MIN_DEPTH,
    MODEL_TO_CAMERA,
    cross_matrix,
    default_camera,
    face_normals,
    procrustes_align,
    project,
    rotation_from_6d,
    rotmat_to_rotvec,
    rotvec_jacobian,
    rotvec_to_rotmat,
    seen_by,
    upright_rotation,
    vertex_normals,
)
from hfb.structures import Camera


def _rotvecs(generator, *shape):
    return torch.randn(*shape, 3, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-6, 1e-3, 1.0, math.pi, 5.0])
def test_rotvec_to_rotmat_is_scipys_at_every_angle(angle, generator):
    axis = torch.nn.functional.normalize(_rotvecs(generator, 5), dim=-1)
    rotvec = angle * axis
    expected = torch.from_numpy(Rotation.from_rotvec(rotvec.numpy()).as_matrix())
    torch.testing.assert_close(rotvec_to_rotmat(rotvec), expected, rtol=0, atol=1e-14)
    single = rotvec_to_rotmat(rotvec.float())
    torch.testing.assert_close(single, expected.float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-4, 1.0, 3.0])
def test_gradient_of_rotvec_to_rotmat(scale, generator):
    rotvec = (scale * _rotvecs(generator, 2)).requires_grad_()
    assert gradcheck(rotvec_to_rotmat, rotvec)


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e-12, 1e-7, 1e-5])
def test_single_precision_gradient_near_zero_is_the_generator(scale):
    # d R / d rotvec at 0 is the cross-product matrix, whatever the rounding.
    rotvec = torch.full((3,), scale, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(rotvec_to_rotmat, rotvec)
    eye = torch.eye(3)
    expected = torch.stack([torch.linalg.cross(e.expand(3, 3), eye).mT for e in eye], -1)
    torch.testing.assert_close(jacobian, expected, rtol=0, atol=3e-5)


def test_rotmat_to_rotvec_inverts_and_has_gradients_at_the_identity(generator):
    rotvec = 0.8 * _rotvecs(generator, 4)
    torch.testing.assert_close(rotmat_to_rotvec(rotvec_to_rotmat(rotvec)), rotvec)
    zero = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda v: rotmat_to_rotvec(rotvec_to_rotmat(v)), zero)


def test_six_numbers_make_every_rotation(generator):
    rotmat = rotvec_to_rotmat(torch.randn(20, 3, generator=generator, dtype=torch.float64))
    sixd = rotmat[..., :2].mT.flatten(-2)
    torch.testing.assert_close(rotation_from_6d(sixd), rotmat)
    torch.testing.assert_close(rotation_from_6d(3.0 * sixd), rotmat)
    free = torch.randn(5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert gradcheck(rotation_from_6d, free)


def test_rotation_of_a_quarter_turn_about_z_takes_x_to_y():
    rotmat = rotvec_to_rotmat(torch.tensor([0.0, 0.0, math.pi / 2]))
    moved = rotmat @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(moved, torch.tensor([0.0, 1.0, 0.0]))


def test_model_to_camera_is_a_rotation_that_turns_up_to_minus_y():
    torch.testing.assert_close(torch.linalg.det(MODEL_TO_CAMERA), torch.tensor(1.0))
    up, ahead = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(MODEL_TO_CAMERA @ up, -up)
    torch.testing.assert_close(MODEL_TO_CAMERA @ ahead, -ahead)


def test_default_camera_sees_the_centre_along_its_axis():
    camera = default_camera(height=300, width=400)
    assert camera.focal.tolist() == [500.0, 500.0]
    centre = project(torch.tensor([[0.0, 0.0, 7.0]]), camera)
    assert centre.tolist() == [[200.0, 150.0]]


def test_projection_is_similar_triangles_and_y_runs_down():
    camera = Camera(torch.tensor([100.0, 200.0]), torch.tensor([10.0, 20.0]), 40, 40)
    pixels = project(torch.tensor([[1.0, 0.5, 2.0]]), camera)
    torch.testing.assert_close(pixels, torch.tensor([[60.0, 70.0]]))


def test_projection_is_finite_behind_the_camera_and_at_zero_depth():
    camera = default_camera(32, 32)
    points = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, -3.0], [1.0, 1.0, MIN_DEPTH]])
    points.requires_grad_()
    pixels = project(points, camera)
    pixels.sum().backward()
    assert torch.isfinite(pixels).all()
    assert torch.isfinite(points.grad).all()
    torch.testing.assert_close(pixels[0], pixels[2])
    torch.testing.assert_close(pixels[1], pixels[2])


def test_one_camera_a_sample_serves_all_its_subframes(generator):
    points = torch.rand(2, 3, 5, 3, generator=generator) + torch.tensor([0.0, 0.0, 2.0])
    focal = torch.tensor([[100.0, 100.0], [50.0, 60.0]])
    centre = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    both = project(points, Camera(focal, centre, 10, 10))
    for k in range(2):
        single = project(points[k], Camera(focal[k], centre[k], 10, 10))
        torch.testing.assert_close(both[k], single)
    explicit = project(points, Camera(focal[:, None], centre[:, None], 10, 10))
    torch.testing.assert_close(both, explicit)


def test_project_names_the_axes_that_do_not_fit():
    camera = Camera(torch.ones(2, 2), torch.ones(2, 2), 4, 4)
    with pytest.raises(ShapeError, match="camera has 1 batch axes, the points only 0"):
        project(torch.ones(3, 3), camera)


def test_gradient_of_projection(generator):
    points = torch.rand(2, 4, 3, dtype=torch.float64, generator=generator) + 0.5
    focal = torch.tensor([30.0, 40.0], dtype=torch.float64, requires_grad=True)

    def pixels(points, focal):
        return project(points, Camera(focal, focal * 0.1, 8, 8))

    assert gradcheck(pixels, (points.requires_grad_(), focal))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), scale=st.floats(0.1, 10.0))
def test_procrustes_undoes_similarity_transforms(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(2, 7, 3, dtype=torch.float64, generator=generator)
    rotmat = roma.random_rotmat(2, dtype=torch.float64, generator=generator)
    offset = torch.randn(2, 1, 3, dtype=torch.float64, generator=generator)
    preds = scale * target @ rotmat.mT + offset
    torch.testing.assert_close(procrustes_align(preds, target), target)


def test_procrustes_disparity_is_scipys(generator):
    target, preds = torch.randn(2, 9, 3, dtype=torch.float64, generator=generator)
    # Scipy may mirror; these two happen to fit best without, which the test relies on.
    unit = (target - target.mean(0)) / torch.linalg.matrix_norm(target - target.mean(0))
    correlation = unit.mT @ (preds - preds.mean(0))
    if torch.linalg.det(correlation) < 0:
        preds = preds * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    disparity = procrustes(target.numpy(), preds.numpy())[2]
    residual = (procrustes_align(preds, target) - target).square().sum()
    total = (target - target.mean(0)).square().sum()
    assert float(residual / total) == pytest.approx(disparity, rel=1e-9)


def test_procrustes_never_mirrors(generator):
    target = torch.randn(6, 3, generator=generator)
    aligned = procrustes_align(target * torch.tensor([-1.0, 1.0, 1.0]), target)
    assert (aligned - target).norm() > 0.1


def test_procrustes_of_coinciding_points_is_the_centre(generator):
    target = torch.randn(4, 5, 3, generator=generator)
    preds = target.clone()
    preds[1] = 0.3
    aligned = procrustes_align(preds, target)
    torch.testing.assert_close(aligned[1], target[1].mean(0).expand(5, 3))
    torch.testing.assert_close(aligned[0], target[0])


def test_face_normals_point_to_the_counter_clockwise_side():
    verts = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [4, 0, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 1], [0, 1, 3]])
    normals = face_normals(verts, faces)
    expected = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, 0]])
    torch.testing.assert_close(normals, expected)


def test_vertex_normals_of_a_sphere_point_outward():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    verts = torch.tensor(ball.vertices, dtype=torch.float32)
    centres = torch.tensor([[0.0, 0.0, 3.0], [0.2, 0.0, 3.0]])[:, None]
    normals = vertex_normals(verts + centres, torch.tensor(ball.faces))
    assert float((normals * verts / 0.5).sum(dim=-1).min()) > 0.999


def test_vertex_normals_weigh_faces_by_area_and_are_zero_without_faces():
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3], [5, 5, 5]])
    normals = vertex_normals(verts, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    # Faces of area 0.5 and 1.5, towards z and x.
    slanted = torch.tensor([3.0, 0.0, 1.0]) / 10**0.5
    torch.testing.assert_close(normals[0], slanted)
    torch.testing.assert_close(normals[1], torch.tensor([0.0, 0.0, 1.0]))
    assert torch.equal(normals[4], torch.zeros(3))


def test_a_body_is_as_large_and_at_the_same_pixel_for_another_camera(generator):
    first = Camera(torch.tensor([500.0, 510.0]), torch.tensor([160.0, 120.0]), 240, 320)
    second = Camera(torch.tensor([900.0, 918.0]), torch.tensor([100.0, 90.0]), 240, 320)
    points = torch.tensor([0.0, 0.0, 4.0]) + torch.randn(7, 3, generator=generator)
    moved = seen_by(points, first, second)
    torch.testing.assert_close(project(moved, second), project(points, first))
    torch.testing.assert_close(second.focal / moved[:, 2:], first.focal / points[:, 2:])
    torch.testing.assert_close(seen_by(moved, second, first), points)


def test_a_camera_is_set_upright():
    up = torch.nn.functional.normalize(
        torch.tensor([[0.1, -1, 0.3], [-1, 0, 0], [0, 0, 1.0]]), dim=-1
    )
    turn = upright_rotation(up)
    level = torch.tensor([0.0, -1.0, 0.0])
    torch.testing.assert_close((turn @ up[..., None])[..., 0], level.expand(3, 3))
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand(3, 3, 3))
    assert torch.equal(upright_rotation(level), torch.eye(3))
    head = upright_rotation(-level)
    torch.testing.assert_close(head @ -level, level)
    assert float(torch.linalg.det(head)) == 1.0


def test_gradients_of_rotation_vectors_are_romas_for_matrices_that_stay_rotations(generator):
    """From no turn at all to nearly half a turn, through products of rotations."""
    directions = torch.nn.functional.normalize(_rotvecs(generator, 40), dim=-1)
    angles = torch.cat([torch.logspace(-9, -1, 16), torch.linspace(0.2, 3.13, 24)]).double()
    base, weight = rotvec_to_rotmat(_rotvecs(generator, 40)), _rotvecs(generator, 40)
    turn = directions * angles[:, None]

    def gradient(convert):
        step = torch.zeros(40, 3, dtype=torch.float64, requires_grad=True)
        rotmat = base.mT @ (base @ rotvec_to_rotmat(turn) @ rotvec_to_rotmat(step))
        (convert(rotmat) * weight).sum().backward()
        return step.grad

    expected = gradient(roma.rotmat_to_rotvec)
    torch.testing.assert_close(gradient(rotmat_to_rotvec), expected, rtol=1e-5, atol=1e-6)
    few = turn[::3].clone().requires_grad_()
    assert gradcheck(lambda v: rotmat_to_rotvec(rotvec_to_rotmat(v)), few, atol=1e-4)


@pytest.mark.parametrize("angle", [1e-7, 5e-3, 0.02, 1.0, 3.0, 3.14])
def test_derivative_of_the_rotation_vector(angle, generator):
    direction = torch.nn.functional.normalize(_rotvecs(generator, 5), dim=-1)
    rotvec, step = angle * direction, _rotvecs(generator, 5)
    rotmat = rotvec_to_rotmat(rotvec)
    ahead = rotmat_to_rotvec(rotmat @ rotvec_to_rotmat(1e-6 * step))
    behind = rotmat_to_rotvec(rotmat @ rotvec_to_rotmat(-1e-6 * step))
    found = (rotvec_jacobian(rotvec) @ step[..., None])[..., 0]
    torch.testing.assert_close(found, (ahead - behind) / 2e-6, atol=1e-6, rtol=1e-4)


def test_the_cross_matrix_is_the_cross_product(generator):
    one, other = _rotvecs(generator, 5), _rotvecs(generator, 5)
    product = (cross_matrix(one) @ other[..., None])[..., 0]
    torch.testing.assert_close(product, torch.linalg.cross(one, other))
