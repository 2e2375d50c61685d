import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from hfb.errors import InputError, ShapeError
from hfb.geometry import rotvec_to_rotmat
from hfb.motion import (
    PolynomialMotion,
    evaluate,
    fit_polynomial,
    reverse,
    static_motion,
    subframe_times,
)

PARAMETERIZATIONS = ("tangent", "paper")


def _pose(generator, *batch, num_joints=4, dtype=torch.float64):
    rotvec = torch.randn(*batch, num_joints, 3, dtype=dtype, generator=generator)
    transl = torch.randn(*batch, 3, dtype=dtype, generator=generator)
    return rotvec_to_rotmat(rotvec), transl + torch.tensor([0.0, 0.0, 4.0], dtype=dtype)


def _motion(generator, *batch, degree=2, parameterization="tangent", origin=0.5, amount=0.2):
    motion = static_motion(*_pose(generator, *batch), degree, parameterization, origin)
    noise = amount * torch.randn(motion.coeffs.shape, dtype=torch.float64, generator=generator)
    if parameterization == "paper":
        noise[..., 0, :, :] = 0  # keeps the axes away from zero
    return motion.with_coeffs(motion.coeffs + noise)


def test_subframe_times_are_the_midpoints_of_equal_parts():
    assert subframe_times(4).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert subframe_times(3, torch.float64).dtype == torch.float64
    with pytest.raises(InputError, match="num_subframes=0"):
        subframe_times(0)


def test_evaluate_is_horners_rule_written_as_a_loop(generator):
    motion = _motion(generator, 2, degree=3, origin=0.3)
    times = torch.tensor([0.0, 0.2, 1.0], dtype=torch.float64)
    rotmat, transl = evaluate(motion, times)
    for b in range(2):
        for n, t in enumerate(times.tolist()):
            value = sum(motion.coeffs[b, k] * (t - 0.3) ** k for k in range(4))
            torch.testing.assert_close(transl[b, n], motion.base_transl[b] + value[0])
            for j in range(4):
                expected = motion.base_rotmat[b, j] @ torch.linalg.matrix_exp(_skew(value[j + 1]))
                torch.testing.assert_close(rotmat[b, n, j], expected)


def _skew(v):
    zero = torch.zeros_like(v[0])
    rows = [zero, -v[2], v[1], v[2], zero, -v[0], -v[1], v[0], zero]
    return torch.stack(rows).reshape(3, 3)


def test_paper_parameterisation_is_axis_times_angle_and_direction_times_distance():
    coeffs = torch.zeros(2, 2, 4, dtype=torch.float64)
    coeffs[0, 0] = torch.tensor([0.0, 0.0, 3.0, 5.0])  # 5 m along z, direction not normalised
    coeffs[0, 1] = torch.tensor([0.0, 0.1, 0.0, 0.0])  # about y
    coeffs[1, 1, 3] = math.pi / 2  # a quarter turn over the exposure
    motion = PolynomialMotion(
        coeffs, torch.eye(3).double()[None], torch.zeros(3).double(), 0.0, "paper"
    )
    rotmat, transl = evaluate(motion, torch.tensor([0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(transl, torch.tensor([[0.0, 0, 5], [0, 0, 5]]).double())
    torch.testing.assert_close(rotmat[0, 0], torch.eye(3).double())
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]).double()
    torch.testing.assert_close(rotmat[1, 0], quarter)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_static_motion_holds_its_pose(parameterization, generator):
    rotmat, transl = _pose(generator, 3)
    motion = static_motion(rotmat, transl, 2, parameterization)
    got_rotmat, got_transl = evaluate(motion, subframe_times(5, torch.float64))
    torch.testing.assert_close(got_rotmat, rotmat[:, None].expand(3, 5, 4, 3, 3))
    torch.testing.assert_close(got_transl, transl[:, None].expand(3, 5, 3))
    assert not motion.coeffs[:, 1:].any()


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_gradient_of_evaluate(parameterization, generator):
    motion = _motion(generator, 2, parameterization=parameterization)
    times = subframe_times(3, torch.float64).requires_grad_()
    coeffs = motion.coeffs.clone().requires_grad_()
    assert gradcheck(lambda c, t: evaluate(motion.with_coeffs(c), t), (coeffs, times))


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_for_zero_coefficients(parameterization, dtype):
    eye = torch.eye(3, dtype=dtype).expand(5, 3, 3)
    motion = static_motion(eye, torch.zeros(3, dtype=dtype), 2, parameterization)
    coeffs = torch.zeros_like(motion.coeffs).requires_grad_()
    rotmat, transl = evaluate(motion.with_coeffs(coeffs), subframe_times(4, dtype))
    (rotmat.pow(2).sum() + rotmat.sum() + transl.sum()).backward()
    assert torch.isfinite(coeffs.grad).all()


def test_rest_pose_in_the_papers_form_can_start_to_turn(generator):
    # Joints at rest have no axis; the angle must still get a gradient.
    motion = static_motion(torch.eye(3).expand(2, 3, 3), torch.zeros(3), 1, "paper")
    coeffs = motion.coeffs.clone().requires_grad_()
    target = rotvec_to_rotmat(torch.tensor([[0.2, 0.3, -0.1], [0.0, 0.0, 0.4]]))
    optimiser = torch.optim.Adam([coeffs], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        rotmat, _ = evaluate(motion.with_coeffs(coeffs), torch.tensor([0.5]))
        loss = (rotmat[0] - target).square().sum()
        loss.backward()
        optimiser.step()
    assert loss.item() < 1e-5


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    degree=st.integers(0, 3),
    origin=st.sampled_from([0.0, 0.5, 0.8]),
    parameterization=st.sampled_from(PARAMETERIZATIONS),
)
def test_fitting_an_evaluated_motion_gives_it_back(seed, degree, origin, parameterization):
    generator = torch.Generator().manual_seed(seed)
    motion = static_motion(*_pose(generator, 2), degree, parameterization, origin)
    noise = 0.2 * torch.randn(motion.coeffs.shape, dtype=torch.float64, generator=generator)
    noise[:, 0] = 0
    if parameterization == "paper":
        # A polynomial axis is only recovered up to its length: keep the axes constant.
        noise[..., :3] = 0
    motion = motion.with_coeffs(motion.coeffs + noise)
    # The sample at the origin itself makes the base the same pose.
    times = torch.cat([subframe_times(8, torch.float64), torch.tensor([origin]).double()])
    fitted = fit_polynomial(*evaluate(motion, times), times, degree, parameterization, origin)
    dense = torch.linspace(0, 1, 21, dtype=torch.float64)
    for got, expected in zip(evaluate(fitted, dense), evaluate(motion, dense), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-8)


def test_fit_in_the_papers_form_follows_rotations_past_half_a_turn_and_through_zero():
    times = torch.linspace(0, 1, 30, dtype=torch.float64)
    angles = torch.stack([2.5 + 2.0 * times, -0.6 + 1.2 * times, 0 * times], -1)
    axes = torch.nn.functional.normalize(torch.randn(3, 3, dtype=torch.float64), dim=-1)
    rotmat = rotvec_to_rotmat(angles.unsqueeze(-1) * axes)
    transl = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64).expand(30, 3)
    motion = fit_polynomial(rotmat, transl, times, 1, "paper", time_origin=0.0)
    torch.testing.assert_close(evaluate(motion, times)[0], rotmat, rtol=0, atol=1e-8)


def test_fit_is_least_squares_where_the_motion_is_no_polynomial(generator):
    times = subframe_times(40, torch.float64)
    transl = torch.stack([torch.sin(4 * times), torch.cos(5 * times), times**4], -1)
    rotmat = torch.eye(3, dtype=torch.float64).expand(40, 2, 3, 3)
    motion = fit_polynomial(rotmat, transl, times, 2)
    best = (evaluate(motion, times)[1] - transl).square().sum()
    for _ in range(5):
        noise = 1e-3 * torch.randn(motion.coeffs.shape, dtype=torch.float64, generator=generator)
        other = evaluate(motion.with_coeffs(motion.coeffs + noise), times)[1]
        assert (other - transl).square().sum() > best


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("origin", [0.0, 0.3, 0.5, 1.0])
def test_reverse_plays_backwards_about_any_origin(parameterization, origin, generator):
    motion = _motion(generator, 2, degree=3, parameterization=parameterization, origin=origin)
    times = torch.tensor([-0.2, 0.0, 0.3, 0.5, 1.0], dtype=torch.float64)
    forward = evaluate(motion, 1 - times)
    backward = evaluate(reverse(motion), times)
    for got, expected in zip(backward, forward, strict=True):
        torch.testing.assert_close(got, expected)
    torch.testing.assert_close(reverse(reverse(motion)).coeffs, motion.coeffs)


def test_reverse_about_mid_exposure_flips_the_odd_coefficients(generator):
    motion = _motion(generator, degree=3)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(reverse(motion).coeffs, motion.coeffs * signs)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_a_batch_is_its_single_motions(parameterization, generator):
    motion = _motion(generator, 3, parameterization=parameterization)
    times = torch.rand(3, 6, dtype=torch.float64, generator=generator)
    rotmat, transl = evaluate(motion, times)
    for b in range(3):
        single = PolynomialMotion(
            motion.coeffs[b], motion.base_rotmat[b], motion.base_transl[b], 0.5, parameterization
        )
        single_rotmat, single_transl = evaluate(single, times[b])
        torch.testing.assert_close(rotmat[b], single_rotmat)
        torch.testing.assert_close(transl[b], single_transl)


def test_wrong_shapes_and_names_are_refused(generator):
    rotmat, transl = _pose(generator, num_joints=4)
    with pytest.raises(ShapeError, match=r"must end in \(5, 3\)"):
        PolynomialMotion(torch.zeros(3, 4, 3).double(), rotmat, transl)
    times = torch.tensor([0.1, 0.9, 0.9], dtype=torch.float64)
    with pytest.raises(ShapeError, match="2 different times cannot fix polynomials of degree 2"):
        fit_polynomial(rotmat.expand(3, 4, 3, 3), transl.expand(3, 3), times, 2)
