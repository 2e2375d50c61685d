"""Other people's methods, from their descriptions, to compare with on the same samples."""

from hfb.baselines.external import ExternalEstimate, read_external
from hfb.baselines.objects.problem import ObjectProblem, build_object_problem
from hfb.baselines.objects.result import ObjectEstimate, estimate_object
from hfb.baselines.objects.settings import BaselineSettings, MfbRecipe, ObjectRecipe, SfbRecipe
from hfb.baselines.pose_track import PoseTrack
from hfb.baselines.restoration.settings import RestoreSettings
from hfb.baselines.restoration.subframes import restore_subframes
from hfb.baselines.subframe_files import (
    list_subframes,
    read_subframe,
    read_subframe_masks,
    subframe_name,
)

__all__ = [
    "BaselineSettings",
    "ExternalEstimate",
    "MfbRecipe",
    "ObjectEstimate",
    "ObjectProblem",
    "ObjectRecipe",
    "PoseTrack",
    "RestoreSettings",
    "SfbRecipe",
    "build_object_problem",
    "estimate_object",
    "list_subframes",
    "read_external",
    "read_subframe",
    "read_subframe_masks",
    "restore_subframes",
    "subframe_name",
]
