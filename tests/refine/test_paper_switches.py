"""The switches that bring the paper's letter back, in a refinement."""

from dataclasses import replace

import pytest
import torch

from hfb.app.configured import configured_model
from hfb.geometry import rotmat_to_rotvec
from hfb.motion import evaluate, subframe_times
from hfb.prior import MixturePosePrior, load_motion_prior
from hfb.refine import RefineModule
from hfb.refine.objective.energy import loss_terms
from hfb.render import RenderSettings


@pytest.fixture
def module(known, small_settings):
    """Makes the fit of the known problem with some settings, moving."""

    def make(weights=None, **changes):
        settings = replace(small_settings, **changes)
        if weights is not None:
            settings = settings.with_only(**weights)
        made = RefineModule(
            known.body,
            known.problem,
            settings,
            RenderSettings(num_threads=1),
            MixturePosePrior(),
            motion_prior=load_motion_prior(),
        )
        with torch.no_grad():
            made.motion.copy_(
                0.2 * torch.randn(made.motion.shape, generator=torch.Generator().manual_seed(0))
            )
        return made

    return make


def test_subframes_from_one_end_to_the_other(module):
    fit = module(subframes="ends", time_origin=0.0, parameterization="paper", expected_motion=0.0)
    pose = fit.predict().pose_rotmat
    at_start, _ = evaluate(fit.polynomial_motion(), torch.tensor([0.0]))
    at_end, _ = evaluate(fit.polynomial_motion(), torch.tensor([1.0]))
    assert torch.equal(pose[:, :1], at_start)
    assert torch.equal(pose[:, -1:], at_end)
    assert subframe_times(3, at_ends=True).tolist() == [0.0, 0.5, 1.0]
    assert subframe_times(1, at_ends=True).tolist() == [0.0]
    assert not torch.allclose(module().predict().pose_rotmat[:, :1], at_start)


def test_the_pose_prior_over_all_subframes(module):
    values = {}
    for which in ("middle", "all"):
        fit = module({"pose": 1.0}, pose_subframes=which)
        prediction = fit.predict()
        values[which] = loss_terms(prediction, fit.context, fit.weights)["pose"]
    prior = fit.context.pose_prior
    poses = [
        rotmat_to_rotvec(prediction.pose_rotmat[:, n, 1:]).flatten(-2)
        for n in range(prediction.pose_rotmat.shape[1])
    ]
    expected = sum(prior(pose) for pose in poses) / len(poses)
    torch.testing.assert_close(values["all"], expected)
    assert (values["all"] - values["middle"]).abs().max() > 1e-4


def test_the_background_as_one_number_a_subframe(module):
    fit = module({"background": 1.0}, background_kind="image", background_epsilon=1e-6)
    prediction = fit.predict()
    (value,) = loss_terms(prediction, fit.context, fit.weights)["background"]
    behind, images = fit.context.background[0], prediction.layers.rgb[0].detach()
    distances = [float((behind - image).abs().mean()) for image in images]
    expected = sum(1.0 / (distance + 1e-6) for distance in distances) / len(distances)
    assert float(value.detach()) == pytest.approx(expected, rel=1e-5)
    # v_j of eq. 5 stays what is seen, though sub-frames are drawn one by one.
    assert not prediction.exposure.visible_faces.all()


def test_the_motion_prior_is_asked_as_often_as_the_settings_say(module):
    assert module(adversarial_every=1).context.motion_energy.every == 1
    assert module().context.motion_energy.every == 24


def test_neighbouring_texels_of_faces_that_touch():
    counts = {}
    for steps in (1, 2):
        model = configured_model(None, {"texel_steps": steps, "texture_size": 32})
        pipeline = model.pipeline()
        pipeline.fitter()
        counts[steps] = len(pipeline._pairs)
    assert counts[1] < counts[2]
