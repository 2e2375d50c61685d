"""Consecutive photos fitted together; single photos, which know nothing of boundaries."""

from dataclasses import replace

import pytest
import torch
from photo_sequences import quick, two_photos

from hfb.losses import boundary_loss
from hfb.motion import PolynomialMotion
from hfb.refine import Fitter, RefineModule, Stage, join_problems
from hfb.refine.objective import energy as refine_terms
from hfb.refine.sequence.boundaries import (
    Gap,
    PreviousWindow,
    Sequences,
    boundary_states,
    boundary_times,
)
from hfb.render import RenderSettings


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


def test_depths_are_held_of_single_photos_only(body, make_known, small_settings):
    settings = quick(small_settings.with_weights(depth_anchor=1.0), Stage(1))
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    problem = two_photos(make_known)
    assert "depth_anchor" not in fitter.refine(problem, torch.arange(2)).history[0]
    assert "depth_anchor" in fitter.refine(problem.alone(), torch.arange(2)).history[0]


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
