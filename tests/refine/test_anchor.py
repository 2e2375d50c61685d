"""The pose anchor holds each joint as its initial estimate is sure of it."""

from dataclasses import replace

import pytest
import torch

from hfb.errors import InputError
from hfb.losses import anchor_stiffness, depth_anchor_loss, pose_anchor_loss
from hfb.refine import Fitter, RefineSettings, Stage, join_problems
from hfb.refine.problem import RefineProblem, build_problem
from hfb.render import RenderSettings
from hfb.structures import BlurSample, InitialEstimate

LEFT_SHOULDER, RIGHT_SHOULDER = 16, 17


@pytest.fixture
def short(small_settings) -> RefineSettings:
    return replace(small_settings, stages=[Stage(25)], anchor_sigma=0.3)


def with_sigma(problem: RefineProblem, left: float, right: float) -> RefineProblem:
    """The same problem, its start sure of one shoulder and less of the other."""
    sigma = torch.full((1, 24), 0.3)
    sigma[:, LEFT_SHOULDER], sigma[:, RIGHT_SHOULDER] = left, right
    return replace(problem, joint_sigma=sigma)


def test_stiffness_is_the_inverse_variance_and_one_where_nothing_is_known():
    sigma = torch.tensor([0.3, 0.6, 0.15, 0.001, float("nan")])
    stiffness = anchor_stiffness(sigma, usual=0.3, most=10.0)
    torch.testing.assert_close(stiffness, torch.tensor([1.0, 0.25, 4.0, 10.0, 1.0]))
    assert torch.equal(anchor_stiffness(sigma, usual=0.0, most=10.0), torch.ones(5))


def test_the_anchor_weighs_each_joint(generator):
    coeffs = torch.randn(2, 3, 25, 3, generator=generator)
    stiffness = torch.rand(2, 24, generator=generator)
    by_hand = [
        sum(float(stiffness[p, j] * coeffs[p, 0, 1 + j].square().sum()) for j in range(24))
        for p in range(2)
    ]
    assert pose_anchor_loss(coeffs, stiffness=stiffness).tolist() == pytest.approx(by_hand)
    assert torch.equal(pose_anchor_loss(coeffs, stiffness=torch.ones(2, 24)),
                       pose_anchor_loss(coeffs))  # fmt: skip


def test_an_uncertain_joint_moves_and_a_certain_one_is_held(body, known, short):
    fitter = Fitter(body, short, RenderSettings())
    groups = torch.arange(2)
    either = [with_sigma(known.problem, 1.0, 0.02), with_sigma(known.problem, 0.02, 1.0)]
    both = fitter.refine(join_problems(either), groups)
    left = both.pose.detach()[:, 0, LEFT_SHOULDER - 1].norm(dim=-1)
    right = both.pose.detach()[:, 0, RIGHT_SHOULDER - 1].norm(dim=-1)
    assert float(left[0]) > 1.2 * float(left[1])
    assert float(right[1]) > 1.2 * float(right[0])


def test_a_start_without_uncertainties_is_refined_as_ever(body, known, short):
    fitter = Fitter(body, short, RenderSettings())
    none_known = fitter.refine(join_problems([known.problem, known.problem]), torch.arange(2))
    beside = join_problems([known.problem, with_sigma(known.problem, 1.0, 0.02)])
    assert beside.joint_sigma is not None
    assert bool(beside.joint_sigma[0].isnan().all())
    together = fitter.refine(beside, torch.arange(2))
    assert torch.equal(together.pose[:1], none_known.pose[:1])
    assert not torch.equal(together.pose[1:], none_known.pose[1:])
    picked = beside.index([1])
    assert picked.joint_sigma is not None
    assert float(picked.joint_sigma[0, LEFT_SHOULDER]) == 1.0


def test_uncertainties_reach_the_problem_and_can_be_ignored(body, known, short):
    problem = known.problem
    estimate = InitialEstimate(
        betas=problem.start.betas.expand(2, -1),
        pose_rotmat=problem.start.pose_rotmat.expand(2, -1, -1, -1),
        transl=problem.start.transl.expand(2, -1),
        camera=replace(
            problem.camera,
            focal=problem.camera.focal[0],
            principal_point=problem.camera.principal_point[0],
        ),
        score=torch.tensor([1.0, 0.5]),
        body=body.identity,
        source="test",
        joint_sigma=torch.stack([torch.full((24,), 0.1), torch.full((24,), 0.2)]),
    )
    sample = BlurSample(sample_id="known", blurry=problem.image, background=problem.background[0])
    for count in (1, 2):
        built = build_problem(sample, estimate, problem.alpha[0], 96, 0.1, count)
        assert built.joint_sigma is not None
        assert built.joint_sigma.shape == (count, 24)
    for probability, count in (([0.6, 0.1], 2), ([0.9, 0.0], 1), (None, 1)):
        known_as = None if probability is None else torch.tensor(probability)
        likely = replace(estimate, probability=known_as)
        built = build_problem(sample, likely, problem.alpha[0], 96, 0.1, "auto")
        assert len(built) == count
        other = replace(built, probability=None)
        joined = join_problems([other, built]).probability
        if known_as is None:
            assert joined is None
        else:
            assert joined is not None
            torch.testing.assert_close(joined, torch.cat([torch.ones(count), known_as[:count]]))
    indifferent = Fitter(body, replace(short, anchor_sigma=0.0), RenderSettings())
    uniform = indifferent.refine(problem, torch.arange(1))
    uncertain = indifferent.refine(with_sigma(problem, 1.0, 0.02), torch.arange(1))
    assert torch.equal(uniform.pose, uncertain.pose)


def test_a_negative_usual_uncertainty_is_refused():
    with pytest.raises(InputError, match="anchor_sigma"):
        replace(RefineSettings(), anchor_sigma=-0.1)


def test_an_outline_wider_than_the_body_does_not_make_it_lean(body, known, short):
    """As clothes do: the body comes nearer to fill it, and would lean to be no taller."""
    problem = replace(
        known.problem,
        alpha=torch.nn.functional.max_pool2d(known.problem.alpha, (1, 7), stride=1, padding=(0, 3)),
    )
    start = body(problem.start).joints
    moved = {}
    for weight in (0.0, 10.0):
        settings = replace(short, stages=[Stage(60)]).with_only(matting=1.0, depth_anchor=weight)
        module = Fitter(body, settings, RenderSettings()).refine(problem, torch.zeros(1).long())
        with torch.no_grad():
            joints = module.predict().joints.mean(1)
        moved[weight] = float(depth_anchor_loss(joints, start)) ** 0.5
    assert moved[0.0] > 0.03
    assert moved[10.0] < 0.5 * moved[0.0]
