import math

import pytest
import torch

from hfb.body import load_body
from hfb.errors import BodyModelError, ShapeError
from hfb.geometry import default_camera, project, rotvec_to_rotmat
from hfb.init import RegistrationSettings, register_landmarks, register_vertices
from hfb.init.register.bone_ik import best_rotation
from hfb.init.register.correspondence import CHANNEL_NAMES, correspondence
from hfb.init.register.gauss_newton import BodyState, robust_quadratic, solve
from hfb.init.register.priors import JointLimits, MixtureQuadratic
from hfb.init.register.registration import place_points
from hfb.init.register.sparse_body import SparseBody
from hfb.prior import MixturePosePrior
from hfb.structures import BodyParams, Camera


@pytest.fixture(scope="module")
def body():
    return load_body(dtype=torch.float64)


@pytest.fixture(scope="module")
def sparse(body):
    return SparseBody.from_body(body, correspondence(body).vertices.tolist())


def walking_poses(body, generator, count):
    """People seen from all sides: bent limbs, arms down, some variation everywhere."""
    rotvec = 0.12 * torch.randn(count, 24, 3, generator=generator, dtype=torch.float64)
    names = body.joint_names
    bend = torch.rand(count, 4, generator=generator, dtype=torch.float64)
    rotvec[:, names.index("left_knee"), 0] += 0.2 + bend[:, 0]
    rotvec[:, names.index("right_knee"), 0] += 0.2 + bend[:, 1]
    rotvec[:, names.index("left_elbow"), 1] -= 0.2 + bend[:, 2]
    rotvec[:, names.index("right_elbow"), 1] += 0.2 + bend[:, 3]
    rotvec[:, names.index("left_shoulder"), 2] -= 1.0
    rotvec[:, names.index("right_shoulder"), 2] += 1.0
    rotvec[:, names.index("left_hip"), 0] -= 0.4
    rotmat = rotvec_to_rotmat(rotvec)
    turn = torch.zeros(count, 3, dtype=torch.float64)
    turn[:, 1] = torch.linspace(-math.pi, math.pi, count + 1)[:-1]
    upright = rotvec_to_rotmat(torch.tensor([math.pi, 0.0, 0.0], dtype=torch.float64))
    rotmat[:, 0] = upright @ rotvec_to_rotmat(turn) @ rotmat[:, 0]
    transl = torch.tensor([0.1, -0.1, 3.5], dtype=torch.float64).expand(count, 3)
    return BodyParams(torch.zeros(count, 10, dtype=torch.float64), rotmat, transl)


def landmarks_of(params, body, sparse, camera):
    """Exact landmarks: the body side of the correspondence, put where the image side looks."""
    table = correspondence(body)
    posed = sparse.pose(params.pose_rotmat, params.betas, params.transl)
    channels = table.from_points @ posed.points
    landmarks = channels.new_zeros(len(channels), 33, 3)
    for row in range(len(CHANNEL_NAMES)):
        landmarks[:, table.from_landmarks[row] > 0] = channels[:, row : row + 1]
    is_used = (table.from_landmarks.sum(0) > 0).double().expand(len(channels), -1)
    world = landmarks - landmarks[:, 23:25].mean(1, keepdim=True)
    return project(landmarks, camera), world, is_used


def mpjpe_mm(body, params, found):
    truth = body.joints(params)
    preds = body.joints(
        BodyParams(found.betas.double(), found.pose_rotmat.double(), found.transl.double())
    )
    error = (preds - preds[:, :1]) - (truth - truth[:, :1])
    return 1000 * error.norm(dim=-1).mean(-1)


def test_sparse_body_is_the_body(body, sparse, generator):
    params = walking_poses(body, generator, 4)
    betas = torch.randn(4, 10, generator=generator, dtype=torch.float64)
    params = BodyParams(betas, params.pose_rotmat, params.transl)
    points = sparse.pose(params.pose_rotmat, params.betas, params.transl).points
    posed = body(params)
    vertices = correspondence(body).vertices
    torch.testing.assert_close(points[:, :24], posed.joints)
    # pose blend shapes are left out: millimetres
    assert (points[:, 24:] - posed.verts[:, vertices]).norm(dim=-1).max() < 0.01


def test_sparse_body_derivatives(body, sparse, generator):
    params = walking_poses(body, generator, 2)
    step = torch.randn(2, 24, 3, generator=generator, dtype=torch.float64)
    betas = torch.randn(2, 10, generator=generator, dtype=torch.float64)

    def moved(size):
        turned = params.pose_rotmat @ rotvec_to_rotmat(size * step)
        return sparse.pose(turned, size * betas, params.transl).points

    posed = sparse.pose(params.pose_rotmat, params.betas, params.transl)
    numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6
    exact = torch.einsum("kpcd,kd->kpc", posed.by_rotation, step.flatten(1))
    exact = exact + torch.einsum("kpcs,ks->kpc", posed.by_betas, betas)
    torch.testing.assert_close(exact, numeric, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("kind", ["limits", "mixture"])
def test_prior_gradients(body, generator, kind):
    prior = JointLimits(body.joint_names)
    if kind == "mixture":
        prior = MixtureQuadratic(MixturePosePrior(), stiffness=0.0)
    rotvec = 0.3 * torch.randn(3, 69, generator=generator, dtype=torch.float64)
    rotvec.requires_grad_()
    cost, gradient, _ = prior.quadratic(rotvec)
    (expected,) = torch.autograd.grad(cost.sum(), rotvec)
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-5)


def test_mixture_refuses_other_bodies():
    prior = MixtureQuadratic(MixturePosePrior())
    with pytest.raises(BodyModelError, match=r"the pose prior needs SMPL's 24 joints.* has 55"):
        prior.quadratic(torch.zeros(1, 162, dtype=torch.float64))


def test_mixture_cost_is_the_prior_itself(generator):
    prior = MixturePosePrior()
    rotvec = 0.3 * torch.randn(3, 69, generator=generator)
    cost, _, _ = MixtureQuadratic(prior, stiffness=0.0).quadratic(rotvec.double())
    torch.testing.assert_close(cost.float() / 69, prior(rotvec), rtol=1e-4, atol=1e-4)


def test_outliers_cost_at_most_half_the_squared_scale():
    residual = torch.tensor([[[0.01, 0.0]], [[1e4, 0.0]]], dtype=torch.float64)
    jacobian = torch.eye(2, dtype=torch.float64).expand(2, 1, 2, 2)
    found = robust_quadratic(residual, jacobian, 3.0)
    assert found.cost[0] == pytest.approx(0.5 * 0.01**2, rel=1e-3)
    assert found.cost[1] == pytest.approx(4.5, rel=1e-3)
    assert found.gradient[1].abs().max() < 1e-8


def test_bodies_of_a_batch_do_not_influence_each_other(body, sparse, generator):
    camera = default_camera(256, 256)
    params = walking_poses(body, generator, 3)
    xy, world, used = landmarks_of(params, body, sparse, camera)
    together = register_landmarks(xy, world, used, camera, body)
    alone = register_landmarks(xy[1:2], world[1:2], used[1:2], camera, body)
    torch.testing.assert_close(together.transl[1:2], alone.transl, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(together.pose_rotmat[1:2], alone.pose_rotmat, atol=1e-5, rtol=1e-5)


def test_best_rotation_recovers_a_rotation_from_a_plane(generator):
    points = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    points[..., 2] = 0
    rotmat = rotvec_to_rotmat(torch.randn(2, 3, generator=generator, dtype=torch.float64))
    torch.testing.assert_close(best_rotation(points, points @ rotmat.mT + 1.0), rotmat)


def test_placing_points_is_exact(generator):
    camera = default_camera(480, 640)
    points = torch.randn(2, 12, 3, generator=generator, dtype=torch.float64)
    transl = torch.tensor([[0.3, -0.2, 4.0], [-1.0, 0.5, 7.0]], dtype=torch.float64)
    xy = project(points + transl[:, None], camera)
    weight = torch.ones(2, 12, dtype=torch.float64)
    focal, centre = camera.focal.double(), camera.principal_point.double()
    torch.testing.assert_close(place_points(points, xy, weight, focal, centre), transl)
    # images of points behind the camera must still give a body in front of it
    assert (
        place_points(points, -xy, weight, focal, centre)[:, 2] + points[..., 2].amin(1) > 0
    ).all()


@pytest.mark.parametrize(("noise_px", "noise_m", "limit_mm"), [(0.0, 0.0, 25.0), (2.0, 0.03, 45.0)])
def test_pose_is_recovered_from_landmarks(body, sparse, generator, noise_px, noise_m, limit_mm):
    camera = default_camera(256, 256)
    params = walking_poses(body, generator, 12)
    xy, world, used = landmarks_of(params, body, sparse, camera)
    xy = xy + noise_px * torch.randn(xy.shape, generator=generator, dtype=torch.float64)
    world = world + noise_m * torch.randn(world.shape, generator=generator, dtype=torch.float64)
    found = register_landmarks(
        xy, world, used, camera, body, settings=RegistrationSettings(prior_weight=0.1)
    )
    error = mpjpe_mm(body, params, found)
    assert error.mean() < limit_mm
    assert error.max() < 2.5 * limit_mm
    assert (found.transl - params.transl).norm(dim=-1).max() < 0.35


def test_the_scale_of_world_landmarks_does_not_matter(body, sparse, generator):
    camera = default_camera(256, 256)
    params = walking_poses(body, generator, 2)
    xy, world, used = landmarks_of(params, body, sparse, camera)
    one = register_landmarks(xy, world, used, camera, body)
    other = register_landmarks(xy, 1.2 * world, used, camera, body)
    assert (mpjpe_mm(body, params, one) - mpjpe_mm(body, params, other)).abs().max() < 1.0


def test_one_wrong_landmark_does_little(body, sparse, generator):
    camera = default_camera(256, 256)
    params = walking_poses(body, generator, 2)
    xy, world, used = landmarks_of(params, body, sparse, camera)
    clean = mpjpe_mm(body, params, register_landmarks(xy, world, used, camera, body))
    xy[:, 15] += 90.0  # the left wrist
    dirty = mpjpe_mm(body, params, register_landmarks(xy, world, used, camera, body))
    assert (dirty - clean).max() < 25.0


def test_batched_cameras_are_refused(body):
    camera = Camera(torch.full((2, 2), 300.0), torch.full((2, 2), 128.0), 256, 256)
    with pytest.raises(ShapeError, match="one camera expected"):
        register_landmarks(
            torch.zeros(2, 33, 2), torch.zeros(2, 33, 3), torch.ones(2, 33), camera, body
        )


def test_meshes_of_the_same_topology(body, generator):
    params = walking_poses(body, generator, 3)
    betas = torch.randn(3, 10, generator=generator, dtype=torch.float64)
    params = BodyParams(betas, params.pose_rotmat, params.transl)
    verts = body(params).verts
    found = register_vertices(verts, body)
    posed = body(
        BodyParams(found.betas.double(), found.pose_rotmat.double(), found.transl.double())
    )
    assert (posed.verts - verts).norm(dim=-1).mean() < 0.004
    assert (posed.joints - body.joints(params)).norm(dim=-1).mean() < 0.004
    with pytest.raises(ShapeError, match="100 vertices given, the body has 6890"):
        register_vertices(verts[:, :100], body)


def test_solver_keeps_the_best_state():
    start = BodyState(
        torch.eye(3, dtype=torch.float64).expand(1, 1, 3, 3),
        torch.zeros(1, 1, dtype=torch.float64),
        torch.tensor([[5.0, -3.0, 2.0]], dtype=torch.float64),
    )
    jacobian = torch.zeros(1, 1, 3, 7, dtype=torch.float64)
    jacobian[..., 4:] = torch.eye(3)

    def cost(state):
        return robust_quadratic(state.transl[:, None] - 1.0, jacobian, 1e3)

    found, final = solve(start, cost, 20)
    torch.testing.assert_close(found.transl, torch.ones(1, 3, dtype=torch.float64))
    assert final < 1e-10
