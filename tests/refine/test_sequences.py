"""Consecutive photos: boundaries that are exactly zero, directions, unknown gaps, single photos."""

from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch

from hfb.body import load_body
from hfb.errors import InputError
from hfb.geometry import default_camera, rotvec_to_rotmat
from hfb.losses import boundary_loss
from hfb.motion import PolynomialMotion, evaluate, reverse, static_motion
from hfb.refine import Fitter, RefineModule, RefineSettings, Stage, join_problems
from hfb.refine import energy as refine_terms
from hfb.refine.frames import frames_of
from hfb.refine.result import refinements_of
from hfb.refine.sequence.boundaries import (
    Gap,
    PreviousWindow,
    Sequences,
    boundary_states,
    boundary_times,
    check_exposures,
    shutter_times,
)
from hfb.refine.sequence.gap_likelihood import gaps_of_joints
from hfb.refine.sequence.shutter_gap import (
    FIT_STRETCH,
    blur_in_crop,
    find_gaps,
    free_settings,
    second_settings,
)
from hfb.refine.sequence.viterbi import backward_photos, cheapest_path, select_consistent_hypotheses
from hfb.render import RenderSettings
from hfb.structures import BlurSample, BodyParams, InitialEstimate

GAPS = (0.0, 0.3)
TRUNK = [0, 1, 2, 3, 6, 9, 12]


@pytest.fixture(scope="module")
def body64():
    return load_body(dtype=torch.float64)


def long_motion(generator: torch.Generator, degree: int = 2) -> PolynomialMotion:
    """One motion of a few seconds, t in s."""
    pose = rotvec_to_rotmat(0.4 * torch.randn(1, 24, 3, dtype=torch.float64, generator=generator))
    still = static_motion(pose, torch.tensor([[0.0, 0.2, 4.0]], dtype=torch.float64), degree)
    coeffs = 0.8 * torch.randn(still.coeffs.shape, dtype=torch.float64, generator=generator)
    return still.with_coeffs(coeffs)


def cut(motion: PolynomialMotion, exposure: torch.Tensor) -> PolynomialMotion:
    """The pieces of a long motion inside each exposure, as motions over [0, 1]."""
    rows = []
    for opening, closing in exposure.tolist():
        length, middle = closing - opening, opening + 0.5 * (closing - opening)
        c0, c1, c2 = motion.coeffs[0]
        u = middle - motion.time_origin
        rows.append(
            torch.stack([c0 + c1 * u + c2 * u**2, (c1 + 2 * c2 * u) * length, c2 * length**2])
        )
    count = len(rows)
    return PolynomialMotion(
        torch.stack(rows),
        motion.base_rotmat.expand(count, -1, -1, -1),
        motion.base_transl.expand(count, -1),
        0.5,
        "tangent",
    )


def exposures(count: int, gap: float, uneven: bool = False) -> torch.Tensor:
    """Exposures of a tenth of a second; `gap` is the shut part of the frame time."""
    lengths = torch.full((count,), 0.1, dtype=torch.float64)
    if uneven:
        lengths = lengths * torch.linspace(0.7, 1.3, count, dtype=torch.float64)
    opening = torch.cat([lengths.new_zeros(1), (lengths / (1 - gap)).cumsum(0)[:-1]])
    return torch.stack([opening, opening + lengths], 1)


def violation(motion, exposure, body, share=0.5, gap=None, before=None):
    sequences = Sequences(torch.zeros(len(exposure), dtype=torch.long), exposure, True, before)
    estimated = None if gap is None else exposure.new_tensor([gap])
    meeting = boundary_times(sequences, share, estimated)
    betas = exposure.new_zeros(len(exposure), 10)
    return boundary_loss(*boundary_states(motion, betas, sequences, meeting, body))


def read_gaps(motion, sequences, body):
    """From motions that no fit has shortened."""
    pose, transl = evaluate(motion, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    params = BodyParams(transl.new_zeros(*transl.shape[:2], 10), pose, transl)
    return gaps_of_joints(body.joints(params), sequences)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("gap", GAPS)
def test_one_long_motion_cut_into_photos_violates_nothing(generator, body64, gap, share):
    exposure = exposures(4, gap, uneven=True)
    motion = cut(long_motion(generator), exposure)
    assert float(violation(motion, exposure, body64, share).max()) < 1e-12
    # It is the gap that makes them meet: without it they do not.
    shut = exposure.clone()
    shut[:, 1] += 0.02
    assert float(violation(motion, shut, body64, share).min()) > 1e-3


def test_the_photo_before_a_window_takes_part_as_it_is(generator, body64):
    exposure = exposures(3, 0.3)
    motion = cut(long_motion(generator), exposure)
    parts = [
        PolynomialMotion(
            motion.coeffs[k], motion.base_rotmat[k], motion.base_transl[k], 0.5, "tangent"
        )
        for k in (slice(0, 1), slice(1, 3))
    ]
    none = torch.zeros(10, dtype=torch.float64)
    before = PreviousWindow(none, torch.zeros(3, 4, 4), parts[0], exposure[0])
    found = violation(parts[1], exposure[1:], body64, before=before)
    assert found.shape == (2,)
    assert float(found.max()) < 1e-12


@pytest.mark.parametrize("truth", [0.0, 0.1, 0.25, 0.5])
def test_an_unknown_gap_is_read_off_the_motions_whichever_way_they_run(generator, body64, truth):
    """Two sequences; photos, and single joints by the noise, run backwards."""
    exposure = exposures(3, truth)
    motions = [cut(long_motion(generator), exposure) for _ in range(2)]
    parts = zip(*((m.coeffs, m.base_rotmat, m.base_transl) for m in motions), strict=True)
    motion = PolynomialMotion(*(torch.cat(part) for part in parts), 0.5, "tangent")
    is_back = torch.tensor([True, False, False, False, True, True])
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    coeffs[:, 1, 1 + 18] *= -1.0  # an elbow
    unknown = exposure.repeat(2, 1)
    unknown[:, 1] = unknown[:, 0] + 0.1 / (1.0 - truth)
    sequences = Sequences(torch.tensor([0, 0, 0, 1, 1, 1]), unknown, False)
    found = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
    # The mean over what is likely cannot lie on the edge, 0.
    assert [gap.share for gap in found] == pytest.approx([truth, truth], abs=0.04)
    torch.testing.assert_close(shutter_times(unknown[:3], [Gap(truth, 0.1)] * 3), exposure)
    # Each for itself: the other one may be ten times as far away.
    shift = torch.tensor([0.0] * 3 + [40.0] * 3, dtype=torch.float64)
    coeffs[:, 0, 0, 2] += shift
    again = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
    assert again[0].share == pytest.approx(found[0].share, abs=1e-9)
    # Fits come out shorter.
    coeffs[:, 1:] /= FIT_STRETCH
    again = find_gaps(motion.with_coeffs(coeffs), exposure.new_zeros(6, 10), sequences, body64)
    assert again[0].share == pytest.approx(found[0].share, abs=5e-3)


def test_an_unknown_gap_is_not_shortened_by_the_noise_of_slow_motions(body64):
    """Noise lengthens the ways during the exposures; it must not pass for a shutter less shut."""
    errors = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        exposure = exposures(2, 0.5)
        motion = long_motion(generator)
        motion = cut(motion.with_coeffs(0.3 * motion.coeffs), exposure)
        noise = torch.randn(2, 25, 3, dtype=torch.float64, generator=generator)
        coeffs = motion.coeffs.clone()
        coeffs[:, 1] += 0.02 * noise
        sequences = Sequences(torch.zeros(2, dtype=torch.long), exposure, False)
        [found] = read_gaps(motion.with_coeffs(coeffs), sequences, body64)
        errors.append(found.share - 0.5)
    assert sum(errors) / len(errors) > -0.12  # ways taken as they are: -0.23


def test_photos_go_on_from_where_others_ended_moving_as_their_places_say(
    body, make_known, small_settings
):
    problem = two_photos(make_known)
    settings = quick(small_settings, Stage(3))
    render_settings = RenderSettings(num_threads=1)
    fitted = Fitter(body, settings, render_settings).refine(problem, torch.arange(2))
    module = RefineModule(body, problem, settings, render_settings, gap=torch.tensor([0.2]))
    module.restart_from(fitted)
    for name in ("transl", "root", "pose", "betas", "texture"):
        torch.testing.assert_close(getattr(module, name), getattr(fitted, name))
    apart = fitted.polynomial_motion().with_coeffs(fitted.polynomial_motion().coeffs.detach())
    _, middle = evaluate(apart, torch.tensor([0.5]))
    way = 0.8 * (middle[1, 0] - middle[0, 0])
    torch.testing.assert_close(module.motion[:, 0, 0].detach(), way.expand(2, 3))
    assert float(module.motion[:, 1:].detach().abs().max()) == 0.0


def test_blur_is_measured_in_pixels_of_the_crop():
    rod = torch.stack([torch.zeros(9), torch.linspace(-1.0, 1.0, 9), torch.full((9,), 4.0)], -1)
    slides = torch.tensor([-0.05, 0.0, 0.05])[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    settings = replace(RefineSettings(), image_size=248, crop_margin=0.12)
    assert blur_in_crop((rod + slides)[None], settings).item() == pytest.approx(10.0)


def test_a_matte_without_its_faint_edges_does_not_shorten_ways(body, make_known, small_settings):
    """With the weights of the fit before, the person who slides by 25 cm would go 19."""
    still = make_known().truth
    slide = torch.zeros_like(still.coeffs)
    slide[:, 1, 0, 0] = 0.25
    truth = still.with_coeffs(slide)
    made = make_known(truth=truth).problem
    start = BodyParams(torch.zeros(1, 10), truth.base_rotmat, truth.base_transl)
    problem = replace(made, start=start, alpha=((made.alpha - 0.2) / 0.6).clamp(0.0, 1.0))
    settings = small_settings.with_weights(image=50.0, matting=0.3)
    settings = quick(replace(settings, num_subframes=8), Stage(60))

    def way(settings):
        fitted = Fitter(body, settings, RenderSettings(num_threads=1))
        motion = fitted.refine(problem, torch.arange(1)).polynomial_motion()
        pose, transl = evaluate(motion, torch.tensor([0.0, 1.0]))
        joints = body.joints(BodyParams(torch.zeros(1, 2, 10), pose, transl)).detach()
        return abs(float((joints[0, 1] - joints[0, 0])[TRUNK, 0].mean()))

    assert way(settings) < 0.2
    assert way(second_settings(settings)) == pytest.approx(0.25, abs=0.025)


class Steps(pl.Callback):
    """Notes the steps of all fits."""

    def __init__(self, steps):
        self.steps = steps

    def on_train_batch_end(self, trainer, *args):
        self.steps.append(trainer.global_step)


def test_an_unknown_gap_is_found_before_the_photos_meet(body, make_known, small_settings):
    problem = two_photos(make_known)
    untimed = replace(problem, sequences=replace(problem.sequences, is_timed=False))
    stages = Stage(4, choose_directions=True), Stage(3)
    settings = quick(small_settings, *stages)
    free = free_settings(settings)
    assert [stage.num_steps for stage in free.stages] == [4]
    assert free.weights_of(0) == {**settings.weights_of(0), "boundary": 0.0}
    assert free.start_noise == 0.0
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    steps = []
    fitted = fitter.refine(untimed, torch.arange(2), [Steps(steps)])
    assert steps == [1, 2, 3, 4, 1, 2, 3, 4, *range(1, 8)]
    assert fitted.gap.shape == (1,)
    assert 0.0 <= float(fitted.gap) <= 0.75
    cameras = [default_camera(8, 8)] * 2
    one, two = (refinement.gap for refinement in refinements_of(fitted, cameras))
    assert one == two == fitted.found_gaps[0]
    assert float(fitted.gap) == pytest.approx(one.share)
    assert one.sigma > 0.05  # of a few steps nothing is sure
    # Told the closings that this gap means, the same fit begins. (Where photos are alike, the signs
    # of L1 differences soon depend on rounding.)
    closing = 0.1 * (1.0 - float(fitted.gap))
    exposure = torch.tensor([[0.0, closing], [0.1, 0.1 + closing]])
    told = replace(problem, sequences=replace(problem.sequences, exposure=exposure))
    other = fitter.refine(told, torch.arange(2))
    assert other.gap is None
    assert [refinement.gap for refinement in refinements_of(other, cameras)] == [None, None]
    for name, value in fitted.history[0].items():
        torch.testing.assert_close(other.history[0][name], value, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("backwards", [(0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 1, 1), (1, 1, 1, 1)])
def test_reversed_photos_are_found(generator, body64, backwards, gap):
    exposure = exposures(4, gap)
    motion = cut(long_motion(generator), exposure)
    is_back = torch.tensor(backwards, dtype=torch.bool)
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    coeffs = coeffs + 0.005 * torch.randn(coeffs.shape, dtype=torch.float64, generator=generator)
    sequences = Sequences(torch.zeros(4, dtype=torch.long), exposure)
    betas = exposure.new_zeros(4, 10)
    meeting = boundary_times(sequences, 0.5)
    found = backward_photos(motion.with_coeffs(coeffs), betas, sequences, meeting, body64)
    assert found.tolist() == is_back.tolist()


def test_sequences_of_a_batch_are_chosen_apart_and_lone_photos_left_alone(generator, body64):
    exposure = exposures(3, 0.0)
    motion = cut(long_motion(generator), exposure)
    is_back = torch.tensor([True, False, False])
    coeffs = torch.where(is_back[:, None, None, None], reverse(motion).coeffs, motion.coeffs)
    sequences = Sequences(torch.tensor([0, 0, 1]), exposure)
    betas = exposure.new_zeros(3, 10)
    found = backward_photos(
        motion.with_coeffs(coeffs), betas, sequences, boundary_times(sequences, 0.5), body64
    )
    assert found.tolist() == [True, False, False]
    assert sequences.is_alone.tolist() == [False, False, True]


def test_cheapest_path_is_the_best_of_all_paths(generator):
    unary = torch.rand(4, 3, generator=generator)
    pairwise = torch.rand(3, 3, 3, generator=generator)
    unary[2, 1] = torch.inf
    found, cost = cheapest_path(unary, pairwise)
    grid = torch.cartesian_prod(*[torch.arange(3)] * 4)
    totals = sum(unary[k, grid[:, k]] for k in range(4))
    totals = totals + sum(pairwise[k, grid[:, k], grid[:, k + 1]] for k in range(3))
    assert found.tolist() == grid[int(totals.argmin())].tolist()
    assert cost == pytest.approx(float(totals.min()))


def test_a_pose_with_sides_swapped_is_outvoted_by_its_neighbours(body64):
    pose = torch.zeros(1, 24, 3, dtype=torch.float64)
    pose[:, 1, 0], pose[:, 16, 2] = -0.8, -1.0  # left leg forward, left arm down
    other = pose.clone()
    other[:, 2, 0], other[:, 17, 2] = -0.8, 1.0
    other[:, 1, 0], other[:, 16, 2] = 0.0, 0.0

    def estimate(first: torch.Tensor, second: torch.Tensor) -> InitialEstimate:
        return InitialEstimate(
            betas=torch.zeros(2, 10, dtype=torch.float64),
            pose_rotmat=rotvec_to_rotmat(torch.cat([first, second])),
            transl=torch.zeros(2, 3, dtype=torch.float64),
            camera=default_camera(8, 8),
            score=torch.tensor([1.0, 0.85], dtype=torch.float64),
            body=body64.identity,
            source="test",
        )

    starts = [estimate(pose, other), estimate(other, pose), estimate(pose, other)]
    agreed = select_consistent_hypotheses(starts, exposures(3, 0.3), body64)
    for found in agreed:
        torch.testing.assert_close(found.pose_rotmat[0], rotvec_to_rotmat(pose)[0])
    assert agreed[1].score.tolist() == [0.85, 1.0]
    lifted = [replace(start, unlifted=other) for start, other in zip(agreed, starts, strict=True)]
    for both, plain in zip(
        select_consistent_hypotheses(lifted, exposures(3, 0.3), body64), agreed, strict=True
    ):
        assert both.score.tolist() == plain.score.tolist()
        torch.testing.assert_close(both.unlifted.pose_rotmat, plain.pose_rotmat)


def test_a_detector_that_takes_one_leg_for_the_other_is_outvoted(generator, body64):
    """A stride; in the middle photo the legs are exchanged, and nothing else is offered."""
    pose = 0.1 * torch.randn(1, 24, 3, dtype=torch.float64, generator=generator)
    pose[:, 1, 0], pose[:, 2, 0], pose[:, 5, 0] = -0.6, 0.5, 0.4
    exchanged = pose.clone()
    legs, others = [1, 4, 7, 10, 2, 5, 8, 11], [2, 5, 8, 11, 1, 4, 7, 10]
    exchanged[:, legs] = pose[:, others] * torch.tensor([1.0, -1.0, -1.0])
    sigma = torch.rand(1, 24, dtype=torch.float64, generator=generator)

    def estimate(rotvec: torch.Tensor) -> InitialEstimate:
        return InitialEstimate(
            betas=torch.zeros(1, 10, dtype=torch.float64),
            pose_rotmat=rotvec_to_rotmat(rotvec),
            transl=torch.zeros(1, 3, dtype=torch.float64),
            camera=default_camera(8, 8),
            score=torch.ones(1, dtype=torch.float64),
            body=body64.identity,
            source="test",
            joint_sigma=sigma,
        )

    photos = [estimate(pose), estimate(exchanged), estimate(pose)]
    soon = 0.5 * exposures(3, 0.3)
    agreed = select_consistent_hypotheses(photos, soon, body64)
    for found in agreed:
        torch.testing.assert_close(found.pose_rotmat[0], rotvec_to_rotmat(pose)[0])
    assert [len(found) for found in agreed] == [1, 2, 1]
    torch.testing.assert_close(agreed[1].joint_sigma[0, legs], sigma[0, others])
    # Two photos cannot tell which of them is wrong, and in half a second a step is taken.
    later = 5.0 * soon
    for agreed in (
        select_consistent_hypotheses(photos[:2], soon[:2], body64),
        select_consistent_hypotheses(photos, later, body64),
    ):
        for found, start in zip(agreed, photos, strict=False):
            torch.testing.assert_close(found.pose_rotmat, start.pose_rotmat)


def test_exposures_that_overlap_or_have_no_length_are_one_clear_line():
    check_exposures("s", torch.tensor([[0.0, 0.1], [0.1, 0.2]]))
    with pytest.raises(InputError, match=r"^s: the gap .* 0 and 1 is negative \(-50\.0 ms\)"):
        check_exposures("s", torch.tensor([[0.0, 0.1], [0.05, 0.15]]))
    with pytest.raises(InputError, match=r"frame 1 ends at 0\.2 s, not after"):
        check_exposures("s", torch.tensor([[0.0, 0.1], [0.2, 0.2]]))


def test_samples_whose_photos_do_not_fit_together_are_refused():
    def sample(**changes) -> BlurSample:
        values = {
            "blurry": torch.zeros(2, 3, 8, 8),
            "background": torch.zeros(3, 8, 8),
            "exposure": torch.tensor([[0.0, 0.1], [0.1, 0.2]]),
        }
        return BlurSample("s", **(values | changes))

    assert [photo.sample_id for photo in frames_of(sample())] == ["s_photo0", "s_photo1"]
    estimate = InitialEstimate(
        torch.zeros(1, 10),
        torch.eye(3).expand(1, 24, 3, 3),
        torch.zeros(1, 3),
        default_camera(8, 8),
        torch.ones(1),
        load_body().identity,
        "test",
    )
    with pytest.raises(InputError, match="a starting pose in memory serves one photo"):
        frames_of(sample(estimate=estimate))
    with pytest.raises(InputError, match=r"gap between the exposures .* negative"):
        frames_of(sample(exposure=torch.tensor([[0.0, 0.1], [0.0, 0.1]])))
    single = sample(blurry=torch.zeros(1, 3, 8, 8), exposure=torch.tensor([[0.0, 0.1]]))
    assert frames_of(single)[0] is single


def test_window_and_meeting_settings_are_checked():
    with pytest.raises(InputError, match="overlap 4 must be in"):
        RefineSettings(window=4, overlap=4)
    with pytest.raises(InputError, match=r"gap_fraction 1\.5"):
        RefineSettings(gap_fraction=1.5)


def quick(settings: RefineSettings, *stages: Stage) -> RefineSettings:
    return replace(settings, stages=list(stages))


def test_single_photos_never_come_near_the_boundary(body, make_known, small_settings, monkeypatch):
    """Same parameters, same terms and the same bits as a photo that is a sequence of its own."""
    problem = join_problems([make_known().problem, make_known(offset=0.03).problem])
    settings = quick(small_settings, Stage(4, choose_directions=True))
    calls = []
    monkeypatch.setattr(refine_terms, "boundary_states", lambda *a: calls.append(a))
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    single = fitter.refine(problem, torch.arange(2))
    assert calls == []
    assert set(single.history[0]) == {"total", "image", "matting", "shape", "motion", "pose_anchor"}
    monkeypatch.undo()
    exposure = torch.tensor([[0.0, 0.1], [0.1, 0.2]])
    lone = replace(problem, sequences=Sequences(torch.arange(2), exposure))
    other = fitter.refine(lone, torch.arange(2))
    for name in ("transl", "root", "pose", "motion", "betas", "texture"):
        assert torch.equal(getattr(single, name), getattr(other, name)), name


def two_photos(make_known, exposure=((0.0, 0.1), (0.1, 0.2))):
    """The same photo twice, as if two: enough to look at what is shared."""
    problem = join_problems([make_known().problem, make_known(offset=0.02).problem])
    sequences = Sequences(torch.zeros(2, dtype=torch.long), torch.tensor(exposure))
    return replace(problem, sequences=sequences)


def test_photos_of_a_sequence_share_shape_and_texture_and_are_drawn_together(
    body, make_known, small_settings
):
    settings = quick(small_settings, Stage(6), Stage(2, choose_directions=True))
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    problem = two_photos(make_known)
    module = fitter.refine(problem, torch.arange(2))
    assert module.betas.shape == (1, 10)
    assert len(module.texture) == 1
    assert module.motion.shape[0] == 2
    assert module.gap is None  # known
    first, last = (float(module.history[k]["boundary"].sum()) for k in (0, 5))
    assert last < first
    both = join_problems([problem.alone(), problem.alone()])
    index = torch.tensor([0, 0, 1, 1])
    exposure = problem.sequences.exposure.repeat(2, 1)
    batch = fitter.refine(replace(both, sequences=Sequences(index, exposure)), torch.arange(4))
    for name in ("transl", "pose", "motion"):
        for part in (slice(0, 2), slice(2, 4)):
            torch.testing.assert_close(
                getattr(batch, name)[part], getattr(module, name), atol=1e-4, rtol=1e-4
            )
    torch.testing.assert_close(batch.betas[1:], module.betas, atol=1e-4, rtol=1e-4)


def test_what_a_window_leaves_to_the_next_one_stays_as_it_is(body, make_known, small_settings):
    problem = two_photos(make_known)
    module = RefineModule(body, problem, small_settings, RenderSettings(num_threads=1))
    motion = module.polynomial_motion()
    before = PreviousWindow(
        betas=torch.full((10,), 0.3),
        texture=torch.full((3, 32, 32), 0.7),
        motion=PolynomialMotion(
            motion.coeffs[:1].detach(), motion.base_rotmat[:1], motion.base_transl[:1], 0.5
        ),
        exposure=torch.tensor([-0.1, 0.0]),
        gap=Gap(0.2, 0.1),
    )
    sequences = replace(problem.sequences, before=before, is_timed=False)
    fitter = Fitter(body, quick(small_settings, Stage(3)), RenderSettings(num_threads=1))
    fitted = fitter.refine(replace(problem, sequences=sequences), torch.arange(2))
    torch.testing.assert_close(fitted.betas, before.betas[None])
    assert float((fitted.texture.detach() - 0.7).abs().max()) > 0.0
    assert float(fitted.gap) == pytest.approx(0.2)
    assert fitted.found_gaps == [before.gap]
    # Tied to the photo before, more firmly than photos that can both give way.
    timed = replace(sequences, is_timed=True)
    tied = RefineModule(
        body, replace(problem, sequences=timed), small_settings, RenderSettings(num_threads=1)
    )
    with torch.no_grad():
        prediction = tied.predict()
        _, found = tied.losses(prediction)
        states = boundary_states(
            prediction.motion, prediction.betas, timed, boundary_times(timed, 0.5), body
        )
    missed = boundary_loss(*states)
    assert float(missed[0]) > 0.0
    torch.testing.assert_close(found["boundary"], missed * torch.tensor([4.0, 1.0]))
