from dataclasses import replace

from hfb.evaluate.methods import settings_of
from hfb.refine import RefineSettings


def test_without_motion_prior_nothing_asks_it() -> None:
    settings = RefineSettings(weights={"adversarial": [0.5, 0.1, 0.0]}, expected_motion=1.0)
    assert settings_of("hfb", settings) is settings
    without = settings_of("hfb_without_amp", settings)
    assert not without.needs_motion_prior
    assert without == replace(settings, weights={"adversarial": 0.0}, expected_motion=0.0)
