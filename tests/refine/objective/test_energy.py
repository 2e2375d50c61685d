"""The register of loss terms, and terms of one's own."""

import pytest
import torch

from hfb.errors import InputError
from hfb.prior import MixturePosePrior
from hfb.refine import Fitter, RefineModule, RefineSettings, Stage, register_term, unregister_term
from hfb.refine.objective.energy import available_weights, needs_layers
from hfb.refine.objective.terms import known_terms
from hfb.render import RenderSettings


@pytest.fixture
def registered():
    """Forgets the terms that a test registers."""
    before = set(known_terms())
    yield
    for name in set(known_terms()) - before:
        unregister_term(name)


@pytest.mark.usefixtures("registered")
def test_a_term_of_ones_own_is_a_function_and_a_weight(known):
    @register_term("nearness")
    def nearness_term(prediction, context):
        """Squared distance from a place 3 m before the camera."""
        return (prediction.motion.base_transl[:, 2] + prediction.motion.coeffs[:, 0, 0, 2] - 3) ** 2

    depths = {}
    for weight in (0.0, 5.0):
        settings = RefineSettings(
            weights={"image": 3.0, "matting": 1.0, "depth_anchor": 0.0, "nearness": weight},
            stages=[Stage(5)], image_size=96, texture_size=32, num_subframes=2,
        )  # fmt: skip
        fitter = Fitter(known.body, settings, RenderSettings(num_threads=1))
        module = fitter.refine(known.problem, torch.zeros(1, dtype=torch.long))
        assert ("nearness" in module.history[-1]) == (weight > 0.0)
        depths[weight] = float(module.transl[0, 0, 0, 2].detach())
    assert depths[5.0] < depths[0.0] - 0.02


@pytest.mark.usefixtures("registered")
def test_a_plugin_brings_its_terms(tmp_path, monkeypatch):
    text = (
        "from hfb.refine import register_term\n"
        "@register_term('stillness', weight=0.25)\n"
        "def stillness_term(prediction, context):\n"
        "    return prediction.motion.coeffs[:, 1:].square().sum((-3, -2, -1))\n"
    )
    (tmp_path / "terms_of_a_test.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="no loss term stillness"):
        RefineSettings(weights={"stillness": 1.0})
    assert RefineSettings(plugins=["terms_of_a_test"]).weights_of(0)["stillness"] == 0.25
    assert RefineSettings(weights={"stillness": 1.0}).weights_of(2)["stillness"] == 1.0


@pytest.mark.usefixtures("registered")
def test_names_are_taken_once():
    def first(prediction, context):
        return prediction.betas[:, 0]

    register_term("first")(first)
    assert known_terms()["first"].weight == 0.0
    register_term("first", weight=1.0)(first)  # its module was loaded again
    assert known_terms()["first"].weight == 1.0
    with pytest.raises(InputError, match=r"'pose' of .*registered already, by hfb\.refine"):
        register_term("pose")(first)
    for name in ("total", "two words"):
        with pytest.raises(InputError, match="must be an identifier other than 'total'"):
            register_term(name)
    with pytest.raises(InputError, match=r"cold=-1\.0: must be finite"):
        register_term("cold", weight=-1.0)
    unregister_term("first")
    with pytest.raises(InputError, match="no loss term first"):
        unregister_term("first")


def test_terms_that_lack_what_they_need_are_left_out(body, known, small_settings):
    settings = small_settings.with_weights(adversarial=1.0)
    module = RefineModule(body, known.problem, settings, RenderSettings())
    weights = settings.weights_of(0)
    missing = {"texture", "pose", "adversarial", "boundary", "landmarks"}
    expected = {name: 0.0 if name in missing else value for name, value in weights.items()}
    assert available_weights(weights, module.context) == expected
    assert module.weights == expected
    module = RefineModule(body, known.problem, settings, RenderSettings(), MixturePosePrior())
    assert module.weights == {**expected, "pose": 0.05}


def test_only_the_background_looks_at_single_subframes():
    weights = RefineSettings().weights_of(0)
    assert not needs_layers(dict.fromkeys(weights, 1.0) | {"background": 0.0})
    assert needs_layers(weights | {"background": 0.1})


def test_every_term_says_which_equation_it_is():
    for name, term in known_terms().items():
        text = term.compute.__doc__
        assert any(word in text for word in ("eq.", "section", "not in the paper")), name
