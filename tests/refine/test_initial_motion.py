"""The motion that a fit starts from."""

from dataclasses import replace

import pytest
import torch

from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.motion import static_motion
from hfb.prior import MotionPrior, MotionPriorSettings, canonical_motion
from hfb.refine import RefineModule, RefineSettings
from hfb.refine.initial_motion import expected_velocities
from hfb.render import RenderSettings
from hfb.structures import BodyParams


@pytest.fixture
def prior(generator):
    prior = MotionPrior(
        MotionPriorSettings(width=16, num_layers=1), 0.1 + torch.rand(3, 25, generator=generator)
    )
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    prior.kinematics.offsets.copy_(0.2 * torch.randn(24, 3, generator=generator))
    return prior.requires_grad_(False).eval()


def _first(body, problem, settings, prior=None):
    return RefineModule(body, problem, settings, RenderSettings(), motion_prior=prior).motion


def test_expected_velocities_turn_with_the_person(prior, generator):
    pose = rotvec_to_rotmat(torch.randn(4, 24, 3, generator=generator))
    start = BodyParams(torch.zeros(4, 10), pose, torch.zeros(4, 3))
    turn = MODEL_TO_CAMERA @ rotvec_to_rotmat(torch.tensor([0.0, 1.1, 0.0])) @ MODEL_TO_CAMERA
    pose = pose.clone()
    pose[:, 0] = turn @ pose[:, 0]
    one, two = (
        expected_velocities(start, prior),
        expected_velocities(replace(start, pose_rotmat=pose), prior),
    )
    torch.testing.assert_close(two[:, 1:], one[:, 1:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(two[:, 0], one[:, 0] @ turn.T, atol=1e-5, rtol=1e-4)


def test_they_are_those_of_the_heading_free_frame(prior, generator):
    pose = rotvec_to_rotmat(torch.randn(4, 24, 3, generator=generator))
    found = expected_velocities(BodyParams(torch.zeros(4, 10), pose, torch.zeros(4, 3)), prior)
    still = static_motion(pose, torch.zeros(4, 3), 3)
    coeffs = still.coeffs.clone()
    coeffs[:, 1] = found
    canonical = canonical_motion(still.with_coeffs(coeffs), 3)
    expected = prior.expected_velocity(canonical.mid_rotmat) * prior.scale[0].unsqueeze(-1)
    torch.testing.assert_close(canonical.coeffs[:, 0], expected, atol=1e-5, rtol=1e-4)


def test_a_single_photo_starts_as_the_prior_expects(body, known, small_settings, prior):
    settings = replace(small_settings, expected_motion=0.5)
    rest = _first(body, known.problem, settings)
    moving = _first(body, known.problem, settings, prior)
    expected = 0.5 * expected_velocities(known.problem.start, prior)
    torch.testing.assert_close(moving[:, 0] - rest[:, 0], expected)
    torch.testing.assert_close(moving[:, 1:], rest[:, 1:])
    off = _first(body, known.problem, replace(settings, expected_motion=0.0), prior)
    torch.testing.assert_close(off, rest)
    other = replace(settings, parameterization="paper")
    torch.testing.assert_close(
        _first(body, known.problem, other, prior), _first(body, known.problem, other)
    )


def test_what_asks_the_prior_says_so():
    settings = RefineSettings(expected_motion=1.0)
    assert settings.needs_motion_prior
    assert not replace(settings, parameterization="paper").needs_motion_prior
    assert not replace(settings, expected_motion=0.0).needs_motion_prior
