"""The guard tells a fit that is better than its start from one that is worse."""

import math
from dataclasses import replace

import pytest
import torch

from hfb.evaluate import guard
from hfb.evaluate.guard import GuardEvidence, guard_evidence, guarded, risk_of, start_of
from hfb.geometry import project
from hfb.init import Initialiser
from hfb.init.register.correspondence import CHANNEL_NAMES, correspondence
from hfb.motion import evaluate
from hfb.refine import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.result import Refinement
from hfb.render import RenderSettings
from hfb.structures import BlurSample, Camera, InitialEstimate, SeenLandmarks


class Reader(Initialiser):
    """Reads where the brightest pixel is; all channels lie there."""

    def __call__(self, image, background, camera, body):
        raise NotImplementedError

    def read_again(self, images, near):
        flat = images.sum(1).flatten(1).argmax(1)
        width = images.shape[-1]
        xy = torch.stack([flat % width, flat // width], -1).float()
        spread = torch.arange(len(CHANNEL_NAMES)).float()[None, :, None]
        return SeenLandmarks(xy[:, None] + spread, torch.ones(len(images), len(CHANNEL_NAMES)))


@pytest.fixture
def judged(known, body):
    """A fit of the known problem that is the truth, with all that the guard asks."""
    problem = known.problem
    pose, transl = evaluate(known.truth, torch.tensor([0.5]))
    posed = body(replace(problem.start, pose_rotmat=pose[:, 0], transl=transl[:, 0]))
    table = correspondence(body)
    points = torch.cat([posed.joints, posed.verts[:, table.vertices]], 1)
    xy = project(table.from_points.to(points) @ points, problem.camera)
    seen = SeenLandmarks(xy, torch.ones(xy.shape[:2]))
    problem = replace(problem, landmarks=seen)
    camera = Camera(problem.camera.focal[0], problem.camera.principal_point[0], 96, 96)
    fit = Refinement(
        "known", known.truth.index(0), problem.start.betas[0], torch.full((3, 8, 8), 0.5), camera,
        4, "linear", 0.0,
    )  # fmt: skip
    estimate = InitialEstimate(
        problem.start.betas, problem.start.pose_rotmat, problem.start.transl, camera,
        torch.ones(1), body.identity, "test", landmarks=seen,
    )  # fmt: skip
    sample = BlurSample("known", problem.image, problem.background[0])
    item = InitialisedFrame(sample, estimate, problem.alpha[0], camera, True)
    return fit, item, problem


def test_the_truth_is_better_than_the_start_by_all_that_is_measured(judged, body, small_settings):
    fit, item, problem = judged
    fitter = Fitter(body, small_settings, RenderSettings())
    found = guard_evidence(fit, start_of(fit, problem), item, problem, fitter, None)
    assert found.seen < -0.5
    assert found.matte > 5.0
    assert found.turned > 0.1
    assert math.isnan(found.read)
    assert math.isnan(found.prior)
    worse = replace(fit, motion=start_of(fit, problem).motion)
    none = guard_evidence(worse, start_of(fit, problem), item, problem, fitter, None)
    assert none.seen == pytest.approx(0.0, abs=1e-4)
    assert none.matte == pytest.approx(0.0, abs=1e-3)
    assert none.turned == pytest.approx(0.0, abs=1e-3)


def test_a_detector_reads_both_drawings(judged, body, small_settings):
    fit, item, problem = judged
    fitter = Fitter(body, small_settings, RenderSettings())
    # The photo's brightest point is the fit's hand; a start elsewhere is read elsewhere.
    bright = replace(fit, texture=torch.ones(3, 8, 8))
    start = replace(start_of(bright, problem), texture=torch.ones(3, 8, 8))
    far = start.motion.with_coeffs(start.motion.coeffs.clone())
    far.coeffs[0, 0, 0] += 0.5
    found = guard_evidence(bright, replace(start, motion=far), item, problem, fitter, Reader())
    assert found.read < 0.0


def test_the_risk_grows_with_what_speaks_against_the_fit(monkeypatch):
    monkeypatch.setattr(guard, "_INTERCEPT", 0.0)
    slopes = {"read": 1.0, "seen": 1.0, "matte": 0.0, "prior": 1.0, "turned": 1.0}
    monkeypatch.setattr(guard, "_SLOPES", slopes)
    none = GuardEvidence(math.nan, 0.0, 0.0, math.nan, 0.0)
    assert risk_of(none) == 0.5
    for name in ("read", "seen", "prior", "turned"):
        assert risk_of(replace(none, **{name: 1.0})) == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert risk_of(replace(none, seen=1e9)) == pytest.approx(1.0)


@pytest.mark.parametrize(("limit", "goes_back"), [(1.0, False), (-1.0, True)])
def test_a_pose_that_is_doubted_goes_back(judged, body, small_settings, monkeypatch, limit,
                                          goes_back):  # fmt: skip
    fit, item, problem = judged
    monkeypatch.setattr(guard, "MOST_RISK", limit)
    fitter = Fitter(body, small_settings, RenderSettings())
    kept, verdict = guarded(fit, item, problem, fitter, None)
    assert verdict.went_back is goes_back
    assert torch.equal(kept.motion.coeffs[1:], fit.motion.coeffs[1:])
    pose, _ = kept.poses(torch.tensor([fit.motion.time_origin]))
    own = (problem.start.pose_rotmat if goes_back else fit.poses(torch.tensor([0.5]))[0])[0]
    torch.testing.assert_close(pose[0], own, atol=1e-5, rtol=0)
