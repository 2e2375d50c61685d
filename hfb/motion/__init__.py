"""Motion inside the exposure: polynomials in time; the only room that knows the shutter."""

from hfb.motion.fitting import fit_polynomial, static_motion
from hfb.motion.polynomial import (
    Parameterization,
    PolynomialMotion,
    evaluate,
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
    "reverse",
    "static_motion",
    "subframe_times",
]
