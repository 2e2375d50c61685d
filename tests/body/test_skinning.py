"""Posing: against smplx, against finite differences, and its two paths against each other."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hfb.body import SmplBody, load_body
from hfb.body.kinematics import tree_levels
from hfb.body.model_file import BodyFile
from hfb.body.smplx_model import smplx_model
from hfb.errors import ShapeError
from hfb.structures import BodyParams

VALUE_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-5}
GRAD_TOLERANCE = {torch.float64: 1e-6, torch.float32: 5e-5}  # relative to the largest entry


def smplx_posed(file: BodyFile, params: BodyParams) -> tuple[Tensor, Tensor]:
    """Vertices and joints as smplx has them, differentiable."""
    dtype = params.transl.dtype
    model = smplx_model(file, 10, dtype)
    pose = params.pose_rotmat.flatten(0, -4)
    leading = params.pose_rotmat.shape[:-3]
    out = model(
        betas=params.betas.expand(*leading, -1).reshape(-1, 10),
        global_orient=pose[:, :1],
        body_pose=pose[:, 1:],
        transl=params.transl.reshape(-1, 3),
        pose2rot=False,
    )
    return (
        out.vertices.unflatten(0, leading),
        out.joints[:, : pose.shape[1]].unflatten(0, leading),
    )


def weighted_grads(verts: Tensor, joints: Tensor, params: BodyParams) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)

    def weights(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)

    total = (verts * weights(verts)).sum() + (joints * weights(joints)).sum()
    return torch.autograd.grad(total, [params.betas, params.pose_rotmat, params.transl])


def assert_close_to_largest(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    scale = expected.abs().max()
    torch.testing.assert_close(actual / scale, expected / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("compiled", [True, False])
def test_equals_smplx_in_values_and_gradients(free_file, random_params, dtype, compiled) -> None:
    body = load_body(dtype=dtype)
    body.use_compiled = compiled
    params, _ = random_params((2, 1), (2, 2), dtype)
    posed = body(params)
    verts, joints = smplx_posed(free_file, params)
    tolerance = VALUE_TOLERANCE[dtype]
    torch.testing.assert_close(posed.verts, verts, rtol=0, atol=tolerance)
    torch.testing.assert_close(posed.joints, joints, rtol=0, atol=tolerance)
    torch.testing.assert_close(body.joints(params), joints, rtol=0, atol=tolerance)
    ours = weighted_grads(posed.verts, posed.joints, params)
    for own, reference in zip(ours, weighted_grads(verts, joints, params), strict=True):
        assert_close_to_largest(own, reference, GRAD_TOLERANCE[dtype])


def test_root_turns_about_the_root_joint_as_in_smplx_with_rotation_vectors(
    free_file, free_body_f64, random_params
) -> None:
    params, rotvec = random_params((1,), (1,))
    model = smplx_model(free_file, 10, torch.float64)
    out = model(
        betas=params.betas,
        global_orient=rotvec[:, 0],
        body_pose=rotvec[:, 1:].flatten(1),
        transl=params.transl,
    )
    posed = free_body_f64(params)
    torch.testing.assert_close(posed.verts, out.vertices, rtol=0, atol=1e-6)
    rest = free_body_f64.shape(params.betas)[1]
    torch.testing.assert_close(posed.joints[:, 0], rest[:, 0] + params.transl)


def test_dense_pose_blend_shapes_take_the_same_values(
    tmp_path: Path, tiny_fields, random_params
) -> None:
    path = tmp_path / "dense.npz"
    np.savez(path, **tiny_fields(moved_share=1.0))
    compiled = load_body(path)
    assert len(compiled._tables.offset_joint) == 0  # dense ones go through one matrix product
    reference = load_body(path, dtype=torch.float64)
    params, _ = random_params((2, 1), (2, 3), torch.float32)
    exact, _ = random_params((2, 1), (2, 3))
    with torch.no_grad():
        exact.betas.copy_(params.betas)
        exact.pose_rotmat.copy_(params.pose_rotmat)
        exact.transl.copy_(params.transl)
    posed, expected = compiled(params), reference(exact)
    torch.testing.assert_close(posed.verts.double(), expected.verts, rtol=0, atol=1e-5)
    ours = weighted_grads(posed.verts, posed.joints, params)
    for own, other in zip(
        ours, weighted_grads(expected.verts, expected.joints, exact), strict=True
    ):
        assert_close_to_largest(own.double(), other, GRAD_TOLERANCE[torch.float32])


@pytest.mark.parametrize("name", ["betas", "pose_rotmat", "transl"])
def test_gradcheck_in_float64(tiny_path: Path, random_params, name: str) -> None:
    body = load_body(tiny_path, dtype=torch.float64)
    params, _ = random_params((1,), (1,))
    inputs = {key: getattr(params, key).detach() for key in ("betas", "pose_rotmat", "transl")}

    def posed(value: Tensor) -> tuple[Tensor, Tensor]:
        out = body(BodyParams(**{**inputs, name: value}))
        return out.verts, out.joints

    assert torch.autograd.gradcheck(posed, inputs[name].requires_grad_())


@pytest.mark.parametrize("compiled", [True, False])
def test_batch_equals_singles(free_body, random_params, compiled) -> None:
    body = copy.copy(free_body)
    body.use_compiled = compiled
    params, _ = random_params((2, 1), (2, 3), torch.float32)
    posed = body(params)
    for b in range(2):
        for n in range(3):
            single = body(
                BodyParams(params.betas[b, 0], params.pose_rotmat[b, n], params.transl[b, n])
            )
            assert single.verts.shape == (6890, 3)
            torch.testing.assert_close(posed.verts[b, n], single.verts, rtol=0, atol=2e-6)
            torch.testing.assert_close(posed.joints[b, n], single.joints, rtol=0, atol=2e-6)


@pytest.mark.parametrize("compiled", [True, False])
def test_shared_betas_equal_expanded_betas(free_body, random_params, compiled) -> None:
    body = copy.copy(free_body)
    body.use_compiled = compiled
    shared, _ = random_params((2, 1), (2, 2), torch.float32)
    expanded = BodyParams(
        shared.betas.detach().expand(2, 2, -1).clone().requires_grad_(),
        shared.pose_rotmat,
        shared.transl,
    )
    one, other = body(shared), body(expanded)
    torch.testing.assert_close(one.verts, other.verts, rtol=0, atol=1e-6)
    grads = weighted_grads(one.verts, one.joints, shared)
    other_grads = weighted_grads(other.verts, other.joints, expanded)
    assert_close_to_largest(grads[0], other_grads[0].sum(1, keepdim=True), 5e-6)
    assert_close_to_largest(grads[1], other_grads[1], 5e-6)


def test_betas_without_batch_axes_serve_every_pose(free_body, random_params) -> None:
    params, _ = random_params((), (2, 2), torch.float32)
    repeated = BodyParams(params.betas.expand(2, 1, -1), params.pose_rotmat, params.transl)
    torch.testing.assert_close(free_body(params).verts, free_body(repeated).verts)


def test_gradient_of_joints_alone_and_of_a_single_vertex(free_body, random_params) -> None:
    params, _ = random_params((1, 1), (1, 2), torch.float32)
    inputs = [params.betas, params.pose_rotmat, params.transl]
    by_kernel = torch.autograd.grad(free_body(params).joints.pow(2).sum(), inputs)
    by_torch = torch.autograd.grad(free_body.joints(params).pow(2).sum(), inputs)
    for own, reference in zip(by_kernel, by_torch, strict=True):
        assert_close_to_largest(own, reference, 1e-5)
    (transl_grad,) = torch.autograd.grad(free_body(params).verts[0, 1, 332, 2], [params.transl])
    assert transl_grad.tolist() == [[[0, 0, 0], [0, 0, 1]]]


def test_inputs_are_left_alone_and_no_gradients_needed(free_body, random_params) -> None:
    params, _ = random_params((1, 1), (1, 2), torch.float32)
    before = params.pose_rotmat.detach().clone()
    with torch.no_grad():
        posed = free_body(params)
    assert not posed.verts.requires_grad
    assert torch.equal(before, params.pose_rotmat)


def test_nan_parameters_give_nan_vertices(free_body, random_params) -> None:
    params, _ = random_params((1,), (1,), torch.float32)
    with torch.no_grad():
        params.transl[0, 1] = torch.nan
    assert free_body(params).verts[..., 1].isnan().all()


def test_wrong_numbers_of_betas_and_joints_are_named(free_body, random_params) -> None:
    params, _ = random_params((1,), (1,), torch.float32)
    with pytest.raises(ShapeError, match="7 betas given, the body free_body uses 10"):
        free_body(BodyParams(params.betas[..., :7], params.pose_rotmat, params.transl))
    with pytest.raises(ShapeError, match="22 joint rotations given, the body has 24"):
        free_body(BodyParams(params.betas, params.pose_rotmat[:, :22], params.transl))


def test_state_dict_is_empty_and_nothing_is_trainable(free_body: SmplBody) -> None:
    assert free_body.state_dict() == {}
    assert list(free_body.parameters()) == []


def test_tree_levels_cover_smpl_in_eight_steps(free_body: SmplBody) -> None:
    parents = free_body.parents
    levels = tree_levels(parents)
    assert len(levels) == 8
    assert sorted(joint for level in levels for joint in level) == list(range(1, 24))
    seen = {0}
    for level in levels:
        assert all(parents[joint] in seen for joint in level)
        seen |= set(level)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(free_body, random_params) -> None:
    params, _ = random_params((2, 1), (2, 2), torch.float32)
    body = copy.deepcopy(free_body).cuda()
    on_gpu = BodyParams(*(x.detach().cuda().requires_grad_() for x in vars(params).values()))
    one, other = free_body(params), body(on_gpu)
    torch.testing.assert_close(other.verts.cpu(), one.verts, rtol=0, atol=1e-5)
    grads = weighted_grads(other.verts, other.joints, on_gpu)
    for own, reference in zip(grads, weighted_grads(one.verts, one.joints, params), strict=True):
        assert_close_to_largest(own.cpu(), reference, GRAD_TOLERANCE[torch.float32])


def test_copies_and_casts_keep_working(free_body, random_params) -> None:
    params, _ = random_params((1,), (2,))
    double = copy.deepcopy(free_body).double()
    assert double(params).verts.dtype == torch.float64
    single = BodyParams(*(x.detach().float() for x in vars(params).values()))
    back = double.float()(single)
    torch.testing.assert_close(back.verts, free_body(single).verts, rtol=0, atol=1e-6)
