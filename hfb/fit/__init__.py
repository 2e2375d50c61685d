"""The fit: eq. 11 minimised over shape, pose, texture and motion, with Adam, through Lightning."""

from hfb.fit.fitter import Fitter
from hfb.fit.module import RefineModule
from hfb.fit.problem import RefineProblem, build_problem, join_problems
from hfb.fit.result import Refinement, Views, render_views
from hfb.fit.settings import LearningRates, RefineSettings, Stage

__all__ = [
    "Fitter",
    "LearningRates",
    "RefineModule",
    "RefineProblem",
    "RefineSettings",
    "Refinement",
    "Stage",
    "Views",
    "build_problem",
    "join_problems",
    "render_views",
]
