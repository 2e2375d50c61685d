"""Other people's methods, from their descriptions, to compare with on the same samples."""

from hfb.baselines.object_problem import ObjectProblem, build_object_problem
from hfb.baselines.object_result import ObjectEstimate, estimate_object
from hfb.baselines.object_settings import BaselineSettings, MfbRecipe, ObjectRecipe, SfbRecipe
from hfb.baselines.subframe_files import list_subframes, read_subframe, read_subframe_masks

__all__ = [
    "BaselineSettings",
    "MfbRecipe",
    "ObjectEstimate",
    "ObjectProblem",
    "ObjectRecipe",
    "SfbRecipe",
    "build_object_problem",
    "estimate_object",
    "list_subframes",
    "read_subframe",
    "read_subframe_masks",
]
