"""What is known before the picture is seen: which poses and which motions are plausible."""

from hfb.prior.heading import MotionSketch, sketch_motion
from hfb.prior.motion import MotionPrior
from hfb.prior.motion_file import load_motion_prior, save_motion_prior
from hfb.prior.patterns import MotionPriorSettings
from hfb.prior.pose import MixturePosePrior, PosePriorKind

__all__ = [
    "MixturePosePrior",
    "MotionPrior",
    "MotionPriorSettings",
    "MotionSketch",
    "PosePriorKind",
    "load_motion_prior",
    "save_motion_prior",
    "sketch_motion",
]
