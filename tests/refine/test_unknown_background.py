"""Where the background was never seen only what the person covers is compared."""

from dataclasses import replace

import torch

from hfb.refine.fitter import Fitter
from hfb.refine.problem import RefineProblem, build_problem
from hfb.refine.recipe.settings import Stage
from hfb.render import RenderSettings
from hfb.structures import BlurSample, BodyIdentity, InitialEstimate


def estimate_of(problem: RefineProblem) -> InitialEstimate:
    return InitialEstimate(
        problem.start.betas,
        problem.start.pose_rotmat,
        problem.start.transl,
        problem.camera.index(0),
        torch.zeros(1),
        BodyIdentity("free_body"),
        "test",
    )


def test_unknown_pixels_weigh_as_much_as_the_person_covers_them(known):
    problem = known.problem
    side = problem.image.shape[-1]
    seen = torch.ones(1, side, side)
    seen[:, : side // 2] = 0.0
    sample = BlurSample("s", problem.image, problem.background[0], background_known=seen)
    estimate = estimate_of(problem)
    built = build_problem(sample, estimate, problem.alpha[0], 64, 0.1)
    plain = build_problem(
        replace(sample, background_known=None), estimate, problem.alpha[0], 64, 0.1
    )
    torch.testing.assert_close(built.alpha, plain.alpha)
    unknown, covered = built.valid < 0.99 * plain.valid, built.alpha > 0.99
    beyond_the_border = (built.valid - built.alpha).abs() > 1e-6
    assert float(beyond_the_border[unknown].float().mean()) < 0.03
    assert bool((built.valid[covered] > 0.99).all()), "they stand where it is unknown"
    assert int((built.valid == 0.0).sum()) > 0.2 * built.valid.numel()


def test_where_others_are_nothing_counts_not_even_a_matte(known):
    problem = known.problem
    side = problem.image.shape[-1]
    others = torch.zeros(1, 1, side, side)
    others[..., side // 2 :] = 1.0
    sample = BlurSample("s", problem.image, problem.background[0], others=others)
    built = build_problem(sample, estimate_of(problem), problem.alpha[0], 64, 0.1)
    plain = build_problem(
        replace(sample, others=None), estimate_of(problem), problem.alpha[0], 64, 0.1
    )
    ratio = (built.valid / plain.valid.clamp(min=1e-6))[plain.valid > 0.99]
    assert set(ratio.round(decimals=1).tolist()) >= {0.0, 1.0}
    assert 0.2 < float(ratio.mean()) < 0.8
    assert bool(((built.alpha > 0.9) & (built.valid == 0.0)).any()), "the person is behind them"


def test_a_matte_found_again_stays_where_the_background_is_unknown(body, known, small_settings):
    problem = replace(known.problem, matte_is_given=(False,))
    valid = problem.valid.clone()
    valid[..., : valid.shape[-1] // 2] = 0.0
    settings = replace(small_settings, stages=[Stage(3, refresh_matte=True), Stage(2)])
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    group = torch.arange(len(problem))
    module = fitter.refine(replace(problem, valid=valid), group)
    same = module.problem.alpha == problem.alpha
    assert bool(same[valid == 0.0].all())
    assert not bool(same[valid == 1.0].all())
