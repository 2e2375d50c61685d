from dataclasses import replace

from hfb.evaluate.methods import settings_of
from hfb.fit import RefineSettings, Stage
from hfb.losses import LossWeights


def test_without_motion_prior_nothing_asks_it() -> None:
    stages = [Stage(3, LossWeights(adversarial=0.5)), Stage(2, LossWeights(adversarial=0.1))]
    settings = RefineSettings(stages=stages, expected_motion=1.0)
    assert settings_of("hfb", settings) is settings
    without = settings_of("hfb_without_amp", settings)
    assert not without.needs_motion_prior
    again = [replace(s, weights=replace(s.weights, adversarial=0.0)) for s in stages]
    assert without == replace(settings, stages=again, expected_motion=0.0)
