"""What can be evaluated: the refinement, the refinement without the motion prior, the start."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hfb.refine.settings import RefineSettings

Method = Literal["hfb", "hfb_without_amp", "static"]
TITLES: dict[str, str] = {
    "static": "static start",
    "hfb": "Human from Blur",
    "hfb_without_amp": "without motion prior",
}


def settings_of(method: Method, settings: RefineSettings) -> RefineSettings:
    """The recipe of a method.

    Args:
        method: "static" needs none: it is not refined.
        settings: the recipe of `hfb`.
    """
    if method != "hfb_without_amp":
        return settings
    stages = [
        replace(stage, weights=replace(stage.weights, adversarial=0.0)) for stage in settings.stages
    ]
    return replace(settings, stages=stages, choose_direction=False)
