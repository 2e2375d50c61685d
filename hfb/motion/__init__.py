"""Motion inside the exposure: polynomials in time; the only room that knows the shutter."""

from hfb.motion.fitting import fit_polynomial, static_motion
from hfb.motion.polynomial import (
    Parameterization,
    PolynomialMotion,
    evaluate,
    reversal_matrix,
    reverse,
    subframe_times,
)
from hfb.motion.velocity import MovingPose, evaluate_moving

__all__ = [
    "MovingPose",
    "Parameterization",
    "PolynomialMotion",
    "evaluate",
    "evaluate_moving",
    "fit_polynomial",
    "reversal_matrix",
    "reverse",
    "static_motion",
    "subframe_times",
]
