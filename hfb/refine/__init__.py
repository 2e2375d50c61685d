"""The refinement: eq. 11 minimised sample by sample, and the module that runs it."""

from hfb.refine.hfb_module import HfbModule
from hfb.refine.module import RefineModule
from hfb.refine.problem import RefineProblem, build_problem, join_problems
from hfb.refine.results import Refinement, Views, render_views
from hfb.refine.runner import Refiner
from hfb.refine.settings import LearningRates, RefineSettings, Stage

__all__ = [
    "HfbModule",
    "LearningRates",
    "RefineModule",
    "RefineProblem",
    "RefineSettings",
    "Refinement",
    "Refiner",
    "Stage",
    "Views",
    "build_problem",
    "join_problems",
    "render_views",
]
