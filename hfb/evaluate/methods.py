"""What can be evaluated: the refinement, its start, and the methods it is compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hfb.refine.recipe.settings import RefineSettings

Method = Literal["hfb", "hfb_without_amp", "static", "interpolated", "sfb", "mfb", "external"]
BASELINES = ("interpolated", "sfb", "mfb", "external")
OBJECT_METHODS = ("sfb", "mfb")
"""They know no joints: silhouettes and the photo blurred again are all that can be compared."""

TITLES: dict[str, str] = {
    "sfb": "Shape from Blur",
    "mfb": "Motion from Blur",
    "external": "external",
    "interpolated": "starts, interpolated",
    "static": "static start",
    "lifted": "lifted start",
    "hfb": "Human from Blur",
    "hfb_without_amp": "without motion prior",
}


def settings_of(method: Method, settings: RefineSettings) -> RefineSettings:
    """The recipe of a method.

    Args:
        method: the others than `hfb` and `hfb_without_amp` need none.
        settings: the recipe of `hfb`.
    """
    if method != "hfb_without_amp":
        return settings
    return replace(settings.with_weights(adversarial=0.0), expected_motion=0.0)
