"""The fit: eq. 11 minimised over shape, pose, texture and motion, with Adam, through Lightning."""

from hfb.refine.fitter import Fitter
from hfb.refine.module import RefineModule
from hfb.refine.objective.context import Context, Prediction
from hfb.refine.objective.terms import import_plugins, register_term, unregister_term
from hfb.refine.problem import RefineProblem, build_problem, join_problems
from hfb.refine.recipe.settings import LearningRates, RefineSettings, Stage
from hfb.refine.result import Refinement, Views, render_views

__all__ = [
    "Context",
    "Fitter",
    "LearningRates",
    "Prediction",
    "RefineModule",
    "RefineProblem",
    "RefineSettings",
    "Refinement",
    "Stage",
    "Views",
    "build_problem",
    "import_plugins",
    "join_problems",
    "register_term",
    "render_views",
    "unregister_term",
]
