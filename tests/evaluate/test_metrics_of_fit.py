"""The metrics of a sample against numpy loops over its exported motion."""

from dataclasses import replace

import numpy as np
import pytest
import roma
import torch

from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.body import SmplBody, load_body
from hfb.errors import InputError
from hfb.evaluate.metrics_of_fit import joints_to_compare, with_truth
from hfb.evaluate.results import FitMetrics
from hfb.motion import PolynomialMotion, reverse, static_motion
from hfb.refine.result import Refinement
from hfb.structures import BlurSample, Target

SMALL = SyntheticSettings(
    height=64, width=56, num_subframes=4, num_truth=6, supersampling=1, blur_rate=(0.2, 0.6)
)


@pytest.fixture(scope="module")
def sample() -> BlurSample:
    return make_sample(SMALL, 3)


@pytest.fixture(scope="module")
def body() -> SmplBody:
    return load_body()


def moving(sample: BlurSample, generator: torch.Generator) -> Refinement:
    """An estimate about the true mid pose that moves somehow."""
    target = sample.target
    motion = static_motion(target.pose_rotmat[0, 3], target.transl[0, 3], 2)
    noise = 0.2 * torch.randn(motion.coeffs.shape, generator=generator)
    noise[0] = 0.0
    return refinement_of(motion.with_coeffs(motion.coeffs + noise), sample)


def refinement_of(motion: PolynomialMotion, sample: BlurSample) -> Refinement:
    return Refinement(
        "s", motion, sample.target.betas, torch.zeros(3, 4, 4), sample.camera, 4, "linear"
    )


def metrics_of(refinement: Refinement, sample: BlurSample, body: SmplBody) -> FitMetrics:
    return with_truth(FitMetrics(0.0, 0.0), refinement, sample, body)


def numpy_mpjpe(preds: np.ndarray, truth: np.ndarray) -> float:
    errors = []
    for p, t in zip(preds, truth, strict=True):
        for joint in range(24):
            gap = (p[joint] - p[0]) - (t[joint] - t[0])
            errors.append(1000 * np.sqrt(gap[0] ** 2 + gap[1] ** 2 + gap[2] ** 2))
    return float(np.mean(errors))


def numpy_pa_mpjpe(preds: np.ndarray, truth: np.ndarray) -> float:
    """Horn's closed form with quaternions: another way than the SVD of the product code."""
    errors = []
    for p, t in zip(preds, truth, strict=True):
        p0, t0 = p - p.mean(0), t - t.mean(0)
        m = p0.T @ t0
        delta = np.array([m[1, 2] - m[2, 1], m[2, 0] - m[0, 2], m[0, 1] - m[1, 0]])
        q = np.zeros((4, 4))
        q[0, 0], q[0, 1:], q[1:, 0] = np.trace(m), delta, delta
        q[1:, 1:] = m + m.T - np.trace(m) * np.eye(3)
        w, x, y, z = np.linalg.eigh(q)[1][:, -1]
        r = roma.unitquat_to_rotmat(torch.tensor([x, y, z, w])).numpy()
        scale = np.sum(t0 * (p0 @ r.T)) / np.sum(p0**2)
        errors.append(1000 * np.linalg.norm(scale * p0 @ r.T - t0, axis=1).mean())
    return float(np.mean(errors))


def test_figures_agree_with_loops_to_a_ten_thousandth_of_a_millimetre(
    sample: BlurSample, body: SmplBody, generator: torch.Generator
) -> None:
    for _ in range(5):
        refinement = moving(sample, generator)
        metrics = metrics_of(refinement, sample, body)
        times = (torch.arange(6.0) + 0.5) / 6
        forward = refinement.posed(body, times).joints.double().numpy()
        backward = refinement.posed(body, 1 - times).joints.double().numpy()
        truth = sample.target.joints[0].double().numpy()
        errors = [numpy_mpjpe(j, truth) for j in (forward, backward)]
        better = forward if errors[0] <= errors[1] else backward
        assert metrics.mpjpe_mm == pytest.approx(errors[0], abs=1e-4)
        assert metrics.mpjpe_best_direction_mm == pytest.approx(min(errors), abs=1e-4)
        assert metrics.pa_mpjpe_mm == pytest.approx(numpy_pa_mpjpe(forward, truth), abs=1e-4)
        best_pa = metrics.pa_mpjpe_best_direction_mm
        assert best_pa == pytest.approx(numpy_pa_mpjpe(better, truth), abs=1e-4)
        middle = numpy_mpjpe(forward[2:4], truth[2:4])
        assert metrics.mid_exposure_mpjpe_mm == pytest.approx(middle, abs=1e-4)
        assert np.mean(list(metrics.per_joint_mm.values())) == pytest.approx(min(errors), abs=1e-4)
        assert list(metrics.per_joint_mm)[:3] == ["pelvis", "left_hip", "right_hip"]
        at_middle = metrics.mid_exposure_per_joint_mm
        assert np.mean(list(at_middle.values())) == pytest.approx(
            metrics.mid_exposure_mpjpe_mm, abs=1e-4
        )
        assert list(at_middle) == list(metrics.per_joint_mm)


def test_reversed_truth_has_no_error_in_the_better_direction(
    sample: BlurSample, body: SmplBody, generator: torch.Generator
) -> None:
    refinement = moving(sample, generator)
    times = (torch.arange(6.0) + 0.5) / 6
    posed = refinement.posed(body, times)
    opened, closed = sample.exposure[0].tolist()
    truth = Target(joints=posed.joints[None], times=(opened + times * (closed - opened))[None])
    known = replace(sample, target=truth)
    backwards = replace(refinement, motion=reverse(refinement.motion))
    metrics = metrics_of(backwards, known, body)
    assert metrics.mpjpe_best_direction_mm == pytest.approx(0.0, abs=2e-3)
    assert metrics.mpjpe_mm > 10
    assert metrics.direction_correct is False
    assert metrics_of(refinement, known, body).mpjpe_mm == pytest.approx(0.0, abs=2e-3)


def test_a_similarity_transform_of_the_truth_has_no_aligned_error(
    sample: BlurSample, body: SmplBody, generator: torch.Generator
) -> None:
    refinement = moving(sample, generator)
    times = (torch.arange(6.0) + 0.5) / 6
    joints = refinement.posed(body, times).joints.double()
    rotmat = roma.random_rotmat(1, dtype=torch.float64, generator=generator)[0]
    opened, closed = sample.exposure[0].tolist()
    moved = 1.7 * joints @ rotmat.T + torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64)
    truth = Target(joints=moved.float()[None], times=(opened + times * (closed - opened))[None])
    metrics = metrics_of(refinement, replace(sample, target=truth), body)
    assert metrics.pa_mpjpe_mm == pytest.approx(0.0, abs=2e-3)
    assert metrics.mpjpe_mm > 100


def test_a_subset_of_the_joints_is_compared_by_name(
    sample: BlurSample, body: SmplBody, generator: torch.Generator
) -> None:
    refinement = moving(sample, generator)
    names = ("left_hip", "right_hip", "left_knee", "left_ankle")
    index = [body.joint_names.index(name) for name in names]
    part = Target(
        joints=sample.target.joints[:, :, index], times=sample.target.times, joint_names=names
    )
    metrics = metrics_of(refinement, replace(sample, target=part), body)
    assert tuple(metrics.per_joint_mm) == names
    times = (torch.arange(6.0) + 0.5) / 6
    p = refinement.posed(body, times).joints[:, index].double().numpy()
    t = sample.target.joints[0][:, index].double().numpy()
    p, t = p - p[:, :2].mean(1, keepdims=True), t - t[:, :2].mean(1, keepdims=True)
    expected = 1000 * np.linalg.norm(p - t, axis=-1).mean()
    assert metrics.mpjpe_mm == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("names", "count", "message"),
    [
        (("left_hip", "nose"), 2, "unknown: nose"),
        (("left_knee", "right_knee"), 2, "neither a pelvis nor both hips"),
        (None, 17, "the truth holds 17 joints"),
        (("pelvis", "pelvis"), 2, "name each once"),
    ],
)
def test_unknown_joints_are_refused(
    body: SmplBody, names: tuple[str, ...] | None, count: int, message: str
) -> None:
    target = Target(torch.zeros(1, 2, count, 3), torch.zeros(1, 2), joint_names=names)
    with pytest.raises(InputError, match=message):
        joints_to_compare(target, body.joint_names)
